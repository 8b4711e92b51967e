/* The desk: a click previews a row (a second one, or Enter, opens it), x picks several, new markup keeps what was picked. */

const rows = () => document.getElementById("rows");
const current = () => rows()?.querySelector('[data-row][aria-selected="true"]');
const picked = new Set();
const wide = matchMedia("(min-width: 1001px)");
let pressedOn = "";

function showPicked() {
  const box = rows();
  if (!box) return;
  const there = new Set([...box.querySelectorAll("[data-row]")].map((row) => row.dataset.row));
  for (const ref of picked) if (!there.has(ref)) picked.delete(ref);
  for (const row of box.querySelectorAll("[data-row]")) {
    const on = picked.has(row.dataset.row);
    row.toggleAttribute("data-picked", on);
    row.setAttribute("aria-label", on ? `${row.querySelector("b")?.textContent}, chosen` : "");
    if (!on) row.removeAttribute("aria-label");
  }
  const form = document.querySelector("[data-picked-form]");
  form.hidden = picked.size === 0;
  form.querySelector("[data-picked-count]").textContent = `${picked.size} chosen`;
  for (const old of form.querySelectorAll('input[name="ref"]')) old.remove();
  for (const ref of picked) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "ref", value: ref }));
  }
  document.querySelector("[data-pick]").hidden = there.size === 0;
}

function pick() {
  const row = current();
  if (!row) return;
  if (!picked.delete(row.dataset.row)) picked.add(row.dataset.row);
  showPicked();
}

function clearPicked() {
  picked.clear();
  showPicked();
}

document.addEventListener("pointerdown", (event) => {
  const row = event.target.closest("#rows [data-row]");
  pressedOn = row?.getAttribute("aria-selected") === "true" ? row.dataset.row : "";
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-pick]")) return pick();
  if (event.target.closest("[data-picked-none]")) return clearPicked();
  const row = event.target.closest("#rows [data-row]");
  if (!row || event.detail !== 1 || event.ctrlKey || event.metaKey || event.shiftKey || !wide.matches) return;
  // the first click only looks; the keyboard's Enter arrives with detail 0 and opens
  if (pressedOn !== row.dataset.row) {
    event.preventDefault();
    row.focus({ preventScroll: true });
  }
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.elt.matches?.("[data-picked-form]")) clearPicked();
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "rows" || event.detail.elt?.id === "rows") showPicked();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && picked.size && !document.querySelector("dialog[open]")) clearPicked();
});
showPicked();
