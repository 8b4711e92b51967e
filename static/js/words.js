/* Labels scripts show, in the page's language; base.html brings the catalogue unless the page is in English. */

/** `text` in the page's language, each `{name}` in it replaced from `figures`. */
export function say(text, figures = {}) {
  const words = globalThis.gettext ? globalThis.gettext(text) : text;
  return words.replace(/\{(\w+)\}/g, (whole, name) => (name in figures ? String(figures[name]) : whole));
}
