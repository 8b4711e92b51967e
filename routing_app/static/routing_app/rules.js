// Condition rows of the rule form: operators that don't fit the fact are hidden, and the value is chosen from the
// fact's list, ticked, or typed as one or two numbers. The typed field stays what is sent; the server checks it again.
// Facts, operators and lists come from the page (rendered by the server), so the catalogue is written down once.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const source = document.getElementById("rt-operators");
  if (!source) return;
  const known = JSON.parse(source.textContent);
  const ONE = new Set(["is", "is_not"]);
  const SEVERAL = new Set(["one_of", "none_of", "includes_any", "includes_none"]);

  const split = (text) => text.split(/[,;\n]/).map((part) => part.trim()).filter(Boolean);
  const make = (tag, className, more = {}) => Object.assign(document.createElement(tag), { className }, more);

  const choices = (select, options, chosen) => {
    const listed = new Map(options.map(([code, label]) => [code.toLowerCase(), [code, label]]));
    for (const code of chosen) {
      if (!listed.has(code.toLowerCase())) listed.set(code.toLowerCase(), [code, `${code} (not in the list)`]);
    }
    const wanted = new Set(chosen.map((code) => code.toLowerCase()));
    for (const [key, [code, label]] of listed) {
      select.append(new Option(label === code ? label : `${label} (${code})`, code, false, wanted.has(key)));
    }
  };

  const oneOf = (field, options, label) => {
    const select = make("select", field.className);
    select.setAttribute("aria-label", label);
    select.append(new Option("choose", ""));
    choices(select, options, field.value.trim() ? [field.value.trim()] : []);
    select.addEventListener("change", () => { field.value = select.value; });
    return [select];
  };

  const several = (field, options, label) => {
    const select = make("select", "", { multiple: true });
    select.dataset.picks = "values";
    select.setAttribute("aria-label", label);
    choices(select, options, split(field.value));
    const tell = () => { field.value = [...select.selectedOptions].map((one) => one.value).join(", "); };
    const holder = make("div", "rt-several");
    holder.append(select);
    window.rtPicks.dress(select, tell);
    return [holder];
  };

  const between = (field, unit, label) => {
    const [low = "", high = ""] = split(field.value);
    const ends = [low, high].map((value, place) => {
      const input = make("input", `${field.className} rt-end`, { value, inputMode: "decimal", autocomplete: "off" });
      input.setAttribute("aria-label", `${label}, ${place ? "upper" : "lower"} bound`);
      return input;
    });
    const tell = () => { field.value = ends.map((end) => end.value.trim()).filter(Boolean).join(", "); };
    for (const end of ends) end.addEventListener("input", tell);
    return [ends[0], make("span", "rt-unit", { textContent: "and" }), ends[1], ...unitOf(unit)];
  };
  const unitOf = (unit) => (unit ? [make("span", "rt-unit", { textContent: unit })] : []);

  const fit = (row) => {
    const fact = row.querySelector("select[name$='-fact']");
    const operator = row.querySelector("select[name$='-operator']");
    const field = row.querySelector("[name$='-value']");
    if (!fact || !operator || !field || fact.name.includes("__prefix__")) return;
    const allowed = known.operators[fact.value];
    for (const option of operator.options) {
      option.hidden = Boolean(allowed && option.value && !allowed.includes(option.value));
    }
    if (allowed && operator.value && !allowed.includes(operator.value)) operator.value = allowed[0];
    row.querySelector(".rt-value")?.remove();
    const without = known.withoutValue.includes(operator.value);
    if (without) field.value = "";
    const options = known.choices[fact.value];
    const unit = known.units[fact.value] || "";
    const label = `Value of ${fact.selectedOptions[0]?.textContent.trim() || "the fact"}`;
    let shown = null;
    if (without) shown = [];
    else if (options && ONE.has(operator.value)) shown = oneOf(field, options, label);
    else if (options && SEVERAL.has(operator.value)) shown = several(field, options, label);
    else if (operator.value === "between") shown = between(field, unit, label);
    field.classList.toggle("rt-unseen", shown !== null);
    field.tabIndex = shown === null ? 0 : -1;
    field.inputMode = known.numbers.includes(fact.value) ? "decimal" : "text";
    field.title = known.helps[fact.value] || "";
    const holder = make("div", "rt-value");
    holder.append(...(shown ?? (known.numbers.includes(fact.value) ? unitOf(unit) : [])));
    field.after(holder);
  };

  const rowOf = (element) => element.closest("tr, .form-row, [x-data]") || document;
  document.addEventListener("change", (event) => {
    const name = event.target.name || "";
    if (!/-(fact|operator)$/.test(name)) return;
    const row = rowOf(event.target);
    if (name.endsWith("-fact")) row.querySelector("[name$='-value']").value = "";
    fit(row);
  });
  const every = (root) => {
    for (const fact of root.querySelectorAll("select[name^='conditions-'][name$='-fact']")) fit(rowOf(fact));
  };
  document.addEventListener("formset:added", (event) => every(event.target));
  every(document);
});
