// The checks of a draft take their time: the list comes first, and what they say follows once nobody drags any more.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const line = document.getElementById("rt-checked");
  if (!line || "fresh" in line.dataset) return;
  const leaving = new AbortController();
  window.addEventListener("pagehide", () => leaving.abort());
  setTimeout(async () => {
    line.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(line.dataset.url, { signal: leaving.signal, headers: { "X-Requested-With": "fetch" } });
      if (answer.ok && !answer.redirected) line.innerHTML = await answer.text();
    } catch (error) {
      if (error.name !== "AbortError") console.warn("checks", error);
    } finally {
      line.removeAttribute("aria-busy");
    }
  }, 800);
});
