/* Refetches of what an open page shows. htmx lets one request of an element run and queues the next, but forgets both
   when an answer changes the element's attributes; then hints are lost and answers overtake each other. So requests are
   counted here: what is announced while one is under way is asked for after it, and of two answers for one place the one
   asked for later stays. */
const SETTLED = 40; // ms after an answer until htmx has taken its attributes in

let sent = 0;
const numbers = new WeakMap(); // request -> how many were sent before it
const shown = new WeakMap(); // place -> the number of the answer it shows
const underWay = new Map(); // element -> how many requests
const due = new Set(); // elements that were told of something newer than what is under way

/* Ask for an element again: now, or after what is under way. `detail` goes with its "live" event. */
export function refetch(element, detail) {
  if (underWay.has(element)) due.add(element);
  else if (element.isConnected) element.dispatchEvent(new CustomEvent("live", { bubbles: false, detail }));
}

document.addEventListener("htmx:beforeSend", ({ detail }) => {
  numbers.set(detail.xhr, (sent += 1));
  underWay.set(detail.elt, (underWay.get(detail.elt) ?? 0) + 1);
  due.delete(detail.elt);
});
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const number = numbers.get(detail.xhr) ?? 0;
  if (number < (shown.get(detail.target) ?? 0)) detail.shouldSwap = false;
  else if (detail.shouldSwap) shown.set(detail.target, number);
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!numbers.has(detail.xhr)) return; // held back before it was sent
  const left = underWay.get(detail.elt) - 1;
  if (left > 0) underWay.set(detail.elt, left);
  else underWay.delete(detail.elt);
  setTimeout(() => {
    if (due.has(detail.elt) && !underWay.has(detail.elt)) {
      due.delete(detail.elt);
      refetch(detail.elt, { kind: "later" });
    }
  }, SETTLED);
});
/* Said by an answer to all who listen; htmx asks for those that are idle. */
document.addEventListener("changed", () => {
  for (const element of underWay.keys()) if (element.matches("[data-live]")) due.add(element);
});
