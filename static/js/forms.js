/* What every form needs: the CSRF header for htmx, one submit at a time, failures told in words, small helpers. */
import { tellProblem } from "./toasts.js";

function cookie(name) {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

/** The cookie follows a sign-in elsewhere; the meta tag serves where the cookie is hidden from scripts. */
export function csrfToken() {
  return cookie("csrftoken") || document.querySelector('meta[name="csrf-token"]')?.content || "";
}

function buttonsOf(element) {
  const form = element.closest?.("form");
  const own = element.matches?.("button") ? [element] : [];
  return form ? [...form.querySelectorAll('button:not([type="button"]), input[type="submit"]')] : own;
}

function hold(element) {
  for (const button of buttonsOf(element)) {
    if (button.disabled) continue;
    button.disabled = true;
    button.dataset.held = "";
    button.setAttribute("aria-busy", "true");
  }
}

function release(scope = document) {
  const held = [...scope.querySelectorAll("[data-held]")];
  if (scope.matches?.("[data-held]")) held.push(scope);
  for (const button of held) {
    button.disabled = false;
    delete button.dataset.held;
    button.removeAttribute("aria-busy");
  }
}

/* ---- plain forms: the second click does nothing ----------------------------------------------------------------- */
function onSubmit(event) {
  const form = event.target;
  if (event.defaultPrevented || form.matches("[hx-post], [hx-get], [hx-put], [hx-patch], [hx-delete], [data-outbox]")) return;
  if (form.method === "get") return;
  if ("sent" in form.dataset) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "";
  // after this turn, so that the pressed button's own name and value still travel
  setTimeout(() => hold(form));
}

/* ---- htmx --------------------------------------------------------------------------------------------------------- */
async function problemOf(xhr) {
  const type = xhr.getResponseHeader("content-type") || "";
  if (!type.includes("json")) return null;
  try {
    return JSON.parse(xhr.responseText);
  } catch {
    return null;
  }
}

/* Whether news brought a request about, and no hand. */
function unasked(event) {
  const cause = event.detail.requestConfig?.triggeringEvent;
  return cause?.type === "live" && cause.detail?.kind !== "chosen";
}

function startHtmx() {
  const busy = document.querySelector(".busyline");
  let running = 0;
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = csrfToken();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb !== "get") hold(event.detail.elt);
    // a refetch nobody asked for must not look like work
    if (unasked(event)) return;
    event.detail.xhr.asked = true;
    running += 1;
    busy?.classList.add("on");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    release(event.detail.elt.closest?.("form") || event.detail.elt);
    if (!event.detail.xhr?.asked) return;
    running = Math.max(running - 1, 0);
    if (!running) busy?.classList.remove("on");
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    // the session ended: a login page must not appear inside a panel
    const answered = event.detail.xhr.responseURL;
    if (answered && new URL(answered).pathname === "/login/" && location.pathname !== "/login/") {
      event.detail.shouldSwap = false;
      location.href = `/login/?next=${encodeURIComponent(location.pathname + location.search)}`;
    }
  });
  document.addEventListener("htmx:responseError", async (event) => {
    const { status } = event.detail.xhr;
    if (unasked(event) && status >= 500) return; // the live mark already says so, and the next hint tries again
    tellProblem(status, await problemOf(event.detail.xhr));
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (!unasked(event)) tellProblem(0, null);
  });
  document.addEventListener("htmx:timeout", () => tellProblem(0, null));
}

/* ---- helpers: step a number, show a password, submit on change ------------------------------------------------------ */
function onClick(event) {
  const step = event.target.closest("[data-step]");
  if (step) {
    const field = document.getElementById(step.dataset.for) || step.parentElement.querySelector("input");
    const next = (Number(field.value) || 0) + Number(step.dataset.step);
    const least = field.min === "" ? -Infinity : Number(field.min);
    const most = field.max === "" ? Infinity : Number(field.max);
    field.value = String(Math.min(Math.max(next, least), most));
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const peek = event.target.closest("[data-peek]");
  if (peek) {
    const field = document.getElementById(peek.dataset.peek);
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    peek.setAttribute("aria-pressed", String(shown));
  }
}

export function startForms() {
  document.addEventListener("submit", onSubmit);
  document.addEventListener("click", onClick);
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form?.requestSubmit();
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    release();
  });
  startHtmx();
}
