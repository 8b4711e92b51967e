/* The error workbench: rows are chosen with their boxes, x or the box over them; new markup keeps what was chosen. */
import { say } from "./words.js";

const picked = new Set();
const form = () => document.querySelector("[data-picks]");
const boxes = () => [...(form()?.querySelectorAll('input[name="posting"]') || [])];
const idOf = (box) => box.value.split(":")[0];

function show() {
  const all = boxes();
  const there = new Set(all.map(idOf));
  for (const id of picked) if (!there.has(id)) picked.delete(id);
  for (const box of all) {
    box.checked = picked.has(idOf(box));
    box.closest("[data-row]").toggleAttribute("data-picked", box.checked);
  }
  for (const button of document.querySelectorAll("[data-needs-pick]")) {
    if (button.matches("summary")) button.setAttribute("aria-disabled", picked.size === 0);
    else button.disabled = picked.size === 0;
  }
  const whole = document.querySelector("[data-pick-all]");
  if (whole) {
    whole.checked = all.length > 0 && picked.size === all.length;
    whole.indeterminate = picked.size > 0 && picked.size < all.length;
  }
  const words = document.querySelector("[data-picked-words]");
  if (words) words.textContent = picked.size ? say("{count} chosen", { count: picked.size }) : say("Choose all");
  for (const count of document.querySelectorAll("[data-picked-count]")) count.textContent = picked.size || "";
}

document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches?.("[data-pick-all]")) {
    for (const one of boxes()) box.checked ? picked.add(idOf(one)) : picked.delete(idOf(one));
  } else if (box.matches?.('[data-picks] input[name="posting"]')) {
    box.checked ? picked.add(idOf(box)) : picked.delete(idOf(box));
  } else return;
  show();
});
document.addEventListener("click", (event) => {
  const summary = event.target.closest?.('summary[aria-disabled="true"]');
  if (summary) return event.preventDefault();
  if (!event.target.closest?.("[data-pick]")) return;
  const box = form()?.querySelector('[data-row][aria-selected="true"] input[name="posting"]');
  if (!box) return;
  if (!picked.delete(idOf(box))) picked.add(idOf(box));
  show();
});
document.addEventListener("picked-done", () => {
  picked.clear();
  show();
});
document.addEventListener("htmx:afterSettle", show);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !picked.size || document.querySelector("dialog[open], details[open]")) return;
  picked.clear();
  show();
});
show();
