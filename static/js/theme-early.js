/* Before the first paint: the theme this device chose. A classic script on purpose, so nothing flashes. */
(function () {
  try {
    var theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch (error) {
    /* storage refused: the system's theme stands */
  }
})();
