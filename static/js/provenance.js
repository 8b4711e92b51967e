/* Words and the line that lists what was read from them light up together, whichever is pointed at, focused or tapped. */

const rowsOf = (mark) => mark.dataset.rowsOf.split(" ").map((id) => document.getElementById(id)).filter(Boolean);
const marksOf = (row) =>
  [...document.querySelectorAll("mark[data-rows-of]")].filter((mark) => mark.dataset.rowsOf.split(" ").includes(row.id));

function light(target, on) {
  const mark = target.closest?.("mark[data-rows-of]");
  const row = target.closest?.(".reads li[id]");
  for (const one of mark ? rowsOf(mark) : row ? marksOf(row) : []) one.classList.toggle("on", on);
}

for (const [begin, end] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
  document.addEventListener(begin, (event) => light(event.target, true));
  document.addEventListener(end, (event) => light(event.target, false));
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") event.target.closest?.("mark[data-rows-of]")?.blur();
});
