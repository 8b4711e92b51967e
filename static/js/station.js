/* The station's own manners: a sheet closes once its tap is kept, what was taken is said, and nothing is redrawn
   under a finger. Sending and keeping lie in outbox.js, following the plant in live.js. */
import { closeAll } from "./dialogs.js";
import { refetch } from "./refetch.js";
import { toast } from "./toasts.js";
import { say } from "./words.js";

const busy = () => document.querySelector("dialog[open]");
let missed = false;

function showNow() {
  const station = document.getElementById("station");
  if (station) refetch(station, { kind: "tap" });
}

document.addEventListener("outbox:stored", () => closeAll());
document.addEventListener("outbox:sent", (event) => {
  const { answer, item } = event.detail;
  const exception = answer?.exception;
  if (exception) toast({ level: "ok", title: exception.title, text: exception.next_step });
  else toast({ level: "ok", title: say("{what}, sent", { what: item.label }) });
  showNow();
});
document.addEventListener("outbox:failed", (event) => {
  const { item } = event.detail;
  toast({ level: "warn", title: say("{what} was not taken", { what: item.label }), text: item.why, code: item.code });
  showNow();
});
document.addEventListener("scanned", (event) => {
  const { code, found, input } = event.detail;
  const sheet = input.closest("dialog");
  if (sheet?.open) return;
  // scanned before anything was chosen: a machine shows itself, an order waits in every sheet
  const tab = found?.kind === "work_unit" && document.querySelector(`a.utab[href="?unit=${CSS.escape(found.code)}"]`);
  if (tab) {
    tab.click();
    return;
  }
  for (const other of document.querySelectorAll("dialog.sheet [data-scan]")) other.value = input.value;
  toast({ level: "info", title: found?.words || code, text: say("Now choose what is wrong.") });
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt?.id !== "station" || !busy()) return;
  missed = true;
  event.preventDefault();
});
document.addEventListener(
  "close",
  () => {
    if (!missed || busy()) return;
    missed = false;
    showNow();
  },
  true,
);
