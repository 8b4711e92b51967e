/* The report's one button that needs a script: paper. */
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
