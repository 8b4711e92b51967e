/* Dialogs: data-dialog="id" opens, data-dialog-close closes, a click beside it closes.
   data-dialog-auto on a dialog's body opens it once htmx has filled it. HX-Trigger: closeDialog closes what is open. */

function open(dialog) {
  if (dialog && !dialog.open) dialog.showModal();
}

export function closeAll() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}

export function startDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      event.preventDefault();
      open(document.getElementById(opener.dataset.dialog));
      return;
    }
    if (event.target.closest("[data-dialog-close]")) {
      event.target.closest("dialog")?.close();
      return;
    }
    if (event.target instanceof HTMLDialogElement && event.target.open && !("dialogStay" in event.target.dataset)) {
      const box = event.target.getBoundingClientRect();
      const beside =
        event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
      if (beside) event.target.close();
    }
    // an open menu closes when the click lies elsewhere
    for (const menu of document.querySelectorAll("details.facet-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.facet-menu[open]")) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const body = event.detail.target;
    if (body?.matches?.("[data-dialog-auto]")) open(body.closest("dialog"));
  });
  document.addEventListener("closeDialog", closeAll);
}
