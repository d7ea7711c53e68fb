// Puts a merge tag where the cursor is, in the field that had it last.
let field = document.querySelector("#id_body");
for (const one of document.querySelectorAll("#id_subject, #id_body")) {
  one.addEventListener("focus", () => { field = one; });
}
for (const button of document.querySelectorAll("[data-merge-tag]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    field.setRangeText(button.dataset.mergeTag, field.selectionStart, field.selectionEnd, "end");
    field.focus();
  });
}
