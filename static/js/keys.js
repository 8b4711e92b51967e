/* Keyboard shortcuts written in the page.
   data-key="d"        pressing d clicks the element (a field is focused instead); "mod+enter" is Ctrl or Cmd with Enter
   data-key-words="…"  what the ? overlay calls it; otherwise its own words
   data-key-also="e"   a key the page's own script answers; only listed
   data-rows           a list; its [data-row] children are walked with j and k or the arrows, Enter opens
   A shortcut inside a row belongs to the selected row only. Selecting a row fires "rowselect" on it. */

import { say } from "./words.js";

const TYPING = "input:not([type=checkbox]):not([type=radio]):not([type=button]), textarea, select, [contenteditable=true]";
const chosen = new WeakMap(); // list -> the data-row value selected last

const rowsOf = (list) => [...list.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
const list = () => document.querySelector("dialog[open] [data-rows]") || document.querySelector("[data-rows]");
const current = (from) => from?.querySelector('[data-row][aria-selected="true"]') || null;

function select(from, row, { focus = true } = {}) {
  if (!row) return;
  for (const other of from.querySelectorAll('[data-row][aria-selected="true"]')) {
    if (other !== row) other.setAttribute("aria-selected", "false");
  }
  const changed = row.getAttribute("aria-selected") !== "true" || chosen.get(from) !== row.dataset.row;
  row.setAttribute("aria-selected", "true");
  for (const other of rowsOf(from)) other.tabIndex = other === row ? 0 : -1;
  chosen.set(from, row.dataset.row);
  if (focus) {
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }
  showPlace(from, row);
  if (changed) row.dispatchEvent(new CustomEvent("rowselect", { bubbles: true, detail: { row: row.dataset.row } }));
}

function showPlace(from, row) {
  const rows = rowsOf(from);
  for (const place of document.querySelectorAll("[data-row-place]")) {
    place.textContent = say("{row} of {rows}", { row: rows.indexOf(row) + 1, rows: rows.length });
  }
}

function move(step) {
  const from = list();
  if (!from) return false;
  const rows = rowsOf(from);
  if (!rows.length) return false;
  const at = rows.indexOf(current(from));
  select(from, rows[Math.min(Math.max(at + step, 0), rows.length - 1)]);
  return true;
}

/** New markup came: the same row stays selected, at the same place when it is gone. */
function keep() {
  for (const from of document.querySelectorAll("[data-rows]")) {
    const rows = rowsOf(from);
    if (!rows.length) continue;
    const known = chosen.get(from);
    const row = rows.find((one) => one.dataset.row === known) || current(from);
    if (row) select(from, row, { focus: false });
    else if (from.dataset.rows === "first") select(from, rows[0], { focus: false });
    else rows[0].tabIndex = 0;
  }
}

function pressed(event) {
  const key = event.key === " " ? "space" : event.key.toLowerCase();
  return (event.ctrlKey || event.metaKey) ? `mod+${key}` : key;
}

function find(key) {
  const open = document.querySelector("dialog[open]");
  const scope = open || document;
  const row = current(list());
  for (const element of scope.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)) {
    const owner = element.closest("[data-row]");
    if (owner && owner !== row) continue;
    if (element.disabled || element.hidden || element.getAttribute("aria-disabled") === "true") continue;
    if (element.offsetParent === null && getComputedStyle(element).position !== "fixed") continue;
    return element;
  }
  return null;
}

function press(element) {
  if (element.matches(TYPING)) {
    element.focus();
    element.select?.();
  } else element.click();
}

/* ---- ? ------------------------------------------------------------------------------------------------------- */
function wordsOf(element) {
  if (element.dataset.keyWords) return element.dataset.keyWords;
  const copy = element.cloneNode(true);
  for (const one of copy.querySelectorAll("kbd, .sr, svg")) one.remove();
  return (element.getAttribute("aria-label") || element.getAttribute("placeholder") || copy.textContent || "").trim();
}

function spell(key) {
  return key.split("+").map((one) => ({ mod: /mac/i.test(navigator.platform) ? "⌘" : "Ctrl", enter: "↵" })[one] || one);
}

function help() {
  const dialog = document.getElementById("key-help");
  if (!dialog) return;
  const rows = new Map();
  if (list()) {
    rows.set("j", say("Next row")).set("k", say("Row above")).set("enter", say("Open row"));
  }
  for (const element of document.querySelectorAll("[data-key]")) {
    if (!rows.has(element.dataset.key)) rows.set(element.dataset.key, wordsOf(element));
  }
  for (const element of document.querySelectorAll("[data-key-also]")) rows.set(element.dataset.keyAlso, wordsOf(element));
  rows.set("?", say("This list")).set("escape", say("Close, leave the field"));
  const box = dialog.querySelector(".keyhelp");
  box.replaceChildren(
    ...[...rows].map(([key, words]) => {
      const row = document.createElement("div");
      const dt = document.createElement("dt");
      for (const part of spell(key)) {
        const kbd = document.createElement("kbd");
        kbd.textContent = part === "escape" ? "Esc" : part;
        dt.append(kbd);
      }
      const dd = document.createElement("dd");
      dd.textContent = words;
      row.append(dt, dd);
      return row;
    }),
  );
  dialog.showModal();
}

function onKey(event) {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const key = pressed(event);
  const typing = event.target.closest?.(TYPING);
  if (typing) {
    if (key === "escape") typing.blur();
    if (!key.startsWith("mod+")) return;
  }
  if (key === "?") {
    event.preventDefault();
    help();
    return;
  }
  const element = find(key);
  if (element) {
    event.preventDefault();
    press(element);
    return;
  }
  if (event.ctrlKey || event.metaKey || typing) return;
  const inList = event.target.closest?.("[data-rows]");
  const down = key === "j" || (key === "arrowdown" && inList);
  const up = key === "k" || (key === "arrowup" && inList);
  if ((down && move(1)) || (up && move(-1))) event.preventDefault();
  else if (key === "enter" && event.target.matches?.("[data-row]:not(a)")) {
    event.target.querySelector("a[href]")?.click();
  }
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest?.("[data-row]");
    const from = row?.closest("[data-rows]");
    if (from) select(from, row, { focus: false });
  });
  document.addEventListener("htmx:afterSettle", keep);
  document.addEventListener("live:swapped", keep);
  keep();
}
