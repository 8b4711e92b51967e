// Dragging a rule to another place in the list. The arrows beside the grip do the same with keys; both send one POST,
// and the server alone says what the order is.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const move = document.getElementById("rt-move");
  const grips = [...document.querySelectorAll(".rt-grip")];
  if (!move || !grips.length) return;
  const rowOf = (element) => element.closest("tbody > tr") && element.closest("tr");
  let dragged = null;
  let target = null;

  const clear = () => {
    for (const row of document.querySelectorAll(".rt-before, .rt-after, .rt-dragged")) {
      row.classList.remove("rt-before", "rt-after", "rt-dragged");
    }
  };

  for (const grip of grips) {
    const row = grip.closest("tr");
    row.dataset.rule = grip.dataset.rule;
    grip.draggable = true;
    grip.addEventListener("dragstart", (event) => {
      dragged = row;
      row.classList.add("rt-dragged");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", grip.dataset.rule);
      event.dataTransfer.setDragImage(row, 20, 20);
    });
    grip.addEventListener("dragend", () => { dragged = null; target = null; clear(); });
  }

  // Only rows in view are known; a row dropped in the lower half of another goes before the one after it.
  document.addEventListener("dragover", (event) => {
    const row = dragged && rowOf(event.target);
    if (!row || row === dragged || row.parentElement.parentElement !== dragged.parentElement.parentElement) return;
    event.preventDefault();
    const box = row.getBoundingClientRect();
    const after = event.clientY > box.top + box.height / 2 && Boolean(row.dataset.rule);
    for (const one of document.querySelectorAll(".rt-before, .rt-after")) one.classList.remove("rt-before", "rt-after");
    row.classList.add(after ? "rt-after" : "rt-before");
    target = { row, after };
  });

  document.addEventListener("drop", (event) => {
    if (!dragged || !target) return;
    event.preventDefault();
    const rows = [...document.querySelectorAll("tr[data-rule]")].filter((row) => row !== dragged);
    const place = rows.indexOf(target.row);
    const before = place < 0 ? null : rows[target.after ? place + 1 : place];
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "before", value: before ? before.dataset.rule : "" });
    move.append(field);
    move.action = dragged.querySelector(".rt-grip").dataset.place;
    move.submit();
  });
});
