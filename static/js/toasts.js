/* Short answers at the corner of the page. Good news leaves by itself, bad news waits to be read. */
import { say } from "./words.js";

const STAY = { ok: 5000, info: 6000, warn: 0, crit: 0 };
const ICONS = { ok: "check", info: "info", warn: "triangle-alert", crit: "octagon-alert" };

function glyph(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.classList.add("ic");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

/** Show one toast. `actions`: [{words, run}]; returns the element so a caller may take it away. */
export function toast({ level = "info", title = "", text = "", hint = "", code = "", actions = [] }) {
  const box = document.getElementById("toasts");
  if (!box || !(title || text)) return null;
  // the same words again move the toast to the front instead of piling up
  const key = `${level}|${title}|${text}`;
  box.querySelector(`[data-key-of="${CSS.escape(key)}"]`)?.remove();
  const element = document.createElement("div");
  element.className = `toast ${level}`;
  element.dataset.keyOf = key;
  element.setAttribute("role", level === "crit" || level === "warn" ? "alert" : "status");
  const body = document.createElement("div");
  if (title) body.append(Object.assign(document.createElement("b"), { textContent: title }));
  if (text) body.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (hint || code) {
    const small = document.createElement("small");
    small.textContent = [hint, code].filter(Boolean).join(" · ");
    body.append(small);
  }
  if (actions.length) {
    const row = document.createElement("div");
    row.className = "acts";
    for (const action of actions) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "btn" });
      button.textContent = action.words;
      button.addEventListener("click", () => {
        element.remove();
        action.run();
      });
      row.append(button);
    }
    body.append(row);
  }
  const close = Object.assign(document.createElement("button"), { type: "button", className: "x" });
  close.setAttribute("aria-label", say("Close"));
  close.append(glyph("x"));
  close.addEventListener("click", () => element.remove());
  element.append(glyph(ICONS[level] || "info"), body, close);
  box.append(element);
  while (box.children.length > 4) box.firstElementChild.remove();
  if (STAY[level]) leave(element, STAY[level]);
  return element;
}

function leave(element, after) {
  let timer = setTimeout(() => element.remove(), after);
  element.addEventListener("pointerenter", () => clearTimeout(timer));
  element.addEventListener("pointerleave", () => {
    timer = setTimeout(() => element.remove(), after);
  });
}

/** A problem document (RFC 9457) or any failed answer, in words. */
export function tellProblem(status, problem, { reload = () => location.reload() } = {}) {
  const stale = status === 409 && /stale/.test(problem?.code || "");
  const fallback = {
    0: [say("No network"), say("Nothing was sent. Try again when the network is back.")],
    401: [say("You are signed out"), say("Sign in again, then repeat the last step.")],
    403: [say("You may not do this"), say("Ask your supervisor or an administrator.")],
    404: [say("This is gone"), say("It was removed or belongs to another site.")],
    413: [say("Too large"), say("Take a smaller photo.")],
    429: [say("Too many at once"), say("Wait a moment, then try again.")],
  }[status] || [say("That did not work"), say("The server could not do it. Nothing was changed; try again.")];
  toast({
    level: status >= 500 || status === 0 || status === 403 ? "crit" : "warn",
    title: problem?.title || fallback[0],
    text: problem?.detail || problem?.hint || (problem?.title ? "" : fallback[1]),
    code: problem?.code || "",
    actions: stale ? [{ words: say("Show the current state"), run: reload }] : [],
  });
}

export function startToasts() {
  document.addEventListener("toast", (event) => {
    const said = event.detail;
    const one = typeof said?.value === "string" ? { text: said.value } : said;
    if (one) toast(one);
  });
  for (const element of document.querySelectorAll("#toasts > .toast")) {
    element.querySelector(".x")?.addEventListener("click", () => element.remove());
    if (element.matches(".ok, .info")) leave(element, STAY.info);
  }
}
