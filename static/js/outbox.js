/* Nothing reported at a station is lost. A form with data-outbox is first written to this device, then sent with its own
   UUID as Idempotency-Key, again and again until the server has answered; a reload or a flat battery changes nothing.

   <form data-outbox data-outbox-label="Report" action="/api/v1/signals/" method="post">
   data-outbox="json"   the body is JSON: names with dots nest ("fields.reason"); with photos or a voice note it is
                        multipart and the JSON its part "signal"
   data-outbox="form"   the body is the form itself, files too
   In both, external_id and occurred_at are added. Files lie in IndexedDB with the rest until the server has them.
   [data-outbox-queue]  shows the items (.qitem); [data-outbox-offline] is shown while there is no network
   Events on document: outbox:stored, outbox:sent {item, answer}, outbox:failed {item} */
import { prepared } from "./capture.js";
import { csrfToken } from "./forms.js";
import * as store from "./store.js";
import { hourMinute, now } from "./time.js";
import { toast } from "./toasts.js";
import { say } from "./words.js";

const EVERY = 5_000;
const LONGEST = 60_000;
const GIVE_UP_AFTER = 20_000; // one try; the item itself is never given up
const GIVE_UP_FILES_AFTER = 180_000; // photos over a weak network
const SHOWN_SENT = 30 * 60_000;
const SHOWN_MOST = 6;

let timer = 0;
let delay = EVERY;
let offlineSince = 0;

/* ---- what is kept ------------------------------------------------------------------------------------------------- */
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // plain http on a tablet has no randomUUID
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function nest(entries) {
  const body = {};
  for (const [name, value] of entries) {
    if (typeof value !== "string" || value === "" || name === "csrfmiddlewaretoken") continue;
    const path = name.split(".");
    let place = body;
    for (const step of path.slice(0, -1)) place = place[step] ||= {};
    place[path.at(-1)] = value;
  }
  return body;
}

function itemOf(form, submitter) {
  const data = new FormData(form);
  if (submitter?.name) data.append(submitter.name, submitter.value);
  const label = submitter?.dataset.outboxLabel || form.dataset.outboxLabel || say("Report");
  const id = uuid();
  const at = now();
  const url = submitter?.hasAttribute("formaction") ? submitter.formAction : form.action;
  const item = { id, at, label, url, state: "waiting", tries: 0, why: "" };
  const sent = { external_id: id, occurred_at: new Date(at).toISOString() };
  const files = [...data].filter(([, value]) => typeof value !== "string" && value.size);
  if (form.dataset.outbox === "json") {
    item.json = { ...sent, ...nest(data) };
    if (files.length) item.files = files;
  } else {
    const typed = [...data].filter(([name, value]) => typeof value === "string" && name !== "csrfmiddlewaretoken");
    item.entries = [...Object.entries(sent), ...typed.filter(([name]) => !(name in sent)), ...files];
  }
  return item;
}

function bodyOf(item) {
  if (item.json && !item.files) return JSON.stringify(item.json);
  const data = new FormData();
  if (item.json) data.append("signal", JSON.stringify(item.json));
  for (const [name, value] of item.files || item.entries) {
    if (typeof value === "string") data.append(name, value);
    else data.append(name, value, value.name || name);
  }
  return data;
}

const hasFiles = (item) => (item.files || item.entries || []).some(([, value]) => typeof value !== "string");

/* ---- sending -------------------------------------------------------------------------------------------------------- */
const again = (status) => status === 408 || status === 425 || status === 429 || status >= 500;
const announce = (name, detail) => document.dispatchEvent(new CustomEvent(`outbox:${name}`, { detail }));

async function settle(item, changes) {
  Object.assign(item, changes);
  if (!item.unkept) await store.put(item);
}

async function refuse(item, status, problem) {
  const signedOut = status === 401 || status === 403;
  const why = signedOut ? say("Sign in again, then tap to send") : problem?.detail || problem?.title || say("Refused ({status})", { status });
  await settle(item, { state: "failed", why, code: problem?.code || "" });
  announce("failed", { item });
}

async function send(item) {
  const headers = { "Idempotency-Key": item.id, "X-CSRFToken": csrfToken(), Accept: "application/json" };
  if (item.json && !item.files) headers["Content-Type"] = "application/json";
  item.tries += 1;
  let response;
  try {
    response = await fetch(item.url, {
      method: "POST",
      headers,
      body: bodyOf(item),
      credentials: "same-origin",
      redirect: "manual",
      signal: AbortSignal.timeout?.(hasFiles(item) ? GIVE_UP_FILES_AFTER : GIVE_UP_AFTER),
    });
  } catch {
    await settle(item, { state: "waiting", why: say("no network"), offline: true });
    offline(true);
    return false;
  }
  offline(false);
  if (response.type === "opaqueredirect") {
    await refuse(item, 401, null);
    return true;
  }
  if (again(response.status)) {
    await settle(item, { state: "waiting", why: say("the server is busy"), offline: false });
    return false;
  }
  const answer = (response.headers.get("content-type") || "").includes("json")
    ? await response.json().catch(() => null)
    : null;
  if (response.ok) {
    await settle(item, { state: "sent", sentAt: now(), answer, json: null, entries: null, files: null });
    announce("sent", { item, answer });
    return true;
  }
  await refuse(item, response.status, answer);
  return true;
}

async function drain() {
  let clear = true;
  for (const item of await store.all()) {
    if (item.state === "sent") {
      if (now() - item.sentAt > SHOWN_SENT) await store.remove(item.id);
      continue;
    }
    if (item.state === "failed") continue;
    clear = (await send(item)) && clear;
    await show();
    if (!clear) break; // order is kept: a count never overtakes the report before it
  }
  return clear;
}

/** Try everything that waits. Two open tabs take turns; the key makes a double send harmless anyway. */
export async function flush() {
  clearTimeout(timer);
  const work = () => drain();
  let clear = false;
  try {
    clear = navigator.locks ? await navigator.locks.request("execlayer-outbox", work) : await work();
  } finally {
    await show();
  }
  delay = clear ? EVERY : Math.min(delay * 2, LONGEST);
  if (!clear) timer = setTimeout(flush, delay);
}

function hurry() {
  delay = EVERY;
  flush();
}

/* ---- what the operator sees -------------------------------------------------------------------------------------------- */
function offline(is) {
  if (is) offlineSince ||= now();
  else offlineSince = 0;
  for (const bar of document.querySelectorAll("[data-outbox-offline]")) {
    bar.hidden = !offlineSince;
    const since = bar.querySelector("[data-outbox-since]");
    if (since && offlineSince) since.textContent = hourMinute(offlineSince);
  }
}

const words = (state) => ({ waiting: say("waits"), sent: say("sent"), failed: say("needs you") })[state];
const ICONS = { waiting: "clock", sent: "check-check", failed: "octagon-alert" };

function chip(item) {
  const element = document.createElement(item.state === "failed" ? "button" : "span");
  element.className = `qitem${item.state === "waiting" ? "" : ` ${item.state}`}`;
  element.innerHTML = '<svg class="ic" aria-hidden="true"><use/></svg><span></span>';
  element.querySelector("use").setAttribute("href", `${document.documentElement.dataset.icons}#${ICONS[item.state]}`);
  element.querySelector("span").textContent = `${hourMinute(item.at)} ${item.label}, ${words(item.state)}`;
  if (item.state === "failed") {
    element.type = "button";
    element.title = item.why;
    element.addEventListener("click", () => ask(item));
  }
  return element;
}

function ask(item) {
  toast({
    level: "crit",
    title: say("{what} at {time} was not taken", { what: item.label, time: hourMinute(item.at) }),
    text: item.why,
    code: item.code,
    actions: [
      { words: say("Try again"), run: () => store.put({ ...item, state: "waiting" }).then(hurry) },
      { words: say("Throw away"), run: () => store.remove(item.id).then(show) },
    ],
  });
}

async function show() {
  const items = await store.all();
  for (const box of document.querySelectorAll("[data-outbox-queue]")) {
    const open = items.filter((item) => item.state !== "sent");
    const sent = items.filter((item) => item.state === "sent").slice(open.length ? -1 : -2);
    box.replaceChildren(...[...sent, ...open].slice(-SHOWN_MOST).map(chip));
    box.dataset.waiting = String(open.length);
    const holder = box.closest("[data-outbox-strip]");
    if (holder) holder.hidden = !items.length;
  }
}

/** This device refuses to store (private window, no space left): send at once, and say so when that fails. */
async function sendUnkept(form, item) {
  item.unkept = true;
  const settled = await send(item);
  delete form.dataset.sent;
  if (settled && item.state === "sent") form.reset();
  else {
    const text = item.offline ? say("No network, and this device cannot keep it. Stay here and try again.") : item.why;
    toast({ level: "crit", title: say("{what} was not sent", { what: item.label }), text });
  }
}

async function onSubmit(event) {
  const form = event.target.closest("form[data-outbox]");
  if (!form) return;
  event.preventDefault();
  if ("sent" in form.dataset) return;
  form.dataset.sent = "";
  const { submitter } = event;
  await prepared(form);
  const item = itemOf(form, submitter);
  try {
    await store.put(item);
  } catch {
    await sendUnkept(form, item);
    return;
  }
  store.keep();
  announce("stored", { item });
  await show();
  form.reset();
  delete form.dataset.sent;
  hurry();
}

document.addEventListener("submit", onSubmit);
addEventListener("online", hurry);
addEventListener("offline", () => offline(true));
document.addEventListener("visibilitychange", () => !document.hidden && hurry());
document.addEventListener("live:live", hurry);
offline(!navigator.onLine);
flush();
