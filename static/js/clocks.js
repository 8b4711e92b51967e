/* Ticking clocks, once a second, touching only what changed.
   data-until="ISO"  counts down; data-words="left" adds "left" or "over"; data-from draws the gauge
   data-since="ISO"  counts up
   data-state        the element (or its closest [data-clock]) takes the class soon, last or over
   data-soon, data-last  minutes at which the state changes (60, 30)
   data-split        sets the unit small beside a large figure
   data-wallclock    shows the time itself; data-wallclock="seconds" with seconds */
import { clockState, gone, hourMinute, hourMinuteSecond, left, leftWords, now } from "./time.js";

const STATES = ["soon", "last", "over"];

const squeeze = (text) => text.replace(/\s+/g, " ").trim();

function setText(element, text) {
  const place = element.querySelector("[data-figure]") || element;
  if (squeeze(place.textContent) === text) return;
  if ("split" in place.dataset) place.replaceChildren(...figure(text));
  else place.textContent = text;
}

/** "2 h 10" as large figures with small units between. */
function figure(text) {
  const found = [...text.matchAll(/(\d+)\s*(\p{L}*)/gu)];
  if (!found.length) return [text];
  return found.flatMap(([, number, unit], at) => {
    if (!unit) return [number];
    const small = document.createElement("small");
    small.textContent = ` ${unit}${at < found.length - 1 ? " " : ""}`;
    return [number, small];
  });
}

function setState(element, state) {
  for (const one of STATES) {
    if (element.classList.contains(one) !== (one === state)) element.classList.toggle(one, one === state);
  }
}

function tickUntil(element, moment) {
  const until = Date.parse(element.dataset.until);
  if (Number.isNaN(until)) return;
  const minutes = (until - moment) / 60000;
  setText(element, element.dataset.words === "left" ? leftWords(minutes) : left(minutes));
  if ("state" in element.dataset) {
    const { soon = 60, last = 30 } = element.dataset;
    const state = clockState(minutes, Number(soon), Number(last));
    setState(element, state);
    element.classList.toggle("due", state === "over" && minutes > -1); // over, but by less than a minute: "now"
    // a tag says over in red and soon in amber by its own class names
    if (element.classList.contains("tag")) {
      element.classList.toggle("alarm", state === "over");
      element.classList.toggle("warn", state === "soon" || state === "last");
    }
  }
  const begun = Date.parse(element.dataset.from);
  if (!Number.isNaN(begun) && until > begun) {
    const share = Math.round(Math.min(Math.max((until - moment) / (until - begun), 0), 1) * 100);
    if (element.style.getPropertyValue("--left") !== `${share}%`) element.style.setProperty("--left", `${share}%`);
  }
}

export function tick() {
  const moment = now();
  for (const element of document.querySelectorAll("[data-until]")) tickUntil(element, moment);
  for (const element of document.querySelectorAll("[data-since]")) {
    const since = Date.parse(element.dataset.since);
    if (!Number.isNaN(since)) setText(element, gone((moment - since) / 60000));
  }
  for (const element of document.querySelectorAll("[data-wallclock]")) {
    setText(element, element.dataset.wallclock === "seconds" ? hourMinuteSecond(moment) : hourMinute(moment));
  }
}

let timer = 0;
function beat() {
  tick();
  // on the second of the server's clock, so that all clocks of a wall move together
  timer = setTimeout(beat, 1000 - (now() % 1000));
}

export function startClocks() {
  clearTimeout(timer);
  beat();
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) beat();
  });
  // fresh markup carries the server's words; give it this second's before it is seen
  document.addEventListener("htmx:afterSwap", tick);
  document.addEventListener("live:swapped", tick);
}
