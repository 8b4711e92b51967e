// Marks the admin's change form with what a chosen fact can be compared with: operators that do not fit are hidden.
// The table comes from the page (rendered by the server), so the catalogue is written down once.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const source = document.getElementById("rt-operators");
  if (!source) return;
  const known = JSON.parse(source.textContent);

  const fit = (row) => {
    const fact = row.querySelector("select[name$='-fact']");
    const operator = row.querySelector("select[name$='-operator']");
    const value = row.querySelector("[name$='-value']");
    if (!fact || !operator) return;
    const allowed = known.operators[fact.value];
    for (const option of operator.options) {
      option.hidden = Boolean(allowed && option.value && !allowed.includes(option.value));
    }
    if (allowed && operator.value && !allowed.includes(operator.value)) operator.value = allowed[0];
    if (value) {
      value.disabled = known.withoutValue.includes(operator.value);
      if (value.disabled) value.value = "";
      const list = `rt-values-${fact.value}`;
      if (document.getElementById(list)) value.setAttribute("list", list);
      else value.removeAttribute("list");
    }
  };

  const rowOf = (element) => element.closest("tr, .form-row, [x-data]") || document;
  document.addEventListener("change", (event) => {
    if (/-(fact|operator)$/.test(event.target.name || "")) fit(rowOf(event.target));
  });
  for (const fact of document.querySelectorAll("select[name^='conditions-'][name$='-fact']")) fit(rowOf(fact));
});
