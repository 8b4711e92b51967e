/* One socket a page. Elements name what they show in data-live="area.3 exception.12"; a hint about one of these groups
   fires a "live" event on them (hx-trigger="live" refetches through a permission-checked view), a fragment replaces the
   element it names. After every reconnect everything is refetched, so a lost hint costs nothing. */
import { refetch } from "./refetch.js";
import { hourMinute, hourMinuteSecond, now, setServerTime } from "./time.js";
import { say } from "./words.js";

const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000;
const PING_EVERY = 15_000;
const PONG_WITHIN = 8_000;
const GATHER = 120; // several hints of one change become one refetch

let socket = null;
let delay = FIRST_DELAY;
let retry = 0;
let pinger = 0;
let ponger = 0;
let liveSince = 0;
let lostAt = 0;
let everLive = false;
const waiting = new Map(); // element -> hint kinds
let gatherer = 0;

const wanted = () =>
  [...new Set([...document.querySelectorAll("[data-live]")].flatMap((one) => groupsOf(one)))].sort();
const groupsOf = (element) => element.dataset.live.split(/\s+/).filter(Boolean);

function announce(state) {
  document.documentElement.dataset.liveState = state;
  for (const mark of document.querySelectorAll(".live")) mark.dataset.state = state;
  const bar = document.querySelector("[data-stale]");
  if (bar) {
    const words = say("Not live since {time}, trying again", { time: hourMinute(lostAt || now()) });
    const place = bar.querySelector("[data-stale-words]") || bar;
    if (place.textContent !== words) place.textContent = words;
    bar.hidden = state !== "stale";
  }
  showMarks();
  document.dispatchEvent(new CustomEvent(`live:${state}`, { detail: { since: state === "live" ? liveSince : lostAt } }));
}

function showMarks() {
  const state = document.documentElement.dataset.liveState;
  const words =
    state === "live"
      ? say("Live, {time}", { time: hourMinuteSecond(now()) })
      : state === "stale"
        ? say("Not live since {time}", { time: hourMinute(lostAt) })
        : say("Connecting");
  for (const mark of document.querySelectorAll(".live[data-live-mark]")) {
    if (mark.textContent !== words) mark.textContent = words;
  }
}

function gather(element, message) {
  waiting.set(element, message);
  gatherer ||= setTimeout(() => {
    gatherer = 0;
    const due = [...waiting];
    waiting.clear();
    for (const [one, last] of due) refetch(one, last);
  }, GATHER);
}

function onHint(message) {
  for (const element of document.querySelectorAll("[data-live]")) {
    if (!groupsOf(element).includes(message.group)) continue;
    const kinds = element.dataset.liveKinds?.split(/\s+/);
    if (!kinds || kinds.includes(message.kind)) gather(element, message);
  }
}

function onFragment(message) {
  const target = document.getElementById(message.target);
  if (!target) return;
  // outerHTML when the fragment carries the target itself, else what stands inside it
  const morphStyle = new RegExp(`^\\s*<[^>]+\\sid="${CSS.escape(message.target)}"`).test(message.html)
    ? "outerHTML"
    : "innerHTML";
  if (window.Idiomorph) window.Idiomorph.morph(target, message.html, { morphStyle });
  else target[morphStyle] = message.html;
  const fresh = document.getElementById(message.target);
  if (fresh && window.htmx) window.htmx.process(fresh);
  document.dispatchEvent(new CustomEvent("live:swapped", { detail: { target: fresh } }));
}

function refetchAll() {
  for (const element of document.querySelectorAll("[data-live]")) gather(element, { kind: "reconnected" });
}

let subscribed = "";
function subscribe() {
  const groups = wanted();
  const key = groups.join(" ");
  if (socket?.readyState !== WebSocket.OPEN || key === subscribed) return;
  subscribed = key;
  socket.send(JSON.stringify({ type: "subscribe", groups }));
}

function lose() {
  clearTimeout(pinger);
  clearTimeout(ponger);
  if (socket) {
    socket.onclose = socket.onerror = socket.onmessage = socket.onopen = null;
    socket.close();
    socket = null;
  }
  subscribed = "";
  lostAt ||= now();
  announce("stale");
  clearTimeout(retry);
  retry = setTimeout(connect, delay * (0.7 + Math.random() * 0.6));
  delay = Math.min(delay * 2, LONGEST_DELAY);
}

function ping() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ type: "ping" }));
  clearTimeout(ponger);
  ponger = setTimeout(lose, PONG_WITHIN);
}

function heard() {
  clearTimeout(ponger);
  clearTimeout(pinger);
  pinger = setTimeout(ping, PING_EVERY);
}

function onMessage(event) {
  heard();
  let message;
  try {
    message = JSON.parse(event.data);
  } catch {
    return;
  }
  if (message.now) setServerTime(message.now);
  if (message.type === "hint") onHint(message);
  else if (message.type === "fragment") onFragment(message);
  if (message.type === "hint" || message.type === "fragment") {
    document.dispatchEvent(new CustomEvent("live:message", { detail: message }));
  }
}

function onOpen() {
  const again = everLive || lostAt > 0;
  everLive = true;
  delay = FIRST_DELAY;
  liveSince = now();
  lostAt = 0;
  announce("live");
  subscribe();
  heard();
  if (again) refetchAll();
}

function connect() {
  clearTimeout(retry);
  const address = document.documentElement.dataset.socket;
  if (!address || socket) return;
  const url = new URL(address, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(url);
  socket.onopen = onOpen;
  socket.onmessage = onMessage;
  socket.onerror = lose;
  socket.onclose = (event) => {
    // turned away (signed out, too many): asking again at once would not help
    if (event.code === 4403 || event.code === 4429) delay = LONGEST_DELAY;
    lose();
  };
}

function hurry() {
  if (socket) ping();
  else {
    delay = FIRST_DELAY;
    connect();
  }
}

export function startLive() {
  if (!document.documentElement.dataset.socket || !wanted().length) {
    for (const mark of document.querySelectorAll(".live[data-live-mark]")) mark.hidden = true;
    return;
  }
  announce("off");
  connect();
  setInterval(showMarks, 1000);
  addEventListener("online", hurry);
  addEventListener("offline", () => socket && lose());
  addEventListener("pageshow", (event) => event.persisted && hurry());
  document.addEventListener("visibilitychange", () => !document.hidden && hurry());
  document.addEventListener("htmx:afterSettle", subscribe);
  document.addEventListener("live:swapped", subscribe);
}
