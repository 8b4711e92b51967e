/* data-copy="id" copies the words of the element with that id, and says so on the button. */
import { say } from "./words.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  const from = button && document.getElementById(button.dataset.copy);
  if (!from) return;
  try {
    await navigator.clipboard.writeText(from.textContent);
  } catch {
    // no clipboard without HTTPS: select the words, so that the keyboard can copy them
    getSelection().selectAllChildren(from);
    return;
  }
  const words = button.lastChild;
  const before = words.textContent;
  words.textContent = say("Copied");
  setTimeout(() => (words.textContent = before), 1500);
});
