/* A scanned work order or machine fills the form: by camera (the browser's own reader where there is one, ours
   elsewhere), by a scanner that types like a keyboard, or by hand. What is scanned is sent as it is; the server resolves
   it again, so that it also works without a network.

   input[data-scan]              takes the code; data-scan="/stations/PRESS/scan/" says where it is looked up, data-zxing and
                                 data-zxing-wasm where our reader lies
   button[data-scan-camera]      opens the camera; hidden where there is none
   [data-scan-said]              says what was found
   Event on document: scanned {code, found, input} */
import { toast } from "./toasts.js";
import { say } from "./words.js";

const EVERY = 160; // ms between looks through the camera
const KEY_PAUSE = 45; // a keyboard wedge types faster than any hand
const SHORTEST = 4;
const FORMATS = ["qr_code", "code_128", "code_39", "code_93", "data_matrix", "ean_13", "ean_8", "itf", "pdf417", "aztec", "codabar"];

/* ---- what reads a picture ------------------------------------------------------------------------------------------------ */
async function ownReader() {
  if (!("BarcodeDetector" in window)) return null;
  const there = await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (!there.includes("qr_code") || !there.includes("code_128")) return null;
  const detector = new BarcodeDetector({ formats: FORMATS.filter((one) => there.includes(one)) });
  return async (video) => (await detector.detect(video))[0]?.rawValue || "";
}

let loading = null;
function vendored(input) {
  loading ||= new Promise((resolve, reject) => {
    const { zxing, zxingWasm } = input.dataset;
    const script = document.createElement("script");
    script.src = zxing;
    script.addEventListener("load", () => {
      ZXingWASM.prepareZXingModule({ overrides: { locateFile: () => zxingWasm }, fireImmediately: true }).then(
        () => resolve(ZXingWASM),
        reject,
      );
    });
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return loading;
}

async function ourReader(input) {
  const zxing = await vendored(input);
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    const scale = Math.min(1, 960 / Math.max(video.videoWidth, video.videoHeight, 1));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    if (!canvas.width || !canvas.height) return "";
    pen.drawImage(video, 0, 0, canvas.width, canvas.height);
    const seen = await zxing.readBarcodes(pen.getImageData(0, 0, canvas.width, canvas.height), {
      maxNumberOfSymbols: 1,
      tryHarder: true,
    });
    return seen.find((one) => one.isValid)?.text || "";
  };
}

/* ---- the camera ------------------------------------------------------------------------------------------------------------ */
function sheet() {
  let dialog = document.getElementById("scan-camera");
  if (dialog) return dialog;
  dialog = document.createElement("dialog");
  dialog.id = "scan-camera";
  dialog.className = "dialog scan-camera";
  dialog.setAttribute("aria-label", say("Scan a code"));
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  const foot = document.createElement("div");
  foot.className = "row";
  const words = Object.assign(document.createElement("span"), { className: "grow", textContent: say("Hold the code into the picture") });
  const close = Object.assign(document.createElement("button"), { type: "button", className: "btn touch", textContent: say("Close") });
  close.dataset.dialogClose = "";
  foot.append(words, close);
  dialog.append(video, foot);
  document.body.append(dialog);
  return dialog;
}

async function look(input) {
  const dialog = sheet();
  const video = dialog.querySelector("video");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  } catch {
    toast({ level: "warn", title: say("The camera may not be used"), text: say("Allow it in the browser, or type the code.") });
    return;
  }
  video.srcObject = stream;
  dialog.showModal();
  await video.play();
  let code = "";
  try {
    const read = (await ownReader()) || (await ourReader(input));
    while (dialog.open && !code) {
      code = (await read(video).catch(() => "")) || "";
      if (!code) await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  } catch {
    toast({ level: "warn", title: say("This browser cannot read codes by camera"), text: say("Type the code instead.") });
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    if (dialog.open) dialog.close();
  }
  if (code) take(input, code);
}

/* ---- what was scanned -------------------------------------------------------------------------------------------------------- */
async function take(input, code) {
  input.value = code.trim();
  const found = await ask(input);
  document.dispatchEvent(new CustomEvent("scanned", { detail: { code: input.value, found, input } }));
}

async function ask(input) {
  const said = input.closest("form")?.querySelector("[data-scan-said]");
  const code = input.value.trim();
  if (said) said.textContent = "";
  if (!code) return null;
  let found = null;
  try {
    const answer = await fetch(`${input.dataset.scan}?code=${encodeURIComponent(code)}`, {
      headers: { Accept: "application/json" },
      credentials: "same-origin",
    });
    if (answer.ok) found = await answer.json();
    else if (said) said.textContent = answer.status === 404 ? say("{code} is not known here; it is sent as it is", { code }) : "";
  } catch {
    if (said) said.textContent = say("{code} is sent along", { code });
  }
  if (found) {
    input.value = found.code;
    if (said) said.textContent = found.words;
  }
  return found;
}

/* ---- a scanner that types --------------------------------------------------------------------------------------------------------- */
let typed = "";
let last = 0;

function target() {
  const open = document.querySelector("dialog[open]");
  return open ? open.querySelector("[data-scan]") : document.querySelector("[data-scan]");
}

function onKey(event) {
  const pause = event.timeStamp - last;
  last = event.timeStamp;
  if (pause > KEY_PAUSE) typed = "";
  if (event.key === "Enter" && typed.length >= SHORTEST) {
    const code = typed;
    typed = "";
    const field = event.target;
    // a badge field, a search: whoever has the focus and a form of its own keeps what was scanned
    const own = field.matches?.("input, textarea, select") && !field.form?.querySelector("[data-scan]");
    const wanted = field.matches?.("[data-scan]") ? field : target();
    if (own || !wanted) return;
    event.preventDefault();
    event.stopPropagation();
    // it went into whatever had the focus; that is not where it belongs
    if (field !== wanted && "value" in field && field.value.endsWith(code)) field.value = field.value.slice(0, -code.length);
    take(wanted, code);
    return;
  }
  typed = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey ? typed + event.key : event.key === "Shift" ? typed : "";
}

function showCameras(scope = document) {
  for (const button of scope.querySelectorAll("[data-scan-camera]")) button.hidden = !navigator.mediaDevices?.getUserMedia;
}

document.addEventListener("keydown", onKey, true);
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-scan-camera]");
  if (button) look(button.closest("form").querySelector("[data-scan]"));
});
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-scan]")) ask(event.target);
});
document.addEventListener("reset", (event) => {
  for (const said of event.target.querySelectorAll?.("[data-scan-said]") || []) said.textContent = "";
});
document.addEventListener("htmx:afterSwap", (event) => showCameras(event.detail.target));
document.addEventListener("htmx:afterSettle", () => showCameras());
showCameras();
