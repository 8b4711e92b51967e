/* The triage desk: digits answer the open question, Enter accepts what is shown, the next message comes up by itself,
   and for ten seconds the last act can be taken back. Everything also works by tap, and without this script by form. */

const UNDO_FOR = 10_000;
const panel = () => document.getElementById("panel");
const form = () => panel()?.querySelector("[data-sort]");
const busy = () => document.querySelector("dialog[open]");
const TYPING = "input:not([type=checkbox]):not([type=radio]), textarea, select";
let place = -1; // where in the list the last act was done
let hider = 0;

function accept() {
  const sort = form();
  if (!sort || sort.dataset.sent) return;
  const rows = [...document.querySelectorAll("#rows [data-row]")];
  place = rows.findIndex((row) => row.dataset.row === panel().querySelector("[data-item]")?.dataset.item);
  sort.requestSubmit();
}

/** The question digits answer now. */
const active = () => panel()?.querySelector(".q.active");

function move(from, to) {
  from.classList.remove("active");
  for (const kbd of from.querySelectorAll(".face > kbd")) kbd.remove();
  to.classList.add("active");
  [...to.querySelectorAll(".cand:not(.none) .face")].slice(0, 5).forEach((face, index) => {
    face.prepend(Object.assign(document.createElement("kbd"), { textContent: String(index + 1) }));
  });
  to.scrollIntoView({ block: "nearest" });
}

/** An answer was taken: the next open question is asked; where none is left the whole is accepted. */
function answered(question) {
  question.dataset.answered = "1";
  if (question.dataset.next) {
    const type = question.querySelector("input:checked")?.value;
    if (type && window.htmx) {
      // what else is asked depends on the type
      fetch(`${question.dataset.next}?type=${encodeURIComponent(type)}`, {
        headers: { "HX-Request": "true" },
        credentials: "same-origin",
      })
        .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(String(answer.status)))))
        .then((html) => {
          if (!question.isConnected) return;
          panel().innerHTML = html;
          window.htmx.process(panel());
          document.dispatchEvent(new CustomEvent("live:swapped", { detail: { target: panel() } }));
          if (!panel().querySelector(".q.doubt")) accept();
        })
        .catch(() => accept());
      return;
    }
  }
  const open = [...panel().querySelectorAll(".q.doubt:not([data-answered])")].filter((one) => one.querySelector(".cand"));
  if (open.length) move(question, open[0]);
  else accept();
}

function digit(number) {
  const question = active();
  const choice = question?.querySelectorAll(".cand:not(.none) input")[number - 1];
  if (!choice) return false;
  choice.checked = true;
  answered(question);
  return true;
}

function toggleEdit() {
  const edit = panel()?.querySelector("[data-edit]");
  if (!edit) return;
  edit.open = !edit.open;
  if (edit.open) edit.querySelector("select, input").focus();
}

/** A key never answers for a message that is no longer the selected one: it waits until the panel has followed. */
let pending = "";
function followed() {
  const row = document.querySelector('#rows [data-row][aria-selected="true"]');
  return !row || row.dataset.row === panel().querySelector("[data-item]")?.dataset.item;
}
function act(key) {
  if (key === "e") toggleEdit();
  else if (key === "Enter") accept();
  else digit(Number(key));
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.isComposing || busy()) return;
  if (event.target.closest?.(TYPING)) {
    if (event.key === "Enter" && event.target.closest("[data-sort]")) {
      event.preventDefault();
      accept();
    }
    return;
  }
  const answers = /^[1-5]$/.test(event.key) || event.key === "e";
  const accepts = event.key === "Enter" && !event.target.closest?.("button, a:not([data-row]), summary");
  if (!answers && !accepts) return;
  event.preventDefault();
  event.stopPropagation();
  if (followed()) act(event.key);
  else pending = event.key;
}, true);

/* a click on a message shows it beside the list; a new tab stays a new tab */
document.addEventListener("click", (event) => {
  const row = event.target.closest?.("#rows [data-row]");
  if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  row.focus({ preventScroll: true });
});
/* a tap on an answer only chooses it; what the type asks next is fetched */
document.addEventListener("change", (event) => {
  const question = event.target.closest?.(".q");
  if (!question || !event.target.matches("input[type=radio]") || !question.dataset.next) return;
  const open = `${question.dataset.next}?type=${encodeURIComponent(event.target.value)}`;
  window.htmx?.ajax("GET", open, { target: "#panel", swap: "innerHTML" });
});
document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-one]") || !event.target.checked) return;
  for (const other of event.target.closest(".teach").querySelectorAll("[data-one]")) {
    if (other !== event.target) other.checked = false;
  }
});

/* words marked in the message can be taught as a name of what a question asks */
document.addEventListener("selectionchange", () => {
  const words = String(document.getSelection() || "").replace(/\s+/g, " ").trim();
  const message = panel()?.querySelector("[data-message] blockquote");
  if (!words || words.length > 60 || !message?.contains(document.getSelection().anchorNode)) return;
  const teach = panel().querySelector(".q.active .teach") || panel().querySelector(".teach");
  if (!teach) return;
  let mine = teach.querySelector("[data-marked]");
  if (!mine) {
    mine = teach.querySelector(".pick").cloneNode(true);
    mine.dataset.marked = "1";
    teach.insertBefore(mine, teach.querySelector(".pick"));
  }
  const box = mine.querySelector("input");
  for (const other of teach.querySelectorAll("[data-one]")) other.checked = false;
  box.value = words;
  box.checked = true;
  mine.lastChild.textContent = `“${words}”`;
});

/* ---- after an act ---------------------------------------------------------------------------------------------- */
function hideLast() {
  const last = document.getElementById("last");
  if (last) last.hidden = true;
}

/** The next message at once; the list follows when it has been fetched. */
function goOn(ref) {
  const row = document.querySelector(`#rows [data-row="${CSS.escape(ref)}"]`);
  const next = row?.nextElementSibling?.matches("[data-row]") ? row.nextElementSibling : row?.previousElementSibling;
  panel().querySelector("[data-item]")?.removeAttribute("data-live");
  row?.remove();
  if (next?.matches("[data-row]")) next.focus({ preventScroll: true });
  // done with the last one: what the panel still shows is its state before, and must not be answered should it come back
  else if (panel().querySelector("[data-item]")?.dataset.item === ref) panel().replaceChildren();
}

document.addEventListener("sorted", (event) => {
  const { ref, words, learnt, undo, url } = event.detail;
  goOn(ref);
  const last = document.getElementById("last");
  last.hidden = true;
  last.querySelector("[data-last-words]").textContent = words;
  last.querySelector("[data-last-learnt]").textContent = learnt;
  last.querySelector("[data-last-open]").href = url;
  const back = last.querySelector("[data-last-undo]");
  back.hidden = !undo;
  back.setAttribute("action", undo);
  back.dataset.undo = undo;
  void last.offsetWidth; // the line that runs out begins anew
  last.hidden = false;
  clearTimeout(hider);
  hider = setTimeout(hideLast, Number(last.dataset.stays) || UNDO_FOR);
});
document.addEventListener("submit", (event) => {
  const back = event.target.closest?.("[data-last-undo]");
  if (!back || !window.htmx) return;
  event.preventDefault();
  clearTimeout(hider);
  hideLast();
  window.htmx.ajax("POST", back.dataset.undo, { source: back, swap: "none" });
});
/* what somebody has begun to answer is not swept away by news: a stale answer is refused in words when it is sent */
for (const kind of ["input", "change"]) {
  document.addEventListener(kind, (event) => {
    const sort = event.target.closest?.("[data-sort]");
    if (sort) sort.dataset.touched = "1";
  });
}
document.addEventListener("htmx:beforeSwap", (event) => {
  // asked for before the first answer was given, arrived after it
  const shown = panel()?.querySelector("[data-item]")?.dataset.item;
  if (event.detail.target?.id !== "panel" || event.target === document.body || !form()?.dataset.touched) return;
  if (event.detail.pathInfo?.requestPath?.startsWith(`/triage/${shown}/`)) event.detail.shouldSwap = false;
});
document.addEventListener("htmx:beforeRequest", (event) => {
  const asker = event.detail.elt;
  if (asker?.matches?.("[data-sort]")) asker.dataset.sent = "1";
  const shown = panel()?.querySelector("[data-item]")?.dataset.item;
  const again = asker?.matches?.("#panel [data-item]") || asker?.dataset?.row === shown;
  if (again && shown && form()?.dataset.touched) event.preventDefault();
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt?.matches?.("[data-sort]") && !event.detail.successful) delete event.detail.elt.dataset.sent;
});
/* the same thing is open already: the question is only whether it is part of that */
document.addEventListener("htmx:responseError", (event) => {
  if (!event.detail.elt?.matches?.("[data-sort]") || event.detail.xhr.status !== 409) return;
  let problem = {};
  try {
    problem = JSON.parse(event.detail.xhr.responseText);
  } catch {
    return;
  }
  const ref = panel().querySelector("[data-item]")?.dataset.item;
  const mayMerge = panel().querySelector('footer [data-key="m"]');
  if (problem.code !== "exceptions.key_taken" || !problem.ref || !mayMerge || !ref) return;
  const open = `/triage/${ref}/dialogs/merge/?into=${encodeURIComponent(problem.ref)}`;
  window.htmx.ajax("GET", open, { target: "#dialog-body", swap: "innerHTML" });
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id !== "panel" || !pending || !followed()) return;
  const key = pending;
  pending = "";
  act(key);
});
/* the list came anew: the next message stands where the last one stood */
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id !== "rows" && event.detail.elt?.id !== "rows") return;
  const rows = [...document.querySelectorAll("#rows [data-row]")];
  const shown = panel().querySelector("[data-item]")?.dataset.item;
  if (!rows.length) panel().replaceChildren();
  else if (place >= 0 && !rows.some((row) => row.dataset.row === shown)) {
    rows[Math.min(place, rows.length - 1)].focus({ preventScroll: true });
  }
  place = -1;
  for (const count of document.querySelectorAll(".tabs a[aria-current] .num")) {
    count.textContent = document.getElementById("rows").dataset.total;
  }
});
