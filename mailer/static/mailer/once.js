// A form that is on its way is not sent again by a second click, until something else is entered.

for (const form of document.querySelectorAll("form[data-once]")) {
  let isSent = false;
  form.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  form.addEventListener("input", () => { isSent = false; });
  window.addEventListener("pageshow", (event) => { if (event.persisted) isSent = false; });
}
