// Success and failure by the day, stacked; its colours are the style sheet's, its numbers also stand in the table below.
const shown = [["uncertain", 3], ["failure", 2], ["success", 1]]; // drawn from the back: the tallest bar first
const language = document.documentElement.lang;
const dayFirst = language === "en" ? "en-GB" : language; // as on all pages
const dayName = new Intl.DateTimeFormat(dayFirst, { day: "numeric", month: "short", timeZone: "UTC" });
const widthOfDate = 80; // px
const widthOfDigit = 8;
let chart = null;

/** Draw the chart where the page has one, in place of what was drawn before. */
export function drawDays() {
  chart?.destroy();
  chart = null;
  const box = document.querySelector("[data-chart]");
  if (!box) return;
  const days = JSON.parse(document.querySelector("#chart-days").textContent);
  const table = document.querySelector(".chart-table");
  table.open = false;
  table.dataset.ready = "";
  box.hidden = false;
  chart = new window.uPlot(options(box, days), heights(days), box);
}

/** For each series how high its bars reach, all below it included. */
function heights(days) {
  const upTo = (last) => days.map((day) => day.slice(1, last + 1).reduce((sum, n) => sum + n, 0));
  return [days.map((_, at) => at), ...shown.map(([, last]) => upTo(last))];
}

function options(box, days) {
  const style = getComputedStyle(box);
  const colour = (name) => style.getPropertyValue(name).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: colour("--ink-soft"), font, ticks: { show: false } };
  const tones = { success: "--state-sent", failure: "--state-failed", uncertain: "--state-uncertain" };
  const bars = window.uPlot.paths.bars({ size: [0.72, 36], radius: 0.15 });
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
    scales: { x: { time: false, range: [-0.6, days.length - 0.4] }, y: { range: (_, _low, high) => [0, Math.max(high * 1.05, 1)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 28, splits: (plot) => dates(plot, days), values: (_, at) => at.map((n) => name(days[n])) },
      { ...axis, grid: { stroke: colour("--line"), width: 1 }, incrs: steps(), size: (_, values) => longest(values) * widthOfDigit + 14,
        values: (_, at) => at.map((n) => n.toLocaleString(language)) },
    ],
    series: [{}, ...shown.map(([status]) => ({ paths: bars, fill: colour(tones[status]), width: 0, points: { show: false } }))],
    hooks: { setCursor: [(plot) => tell(days[plot.cursor.idx])] },
  };
}

const name = (day) => dayName.format(new Date(`${day[0]}T00:00Z`));
const longest = (values) => Math.max(1, ...(values ?? []).map((value) => value.length));
const steps = () => Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();

/** As many days as have room for their names, today being one. */
function dates(plot, days) {
  const room = Math.max(1, Math.floor(plot.width / widthOfDate));
  const step = Math.ceil(days.length / room);
  return days.map((_, at) => at).filter((at) => (days.length - 1 - at) % step === 0);
}

/** Show a day's numbers in the legend, or with none pointed at those of all days. */
function tell(day) {
  const legend = document.querySelector("[data-legend]");
  const span = legend.querySelector("[data-span]");
  span.textContent = day ? name(day) : span.dataset.span;
  for (const [status, at] of shown) {
    const number = legend.querySelector(`[data-total="${status}"]`);
    number.textContent = (day ? day[at] : Number(number.dataset.n)).toLocaleString(language);
  }
}

const redraw = () => { if (chart) drawDays(); };
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
window.addEventListener("resize", () => {
  const box = document.querySelector("[data-chart]");
  if (box?.clientWidth) chart?.setSize({ width: box.clientWidth, height: box.clientHeight });
});
