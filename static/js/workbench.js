/* The error workbench: rows are chosen with their boxes, x or the box over them; new markup keeps what was chosen.
   A group longer than its page can be chosen whole; then every verb asks first, naming how many. */
import { say } from "./words.js";

const picked = new Set();
let whole = ""; // the group chosen whole, as the page names it without the moment it was read
const form = () => document.querySelector("[data-picks]");
const boxes = () => [...(form()?.querySelectorAll('input[name="posting"]') || [])];
const idOf = (box) => box.value.split(":")[0];

const wholeField = () => form()?.querySelector("[data-whole]");
const groupOf = (field) => field?.value.slice(field.value.indexOf(" ") + 1) || "";

function showWhole(all) {
  const field = wholeField();
  if (whole && (groupOf(field) !== whole || picked.size < all.length)) whole = "";
  if (field) field.disabled = !whole;
  const words = document.querySelector("[data-whole-words]");
  if (words) words.hidden = !whole;
  const pick = document.querySelector("[data-whole-pick]");
  if (pick) pick.hidden = Boolean(whole) || picked.size < all.length;
  return whole ? Number(field.dataset.wholeCount) : picked.size;
}

function show() {
  const all = boxes();
  if (whole && groupOf(wholeField()) === whole) for (const box of all) picked.add(idOf(box));
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
  const page = document.querySelector("[data-pick-all]");
  if (page) {
    page.checked = all.length > 0 && picked.size === all.length;
    page.indeterminate = picked.size > 0 && picked.size < all.length;
  }
  const chosen = showWhole(all);
  const said = chosen ? say("{count} chosen", { count: chosen }) : say("Choose all");
  const words = document.querySelector("[data-picked-words]");
  if (words) words.textContent = said;
  for (const count of document.querySelectorAll("[data-picked-count]")) count.textContent = chosen || "";
  const long = whole && document.querySelector("[data-whole-words]")?.textContent;
  for (const place of document.querySelectorAll("[data-chosen-words]")) place.textContent = long || said;
}

document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches?.("[data-pick-all]")) {
    if (!box.checked) whole = "";
    for (const one of boxes()) box.checked ? picked.add(idOf(one)) : picked.delete(idOf(one));
  } else if (box.matches?.('[data-picks] input[name="posting"]')) {
    if (!box.checked) whole = "";
    box.checked ? picked.add(idOf(box)) : picked.delete(idOf(box));
  } else return;
  show();
});
document.addEventListener("click", (event) => {
  const summary = event.target.closest?.('summary[aria-disabled="true"]');
  if (summary) return event.preventDefault();
  if (event.target.closest?.("[data-whole-pick] button")) {
    whole = groupOf(wholeField());
    return show();
  }
  if (!event.target.closest?.("[data-pick]")) return;
  const box = form()?.querySelector('[data-row][aria-selected="true"] input[name="posting"]');
  if (!box) return;
  if (!picked.delete(idOf(box))) picked.add(idOf(box));
  else whole = "";
  show();
});
// before htmx hears it: a whole group is never touched without a question that names how many it is
document.addEventListener(
  "submit",
  (event) => {
    const button = event.submitter;
    if (!whole || !event.target.matches("[data-picks]") || !button || button.closest("dialog")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const dialog = document.getElementById("whole-many");
    const go = dialog.querySelector("[data-whole-go]");
    const asked = button.dataset.asks || button.textContent.trim();
    dialog.querySelector("h2").textContent = asked;
    go.querySelector("span").textContent = asked;
    go.value = button.value;
    button.closest("details")?.removeAttribute("open");
    dialog.showModal();
  },
  true,
);
document.addEventListener("picked-done", () => {
  whole = "";
  picked.clear();
  show();
});
document.addEventListener("htmx:afterSettle", show);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !picked.size || document.querySelector("dialog[open], details.facet-menu[open]")) return;
  whole = "";
  picked.clear();
  show();
});
show();
