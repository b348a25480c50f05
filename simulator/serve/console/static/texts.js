// The texts that scripts write, in the page's language; and values in the browser's own manner.

export const texts = JSON.parse(document.getElementById("texts").textContent);
const lang = document.documentElement.lang;
const clock = new Intl.DateTimeFormat(lang, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});
const short = new Intl.DateTimeFormat(lang, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const long = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
export const number = new Intl.NumberFormat(lang);

/** A text with its places filled. */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);

/** Write the times below `root` in the browser's zone; the server has written them in UTC. */
export function localTimes(root) {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const at = new Date(each.dateTime);
    if (Number.isNaN(at.valueOf())) continue;
    const brief = each.textContent.length < 12 && !("long" in each.dataset);
    each.textContent = "long" in each.dataset ? long.format(at) : (brief ? short : clock).format(at);
    each.title = each.dateTime;
  }
  for (const each of root.querySelectorAll("text[data-time]")) {
    each.textContent = ("exact" in each.dataset ? clock : short).format(new Date(each.dataset.time));
  }
}

/** A short word to the user, gone after a while. */
export function toast(text, kind = "") {
  const box = document.createElement("p");
  box.className = `toast ${kind}`;
  box.textContent = text;
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), 6000);
}
