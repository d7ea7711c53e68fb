// Suggests the browser's own time zone, where another one is set and the list has it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const select = document.querySelector("#id_time_zone");
const suggestion = document.querySelector("#zone-suggestion");
const offer = () => { suggestion.hidden = select.value === zone || !Array.from(select.options).some((option) => option.value === zone); };
suggestion.querySelector("strong").textContent = zone;
suggestion.querySelector("button").addEventListener("click", () => { select.value = zone; offer(); });
select.addEventListener("change", offer);
offer();
