// The mailing's page, kept true by a websocket. What the server sends is text, and goes in as text.
import { moveBar, watch } from "./watch.js";

const page = document.querySelector("[data-live]");
const language = document.documentElement.lang;
const fromServer = (id) => JSON.parse(document.getElementById(id).textContent);
const labels = fromServer("attempt-labels");
const durations = fromServer("duration-formats");
const phrases = fromServer("phrases").map(([pattern, sentence]) => [new RegExp(`^(?:${pattern})$`, "s"), sentence]);
const mostRows = 100;
const day = 24 * 3600; // seconds
let leftOut = 0; // since the last snapshot
let shownStatus = document.querySelector("[data-status]").dataset.status;
let shownReason = null;
let notSentTimer = null;

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: page.dataset.zone });
const set = (id, text) => { const found = document.getElementById(id); if (found) found.textContent = text; };

function show(frame) {
  const { progress } = frame;
  showProgress(progress);
  if (frame.type === "snapshot") {
    document.querySelector("#attempts")?.replaceChildren();
    leftOut = 0;
  }
  showAttempts(frame.attempts);
  showLeftOut(frame.left_out);
  // The sentences are the server's: when one changes, its part of the page is fetched anew.
  const reason = JSON.stringify(progress.reason);
  const rendered = document.getElementById("notice").dataset.reason;
  const isOther = shownReason === null ? rendered !== (progress.reason?.code ?? "") : reason !== shownReason;
  if (progress.status !== shownStatus || isOther) refresh();
  else if (progress.limit !== document.getElementById("pace")?.dataset.limit) refresh(["pace", "history"]);
  else refreshNotSent(progress.counts);
  shownStatus = progress.status;
  shownReason = reason;
}

// It comes with the server's words and buttons: fetched anew where its numbers have changed, every few seconds at most.
function refreshNotSent({ failed, uncertain, expired, skipped }) {
  const shown = document.getElementById("not-sent")?.dataset.shown;
  if (shown === undefined || shown === `${failed} ${uncertain} ${expired} ${skipped}` || notSentTimer) return;
  notSentTimer = setTimeout(() => { notSentTimer = null; refresh(["not-sent"]); }, 3000);
}

function showProgress(progress) {
  moveBar(page, progress.counts);
  for (const [state, n] of Object.entries(progress.counts)) {
    const count = document.querySelector(`[data-count="${state}"]`);
    if (!count) continue;
    count.hidden = n === 0;
    count.firstElementChild.textContent = n.toLocaleString(language);
  }
  set("percent", progress.percent);
  set("total", progress.total.toLocaleString(language));
  set("rate", progress.rate.toLocaleString(language, { maximumFractionDigits: 1, minimumFractionDigits: 1 }));
  set("left", progress.seconds_left === null ? "–" : duration(progress.seconds_left));
  const closesFirst = document.getElementById("closes-first");
  if (closesFirst) closesFirst.hidden = !progress.window_closes_first;
  if (progress.percent % 25 === 0) set("summary", `${progress.percent} %`);
}

function duration(seconds) {
  const format = seconds < 60 ? durations.seconds : seconds < 3600 ? durations.minutes : seconds < day ? durations.hours : durations.days;
  const parts = { d: Math.floor(seconds / day), h: Math.floor((seconds % day) / 3600), min: Math.floor((seconds % 3600) / 60), s: seconds % 60 };
  return format.replace(/\{(\w+)\}/g, (_, part) => parts[part]);
}

function showAttempts(attempts) {
  const body = document.querySelector("#attempts");
  if (!body || attempts.length === 0) return;
  document.querySelector("#no-attempts")?.remove();
  for (const attempt of attempts) {
    // Keys are given before they are committed: a late one goes where it belongs.
    const next = Array.from(body.rows).find((other) => Number(other.dataset.attempt) <= attempt.id);
    if (Number(next?.dataset.attempt) !== attempt.id) body.insertBefore(row(attempt), next ?? null);
  }
  while (body.rows.length > mostRows) body.deleteRow(-1);
}

function showLeftOut(n) {
  leftOut += n;
  const found = document.querySelector("#left-out");
  if (!found) return;
  found.hidden = leftOut === 0;
  found.firstElementChild.textContent = leftOut.toLocaleString(language);
}

function row(attempt) {
  const made = document.querySelector("#attempt-row").content.cloneNode(true);
  const cell = (name) => made.querySelector(`[data-cell="${name}"]`);
  const link = cell("email").firstElementChild;
  const badge = cell("status").firstElementChild;
  made.firstElementChild.dataset.attempt = attempt.id;
  cell("time").textContent = clock.format(new Date(attempt.finished_at));
  link.textContent = attempt.email;
  link.href = `${page.dataset.deliveries}${attempt.delivery_id}/`;
  badge.textContent = labels[attempt.status];
  badge.classList.add(`state-${attempt.status}`);
  cell("words").textContent = attempt.reply_code ? `${attempt.reply_code} ${attempt.server_response}` : told(attempt.server_response);
  return made;
}

// What the engine says where the server said nothing, in the page's language.
function told(text) {
  for (const [pattern, sentence] of phrases) {
    const match = pattern.exec(text);
    if (match) return sentence.replace(/%\((\w+)\)s/g, (_, part) => (part === "trouble" ? told(match.groups[part]) : match.groups[part]));
  }
  return text;
}

async function refresh(ids = ["status", "actions", "notice", "not-sent", "pace", "history"]) {
  const response = await fetch(location.href);
  if (!response.ok || response.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!document.querySelector("#attempts") !== !fresh.querySelector("#attempts")) return location.reload();
  for (const id of ids) {
    const found = fresh.getElementById(id);
    if (found) document.getElementById(id)?.replaceWith(document.adoptNode(found));
  }
}

const reconnecting = document.querySelector("#reconnecting");
watch(page.dataset.live, {
  show,
  connected: () => { reconnecting.hidden = true; },
  lost: () => { reconnecting.hidden = false; },
});
