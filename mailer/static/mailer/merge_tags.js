// Puts a merge tag, or a picture, where the cursor is, in the field that had it last.
let field = document.querySelector("#id_body");
const end = field.value.search(/<\/body>/i); // until somebody puts the cursor elsewhere, it is where the mail ends
field.setSelectionRange(...Array(2).fill(end < 0 ? field.value.length : end));
for (const one of document.querySelectorAll("#id_subject, #id_body, #id_alternative")) {
  one.addEventListener("focus", () => { field = one; });
}

export function insert(text, into = field) {
  into.setRangeText(text, into.selectionStart, into.selectionEnd, "end");
  into.focus();
  into.dispatchEvent(new Event("input", { bubbles: true }));
}

for (const button of document.querySelectorAll("[data-merge-tag]")) {
  button.hidden = false;
  button.addEventListener("click", () => insert(button.dataset.mergeTag));
}
