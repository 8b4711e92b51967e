// Shows what a push brings and opens its page. Stores nothing, fetches nothing, answers nothing by itself: an answer is
// given on the page that opens, by a tap there.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let note = {};
  try {
    note = event.data ? event.data.json() : {};
  } catch {
    note = {};
  }
  event.waitUntil(
    self.registration.showNotification(note.title || "Something needs you", {
      body: note.body || "",
      tag: note.tag || "execution-layer",
      renotify: false,
      requireInteraction: Boolean(note.urgent),
      data: { url: note.url || "/inbox/" },
      actions: Array.isArray(note.actions) ? note.actions.slice(0, 2) : [],
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const address = new URL(event.notification.data?.url || "/inbox/", self.location.origin);
  if (address.origin !== self.location.origin) return;
  if (event.action) address.searchParams.set("do", event.action);
  event.waitUntil(self.clients.openWindow(address.href));
});
