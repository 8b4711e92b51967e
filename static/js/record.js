/* The exception page: the inputs of the chosen option, and live changes that never take away what somebody is typing. */
import { refetch } from "./refetch.js";

function showInputs(form) {
  const chosen = form.querySelector('input[name="option"]:checked')?.value;
  for (const inputs of form.querySelectorAll("[data-option]")) {
    const on = inputs.dataset.option === chosen;
    inputs.hidden = !on;
    inputs.disabled = !on;
    const button = form.querySelector("[data-decide]");
    if (on && button && !("held" in button.dataset)) button.disabled = "refused" in inputs.dataset;
  }
  const name = form.querySelector('input[name="option"]:checked')?.closest("label")?.querySelector("b");
  const words = form.querySelector("[data-decide] > span");
  if (!name || !words) return;
  const copy = name.cloneNode(true);
  for (const part of copy.querySelectorAll("kbd, .radio")) part.remove();
  words.textContent = `Decide: ${copy.textContent.trim().toLowerCase()}`;
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-options]");
  if (!form || event.target.name !== "option") return;
  showInputs(form);
  refetch(document.getElementById("record"), { kind: "chosen" }); // what ERP would get follows the choice
});
/* A form somebody has touched is left alone by refetches until it was sent. */
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-keep]");
  if (form) form.dataset.dirty = "";
});
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt.closest?.("form[data-keep]");
  if (!form || event.detail.elt !== form || !event.detail.successful) return;
  delete form.dataset.dirty;
  if ("reset" in form.dataset) form.reset();
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
  const link = event.target.closest('a[href="#decide"]');
  if (!link) return;
  event.preventDefault();
  toDecision();
});

function toDecision() {
  const panel = document.getElementById("decide");
  panel?.scrollIntoView({ block: "start", behavior: "auto" });
  (panel?.querySelector('input[name="option"]:checked') || panel?.querySelector('input[name="option"]'))?.focus({
    preventScroll: true,
  });
}

function keepTyped() {
  const callbacks = window.Idiomorph?.defaults?.callbacks;
  if (!callbacks) return;
  callbacks.beforeNodeMorphed = (old) => !(old instanceof Element && old.matches("form[data-dirty]"));
  // a menu or detail the reader opened stays open
  callbacks.beforeAttributeUpdated = (name, element) => !(name === "open" && element.matches("details, dialog"));
}

keepTyped();
if (location.hash === "#decide") toDecision();
document.addEventListener("htmx:afterSettle", () => {
  for (const form of document.querySelectorAll("form[data-options]")) showInputs(form);
});
