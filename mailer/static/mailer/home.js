// The home page: the bars of what is under way move by their websockets, the chart is drawn.
import { drawDays } from "./days.js";
import { moveBar, watch } from "./watch.js";

const language = document.documentElement.lang;
const leastPause = 1000; // ms between two refreshes
const everyMinute = 60000;
let watches = [];
let refreshing = false;

function watchRows() {
  const lost = new Set();
  const show = () => {
    const sign = document.querySelector("[data-reconnecting]");
    if (sign) sign.hidden = lost.size === 0;
  };
  watches = Array.from(document.querySelectorAll("[data-live]"), (row) => watch(row.dataset.live, {
    show: ({ progress }) => { move(row, progress); },
    connected: () => { lost.delete(row); show(); },
    lost: () => { lost.add(row); show(); },
  }));
}

function move(row, progress) {
  moveBar(row, progress.counts);
  const set = (name, n) => { row.querySelector(`[data-number="${name}"]`).textContent = n.toLocaleString(language); };
  for (const name of ["percent", "closed", "total"]) set(name, progress[name]);
  if (progress.status !== row.dataset.status) refresh();
}

// The page's parts are the server's: when a mailing has started, paused or ended they are fetched anew, and now and then.
async function refresh() {
  if (refreshing) return;
  refreshing = true;
  setTimeout(() => { refreshing = false; }, leastPause);
  const response = await fetch(location.href).catch(() => null);
  if (!response?.ok) return; // the server is away: the next frame or the next minute tries again
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("#parts");
  if (!fresh) return location.reload(); // signed out
  for (const stop of watches) stop();
  document.querySelector("#parts").replaceWith(document.adoptNode(fresh));
  watchRows();
  drawDays();
}

watchRows();
drawDays();
setInterval(() => { if (!document.hidden && !document.querySelector("#parts details[open]")) refresh(); }, everyMinute);
