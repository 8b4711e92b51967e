/* The talk: whom an @ may name is offered while one types, texts to begin with, how many photos go along.
   Listens on the document, since the page's parts are refetched. Enter sends, Shift+Enter begins a line. */

const LONGEST_NAME = 40;
let asked = 0;

const boxOf = (element) => element.closest?.("form[data-talk]");
const listOf = (form) => form.querySelector("[role=listbox]");

/** The name being typed right before the caret, or null. */
function begun(area) {
  const before = area.value.slice(0, area.selectionStart);
  const found = /(?:^|[^\p{L}\p{N}_@.+-])@([\p{L}\p{N}_.-]*)$/u.exec(before);
  return found && found[1].length <= LONGEST_NAME ? found[1] : null;
}

function close(form) {
  asked += 1;
  const list = listOf(form);
  list.hidden = true;
  list.replaceChildren();
  const area = form.querySelector("textarea");
  area.setAttribute("aria-expanded", "false");
  area.removeAttribute("aria-activedescendant");
}

function choose(form, option) {
  const area = form.querySelector("textarea");
  const at = area.selectionStart;
  const start = at - (begun(area) ?? "").length;
  area.setRangeText(`${option.dataset.name} `, start, at, "end");
  close(form);
  area.focus();
}

function mark(form, option) {
  for (const one of listOf(form).children) one.setAttribute("aria-selected", String(one === option));
  form.querySelector("textarea").setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function offer(form, names) {
  const list = listOf(form);
  list.replaceChildren(
    ...names.map((one, number) => {
      const option = document.createElement("div");
      option.setAttribute("role", "option");
      option.id = `talk-name-${number}`;
      option.dataset.name = one.name;
      const label = document.createElement("b");
      label.textContent = one.label;
      const more = document.createElement("small");
      more.textContent = [`@${one.name}`, one.kind].filter(Boolean).join(", ");
      option.append(label, more);
      return option;
    }),
  );
  list.hidden = !names.length;
  form.querySelector("textarea").setAttribute("aria-expanded", String(!list.hidden));
  if (names.length) mark(form, list.firstElementChild);
}

async function look(form) {
  const area = form.querySelector("textarea");
  const name = begun(area);
  if (name === null) return close(form);
  const turn = ++asked;
  try {
    const answer = await fetch(`${form.dataset.names}?q=${encodeURIComponent(name)}`, { headers: { accept: "application/json" } });
    if (!answer.ok || turn !== asked) return;
    const found = await answer.json();
    if (turn === asked) offer(form, found.names);
  } catch {
    if (turn === asked) close(form);
  }
}

document.addEventListener("input", (event) => {
  const form = boxOf(event.target);
  if (form && event.target.matches("textarea")) look(form);
});

document.addEventListener("keydown", (event) => {
  const form = boxOf(event.target);
  if (!form || !event.target.matches("textarea") || event.isComposing) return;
  const list = listOf(form);
  const chosen = list.hidden ? null : list.querySelector('[aria-selected="true"]');
  if (chosen) {
    const other =
      { ArrowDown: chosen.nextElementSibling || list.firstElementChild, ArrowUp: chosen.previousElementSibling || list.lastElementChild }[event.key];
    if (other) mark(form, other);
    else if (event.key === "Enter" || event.key === "Tab") choose(form, chosen);
    else if (event.key === "Escape") close(form);
    else return;
    event.preventDefault();
    event.stopPropagation();
  } else if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    form.requestSubmit();
  }
}, true);

document.addEventListener("pointerdown", (event) => {
  const option = event.target.closest?.("form[data-talk] [role=option]");
  if (!option) return;
  event.preventDefault();
  choose(boxOf(option), option);
});
document.addEventListener("focusout", (event) => {
  const form = boxOf(event.target);
  if (form && event.target.matches("textarea")) close(form);
});

document.addEventListener("click", (event) => {
  const ready = event.target.closest?.("[data-talk-text]");
  if (!ready) return;
  const form = boxOf(ready);
  const area = form.querySelector("textarea");
  area.setRangeText(ready.dataset.talkText, area.selectionStart, area.selectionEnd, "end");
  form.dataset.dirty = "";
  ready.closest("details").open = false;
  area.focus();
});

function count(form) {
  const files = form.querySelector('input[type="file"]').files.length;
  form.querySelector("[data-talk-photos]").textContent = files ? `${files} photo${files === 1 ? "" : "s"} to send` : "";
}
document.addEventListener("change", (event) => {
  const form = boxOf(event.target);
  if (form && event.target.matches('input[type="file"]')) count(form);
});
document.addEventListener("reset", (event) => {
  const form = boxOf(event.target);
  if (form) setTimeout(() => count(form));
});
