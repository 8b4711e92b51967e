// Push to this device: registers the service worker, asks the person, hands the subscription to the server.
// The browser asks once; what it answered is said in words, and a subscription that changed is handed over again.
import { csrfToken } from "./forms.js";
import { say } from "./words.js";

const WORKER = "/push-worker.js";
const box = document.querySelector("[data-push]");

function bytes(words) {
  const plain = atob(words.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** A name people recognise in their list of devices. */
function deviceName() {
  const agent = navigator.userAgent;
  const browser = /Edg\//.test(agent) ? "Edge" : /Firefox\//.test(agent) ? "Firefox" : /Chrome\//.test(agent) ? "Chrome" : "Safari";
  const system = /Android/.test(agent) ? "Android" : /iPhone|iPad/.test(agent) ? "iPhone or iPad" : /Windows/.test(agent) ? "Windows" : /Mac OS/.test(agent) ? "Mac" : "Linux";
  return say("{browser} on {system}", { browser, system });
}

async function handOver(subscription) {
  const answer = await fetch("/me/notifications/devices/", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken(), "HX-Request": "true" },
    body: JSON.stringify({ subscription: subscription.toJSON(), label: deviceName() }),
  });
  if (answer.ok) return;
  const told = await answer.json().catch(() => ({}));
  throw new Error([told.title, told.detail].filter(Boolean).join(" ") || say("The server answered {status}.", { status: answer.status }));
}

async function subscribe(key) {
  const registration = await navigator.serviceWorker.register(WORKER, { scope: "/" });
  await navigator.serviceWorker.ready;
  const there = await registration.pushManager.getSubscription();
  if (there && there.options.applicationServerKey) {
    const known = new Uint8Array(there.options.applicationServerKey);
    const wanted = bytes(key);
    if (known.length !== wanted.length || known.some((one, place) => one !== wanted[place])) await there.unsubscribe();
  }
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
  await handOver(subscription);
}

function why(error) {
  if (error.name === "NotAllowedError") return say("This browser was told not to show notes from here. Allow them in its settings for this site.");
  if (error.name === "AbortError") return say("The browser could not reach its push service. Try again when there is a network.");
  return error.message || say("That did not work.");
}

if (box) {
  const said = box.querySelector("[data-push-said]");
  const button = box.querySelector("[data-push-start]");
  const able = window.isSecureContext && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  if (!able) {
    button.disabled = true;
    said.textContent = window.isSecureContext
      ? say("This browser has no push. On an iPhone or iPad add the page to the home screen first.")
      : say("Push needs HTTPS; this page came without.");
  } else if (Notification.permission === "granted") {
    navigator.serviceWorker.getRegistration("/").then(async (registration) => {
      const there = await registration?.pushManager.getSubscription();
      if (there) await handOver(there);
    }).catch(() => {});
  }
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = say("The browser asks whether you allow it…");
    try {
      if ((await Notification.requestPermission()) !== "granted") throw new DOMException("", "NotAllowedError");
      await subscribe(box.dataset.push);
      window.location.reload();
    } catch (error) {
      said.textContent = why(error);
      button.disabled = false;
    }
  });
}
