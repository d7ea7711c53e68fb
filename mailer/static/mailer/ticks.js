// Who leaves the page with ticks that nothing has been done with is asked first, by the browser.

const form = document.querySelector("#ticks");
let isSent = false;
form.addEventListener("submit", () => { isSent = true; });
window.addEventListener("pageshow", () => { isSent = false; });
window.addEventListener("beforeunload", (event) => {
  if (!isSent && form.querySelector("[name=recipient]:checked")) event.preventDefault();
});
