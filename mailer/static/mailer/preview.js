// The preview beside a message, anew whenever something is typed, and saved nowhere: each window posts what it holds.
const root = document.querySelector("[data-preview]");
const choices = root.querySelector("#preview-form");
const stage = root.querySelector("[data-stage]");
const checks = root.querySelector("[data-checks]");
const people = choices.elements.recipient;
const form = document.querySelector("#message-form"); // where nothing is edited there is none
const { url, people: peopleUrl } = root.dataset;
const pause = 400; // milliseconds without a key, before it is worth a look
let view = "html";
let timer;
let asking = new AbortController();
let frames = 0;

/** What the server is asked with: what is typed, where something can be, and the choices. */
function asked(wanted) {
  const values = form ? new FormData(form) : new FormData();
  for (const name of ["files", "seen"]) values.delete(name);
  values.set("view", wanted);
  values.set("recipient", people.value);
  if (choices.elements.pictures.checked) values.set("pictures", "1");
  return values;
}

/** A frame of its own for each answer: no flicker, and nothing for the browser's Back to go through. */
function showFrame() {
  const old = stage.querySelector("iframe:not([data-loading])");
  for (const unfinished of stage.querySelectorAll("[data-loading]")) unfinished.remove();
  const frame = old.cloneNode();
  frame.removeAttribute("src");
  frames += 1;
  frame.name = `mail-preview-${frames}`;
  frame.dataset.loading = "";
  let isAsked = !form;
  frame.addEventListener("load", () => {
    if (!isAsked) return; // it was the empty page that a new frame begins with
    old.remove();
    delete frame.dataset.loading;
  });
  if (!form) frame.src = `${url}?${new URLSearchParams(asked(view))}`;
  stage.append(frame);
  if (!form) return;
  const courier = document.createElement("form");
  Object.assign(courier, { method: "post", action: url, target: frame.name, hidden: true });
  for (const [name, value] of asked(view)) {
    const field = document.createElement("textarea"); // keeps line ends
    Object.assign(field, { name, value });
    courier.append(field);
  }
  document.body.append(courier);
  isAsked = true;
  courier.submit();
  courier.remove();
}

async function showChecks() {
  asking.abort();
  asking = new AbortController();
  const query = form ? "" : `?${new URLSearchParams(asked("checks"))}`;
  const options = form ? { method: "POST", body: asked("checks") } : {};
  try {
    const response = await fetch(url + query, { ...options, signal: asking.signal });
    if (response.ok) checks.innerHTML = await response.text();
  } catch (error) {
    if (error.name !== "AbortError") checks.textContent = "…";
  }
}

function show() {
  clearTimeout(timer);
  showFrame();
  showChecks();
}

function showSoon() {
  clearTimeout(timer);
  timer = setTimeout(show, pause);
}

async function findPeople(search) {
  const response = await fetch(`${peopleUrl}?q=${encodeURIComponent(search)}`);
  if (!response.ok) return;
  people.innerHTML = await response.text();
  show();
}

function followKind() {
  const isText = form.elements.kind.value === "text";
  form.querySelector("[data-alternative]").hidden = isText;
}

for (const button of root.querySelectorAll("[data-view]")) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    view = button.dataset.view;
    stage.dataset.device = button.dataset.device ?? "desktop";
    for (const one of root.querySelectorAll("[data-view]")) {
      one.classList.toggle("active", one === button);
      one.setAttribute("aria-pressed", String(one === button));
    }
    show();
  });
}
choices.addEventListener("submit", (event) => event.preventDefault());
choices.addEventListener("change", show);
const search = choices.querySelector("[data-search]");
let searching;
search.hidden = false;
search.addEventListener("input", () => {
  clearTimeout(searching);
  searching = setTimeout(() => findPeople(search.value), pause);
});
search.addEventListener("change", (event) => event.stopPropagation());
document.addEventListener("files-changed", show);
if (form) {
  form.addEventListener("input", (event) => { if (event.target.name !== "files") showSoon(); });
  form.addEventListener("change", followKind);
  const takeMade = form.querySelector("[data-take-made]");
  takeMade.hidden = false;
  takeMade.addEventListener("click", async () => {
    const values = asked("made");
    values.set("alternative", "");
    const response = await fetch(url, { method: "POST", body: values });
    if (!response.ok) return;
    form.elements.alternative.value = await response.text();
    show();
  });
  followKind();
}
show();
