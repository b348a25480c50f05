// What the server put into the page: the player's language and the session's settings.

export const boot = JSON.parse(document.getElementById("boot").textContent);
export const texts = boot.texts;

/** A text with its {places} filled; always used as text, never as markup. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));
}
