// Lists of which several may be chosen, as one line that opens to boxes to tick; the select beneath stays the field
// that is sent, so that nothing is lost without scripts. Serves ladder roles, the matrix and the rule conditions.
"use strict";

window.rtPicks = (() => {
  const said = (select) => [...select.selectedOptions].map((option) => option.textContent.trim()).join(", ");

  // One select gets its line once; `changed` is called after each tick.
  const dress = (select, changed) => {
    if (select.dataset.picked || select.name.includes("__prefix__")) return;
    select.dataset.picked = "yes";
    const box = document.createElement("details");
    box.className = "rt-pick";
    const line = document.createElement("summary");
    const label = select.id && document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    line.setAttribute("aria-label", label ? label.textContent.trim() : "Choose");
    const list = document.createElement("div");
    list.className = "rt-pick-list";
    const show = () => {
      const text = said(select);
      line.textContent = text || "nobody";
      if (select.dataset.picks !== "roles" && !text) line.textContent = "choose";
      line.setAttribute("aria-label", `${label ? label.textContent.trim() : "Choose"}: ${line.textContent}`);
    };
    for (const option of select.options) {
      if (!option.value) continue;
      const row = document.createElement("label");
      const tick = document.createElement("input");
      tick.type = "checkbox";
      tick.checked = option.selected;
      tick.addEventListener("change", () => {
        option.selected = tick.checked;
        show();
        if (changed) changed();
        select.dispatchEvent(new Event("change", { bubbles: true }));
      });
      row.append(tick, ` ${option.textContent.trim()}`);
      list.append(row);
    }
    box.append(line, list);
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !box.open) return;
      box.open = false;
      line.focus();
    });
    show();
    select.classList.add("rt-unseen");
    select.tabIndex = -1;
    select.setAttribute("aria-hidden", "true");
    select.after(box);
  };

  const all = (root) => {
    for (const select of root.querySelectorAll("select[multiple][data-picks]")) dress(select);
  };
  document.addEventListener("click", (event) => {
    for (const box of document.querySelectorAll("details.rt-pick[open]")) {
      if (!box.contains(event.target)) box.open = false;
    }
  });
  document.addEventListener("formset:added", (event) => all(event.target));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => all(document));
  else all(document);
  return { dress };
})();
