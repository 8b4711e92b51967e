/* Behind a printed code: the report is kept on this phone first, then sent, then followed. */
import "./outbox.js";
import "./scan.js";
import { toast } from "./toasts.js";
import { say } from "./words.js";

const form = document.getElementById("qr-form");
const panel = document.getElementById("qr-sent");
const part = (name) => panel.querySelector(`[data-qr-${name}]`);
let mine = null; // the report made on this very page

function showPanel(lead, more, track = "") {
  part("lead").textContent = lead;
  part("more").textContent = more;
  part("track").hidden = !track;
  if (track) part("track").href = track;
  form.hidden = true;
  panel.hidden = false;
  panel.scrollIntoView({ block: "nearest" });
}

document.addEventListener("outbox:stored", (event) => {
  mine = event.detail.item.id;
  const waits = say("There is no network here. It is sent by itself once there is; keep this page open.");
  showPanel(say("Kept on this phone"), navigator.onLine ? say("It is being sent.") : waits);
});
document.addEventListener("outbox:sent", (event) => {
  const { answer, item } = event.detail;
  if (item.id === mine && answer?.track) {
    location.assign(answer.track);
    return;
  }
  const follow = answer?.track ? [{ words: say("Follow it"), run: () => location.assign(answer.track) }] : [];
  toast({ level: "ok", title: say("{what}, sent", { what: item.label }), text: answer?.exception?.ref || "", actions: follow });
});
document.addEventListener("outbox:failed", (event) => {
  const { item } = event.detail;
  if (item.id === mine) {
    panel.hidden = true;
    form.hidden = false;
  }
  toast({ level: "warn", title: say("The report was not taken"), text: item.why, code: item.code });
});
panel.querySelector("[data-qr-again]").addEventListener("click", () => {
  panel.hidden = true;
  form.hidden = false;
  mine = null;
});
