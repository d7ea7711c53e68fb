// The report that never comes: say so in its place.
const report = document.querySelector("#report");
const fail = () => {
  report.querySelector(".report-waits")?.remove();
  report.querySelector(".report-fails")?.removeAttribute("hidden");
};
for (const event of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) report.addEventListener(event, fail);
