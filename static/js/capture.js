/* Photos and voice notes beside a report. What is taken is made small here, shown, and put into the form's own file
   fields, so that the outbox (or a plain submit) carries it like any other answer.

   [data-capture]          around the controls of one form
   input[data-photos]      a camera input; several, one after the other
   button[data-voice]      starts and ends a recording; input[data-voice-file] holds it
   [data-capture-shelf]    shows what is kept, each with a way to take it away
   form.preparing          a promise while a picture is still being made small; the outbox waits for it */
import { toast } from "./toasts.js";
import { say } from "./words.js";

const EDGE = 2048;
const QUALITY = 0.82;
const MOST = 8;
const LONGEST_SECONDS = 120;
const SOUNDS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus", "audio/webm"];
const kept = new WeakMap(); // [data-capture] -> {photos: [File], voice: File | null, recorder, timer}

const stateOf = (box) => {
  if (!kept.has(box)) kept.set(box, { photos: [], voice: null, recorder: null, timer: 0, urls: [] });
  return kept.get(box);
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.classList.add("ic");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

/* ---- photos ---------------------------------------------------------------------------------------------------------- */
/** A JPEG of at most EDGE pixels a side, upright; the file itself where this browser cannot decode it. */
async function small(file) {
  let picture;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file; // the server says in words what it makes of it
  }
  const scale = Math.min(1, EDGE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  if (!blob || (scale === 1 && file.type === "image/jpeg" && blob.size > file.size)) return file;
  return new File([blob], `${file.name.replace(/\.[^.]*$/, "") || "photo"}.jpg`, { type: "image/jpeg" });
}

function fill(input, files) {
  const carrier = new DataTransfer();
  for (const file of files) carrier.items.add(file);
  input.files = carrier.files;
}

async function addPhotos(box, input) {
  const state = stateOf(box);
  const fresh = [...input.files];
  fill(input, state.photos);
  const room = MOST - state.photos.length;
  if (fresh.length > room) toast({ level: "warn", title: say("At most {count} photos", { count: MOST }) });
  for (const file of fresh.slice(0, Math.max(room, 0))) state.photos.push(await small(file));
  fill(input, state.photos);
  show(box);
}

/* ---- voice ------------------------------------------------------------------------------------------------------------ */
const words = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function mark(button, text, on) {
  button.querySelector("[data-voice-words]").textContent = text;
  button.classList.toggle("recording", on);
  button.setAttribute("aria-pressed", String(on));
}

async function record(box, button) {
  const state = stateOf(box);
  if (state.recorder) {
    state.recorder.stop();
    return;
  }
  const input = box.querySelector("[data-voice-file]");
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
    input.click(); // plain http, or an old browser: the tablet's own recorder
    return;
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    toast({ level: "warn", title: say("The microphone may not be used"), text: say("Allow it in the browser, or type a few words.") });
    return;
  }
  const type = SOUNDS.find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(stream, { ...(type ? { mimeType: type } : {}), audioBitsPerSecond: 32_000 });
  const parts = [];
  const began = Date.now();
  state.recorder = recorder;
  let done;
  const ended = new Promise((resolve) => (done = resolve));
  wait(box, ended); // sending while recording ends the recording and takes it along
  recorder.addEventListener("dataavailable", (event) => event.data.size && parts.push(event.data));
  recorder.addEventListener("stop", () => {
    clearInterval(state.timer);
    for (const track of stream.getTracks()) track.stop();
    state.recorder = null;
    const mime = (recorder.mimeType || type || "audio/webm").split(";")[0];
    if (parts.length && !state.dropped) {
      const ending = { "audio/mp4": "m4a", "audio/ogg": "ogg" }[mime] || "webm";
      state.voice = new File(parts, `voice.${ending}`, { type: mime });
      fill(input, [state.voice]);
    }
    state.dropped = false;
    mark(button, say("Voice note"), false);
    show(box);
    done();
  });
  recorder.start(1000);
  mark(button, say("Stop {time}", { time: words(0) }), true);
  state.timer = setInterval(() => {
    const seconds = (Date.now() - began) / 1000;
    mark(button, say("Stop {time}", { time: words(seconds) }), true);
    if (seconds >= LONGEST_SECONDS) recorder.stop();
  }, 500);
}

/* ---- the shelf --------------------------------------------------------------------------------------------------------- */
function remover(box, label, run) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "away";
  button.setAttribute("aria-label", label);
  button.append(icon("x"));
  button.addEventListener("click", () => {
    run();
    show(box);
  });
  return button;
}

function show(box) {
  const state = stateOf(box);
  const shelf = box.querySelector("[data-capture-shelf]") || box.closest("form").querySelector("[data-capture-shelf]");
  for (const url of state.urls) URL.revokeObjectURL(url);
  state.urls = [];
  const rows = state.photos.map((file, at) => {
    const row = document.createElement("span");
    row.className = "shot";
    const picture = document.createElement("img");
    picture.alt = say("Photo {number}", { number: at + 1 });
    picture.src = URL.createObjectURL(file);
    state.urls.push(picture.src);
    picture.addEventListener("error", () => picture.replaceWith(icon("image")), { once: true });
    row.append(
      picture,
      remover(box, say("Take photo {number} away", { number: at + 1 }), () => {
        state.photos.splice(at, 1);
        fill(box.querySelector("[data-photos]"), state.photos);
      }),
    );
    return row;
  });
  if (state.voice) {
    const row = document.createElement("span");
    row.className = "shot heard";
    const player = document.createElement("audio");
    player.controls = true;
    player.src = URL.createObjectURL(state.voice);
    state.urls.push(player.src);
    player.setAttribute("aria-label", say("Your voice note"));
    row.append(
      player,
      remover(box, say("Take the voice note away"), () => {
        state.voice = null;
        fill(box.querySelector("[data-voice-file]"), []);
      }),
    );
    rows.push(row);
  }
  shelf.replaceChildren(...rows);
  shelf.hidden = !rows.length;
}

function wait(box, work) {
  const form = box.closest("form");
  form.preparing = Promise.all([form.preparing, work]);
}

/** Before a form goes out: end a running recording and wait for pictures still being made small. */
export async function prepared(form) {
  for (const box of form.querySelectorAll("[data-capture]")) kept.get(box)?.recorder?.stop();
  await form.preparing;
}

document.addEventListener("change", (event) => {
  const box = event.target.closest?.("[data-capture]");
  if (!box) return;
  if (event.target.matches("[data-photos]")) wait(box, addPhotos(box, event.target));
  if (event.target.matches("[data-voice-file]") && event.target.files.length) {
    stateOf(box).voice = event.target.files[0];
    show(box);
  }
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-voice]");
  const box = button?.closest("[data-capture]");
  if (box) record(box, button);
});
document.addEventListener("reset", (event) => {
  for (const box of event.target.querySelectorAll?.("[data-capture]") || []) {
    const state = stateOf(box);
    if (state.recorder) {
      state.dropped = true;
      state.recorder.stop();
    }
    state.photos = [];
    state.voice = null;
    setTimeout(() => show(box)); // after the form's own reset has emptied its fields
  }
});
