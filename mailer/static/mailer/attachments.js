// Files go to the server as soon as they are chosen, and leave what is typed alone.
import { insert } from "./merge_tags.js";

const list = document.querySelector("[data-attachments]");
const input = document.querySelector("#id_files");
const problem = document.querySelector("[data-files-problem]");
const form = document.querySelector("#message-form");

function tell(what) {
  problem.textContent = what;
  problem.hidden = !what;
}

/** Send a form's values to `url`, and show the list that comes back. */
async function send(url, values) {
  values.set("fragment", "1");
  values.set("csrfmiddlewaretoken", new FormData(form).get("csrfmiddlewaretoken"));
  try {
    const response = await fetch(url, { method: "POST", body: values });
    if (!response.ok) throw new Error(response.statusText);
    list.innerHTML = await response.text();
  } catch {
    tell(input.dataset.failed);
    return;
  }
  offerPictures();
  document.dispatchEvent(new Event("files-changed"));
}

function offerPictures() {
  for (const button of document.querySelectorAll("[data-picture]")) button.hidden = form.elements.kind.value === "text";
}

function markupOf({ picture, name }) {
  const alt = name.replace(/\.[^.]*$/, "").replace(/["<>[\]{}]/g, "");
  return form.elements.kind.value === "html" ? `<img src="${picture}" alt="${alt}">` : `![${alt}](${picture})`;
}

input.addEventListener("change", async () => {
  const files = [...input.files];
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size > Number(input.dataset.mostBytes)) {
    input.value = "";
    tell(input.dataset.tooLarge);
    return;
  }
  tell("");
  if (!input.dataset.attach || !files.length) return; // they go with the first save
  const values = new FormData();
  for (const file of files) values.append("files", file);
  input.value = "";
  await send(input.dataset.attach, values);
});

list?.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target.action, new FormData(event.target));
});
list?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-picture]");
  if (button) insert(markupOf(button.dataset), form.elements.body);
});
form.addEventListener("change", offerPictures);
offerPictures();
