/* Reporting from the desk: photos, a voice note and a scanned code beside the words, kept in the outbox like a station's
   taps, and the record opened once the server has it. */
import { closeAll } from "./dialogs.js";
import "./outbox.js";
import "./scan.js";
import { toast } from "./toasts.js";
import { say } from "./words.js";

const mine = new Set(); // what was sent from this very page

document.addEventListener("outbox:stored", (event) => {
  const { item } = event.detail;
  mine.add(item.id);
  closeAll();
  if (!navigator.onLine) toast({ level: "info", title: say("{what} is kept here", { what: item.label }), text: say("It is sent by itself once there is a network.") });
});
document.addEventListener("outbox:sent", (event) => {
  const { answer, item } = event.detail;
  const exception = answer?.exception;
  if (exception?.url && mine.has(item.id)) {
    location.assign(exception.url);
    return;
  }
  toast({
    level: "ok",
    title: exception?.title || say("{what}, sent", { what: item.label }),
    text: exception ? answer.words : answer?.words || "",
    actions: exception?.url ? [{ words: say("Open {ref}", { ref: exception.ref }), run: () => location.assign(exception.url) }] : [],
  });
});
document.addEventListener("outbox:failed", (event) => {
  const { item } = event.detail;
  toast({ level: "warn", title: say("{what} was not taken", { what: item.label }), text: item.why, code: item.code });
});
