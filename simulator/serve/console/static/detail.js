// One exchange in full, beside the list or as a page of its own: opened, sent again, copied.

import { Problem, call, part } from "./server.js";
import { fill, localTimes, texts, toast } from "./texts.js";

/** Make the buttons of an exchange below `root` work. `resent` is called when it was sent again. */
export function listen(root, open, resent = () => {}) {
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button, a");
    if (!button) return;
    if (button.dataset.resend) resend(button).then(resent);
    if (button.dataset.copy) copy(root);
    if ("copyPre" in button.dataset) copyText(button.parentElement.querySelector("pre").textContent);
    if (button.dataset.open && open && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      open(Number(button.dataset.open));
    }
  });
}

async function resend(button) {
  button.disabled = true;
  try {
    const told = await call("POST", `/_sim/journal/${button.dataset.resend}/resend`);
    toast(fill(texts.resent, worded(told)), told.outcome);
  } catch (error) {
    failed(error);
  } finally {
    button.disabled = false;
  }
}

/** What became of a webhook, in words. */
export const worded = (told) => ({
  outcome: texts[`outcome_${told.outcome}`],
  number: told.exchanges.at(-1),
});

/** Tell the user that something did not work; what is no Problem is a mistake of ours. */
export function failed(error) {
  if (!(error instanceof Problem)) throw error;
  toast(fill(texts.failed, { reason: error.message }), "wrong");
}

/** Put text on the clipboard, and say whether that worked. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(texts.copied);
  } catch {
    toast(texts.not_copied);
  }
}

async function copy(root) {
  const line = root.querySelector("[data-curl]");
  try {
    await navigator.clipboard.writeText(line.textContent);
    toast(texts.copied);
  } catch {
    line.closest("details").open = true;
    getSelection().selectAllChildren(line);
    toast(texts.not_copied);
  }
}

export class Detail {
  #box;
  #asking = null;
  number = null;

  constructor(box, closed) {
    this.#box = box;
    this.closed = closed;
    listen(box, (number) => this.open(number), () => this.refresh());
    box.addEventListener("click", (event) => {
      if (!event.target.closest("#close")) return;
      event.preventDefault();
      this.close();
    });
  }

  get isOpen() {
    return !this.#box.hidden;
  }

  async open(number) {
    this.number = number;
    await this.#show(() => {
      this.#box.hidden = false;
      this.#box.scrollTop = 0;
      document.body.dataset.detail = "open";
    });
  }

  /** It has a new word on it, or was sent again: show that, and leave the rest as the reader has it. */
  async refresh() {
    // Who has marked a text is about to copy it.
    if (!this.isOpen || !getSelection().isCollapsed) return;
    const folds = () => [...this.#box.querySelectorAll("details")];
    const open = folds().map((each) => each.open);
    const hadFocus = this.#box.contains(document.activeElement);
    await this.#show(() => {
      for (const [place, each] of folds().entries()) each.open = open[place] ?? each.open;
      if (hadFocus) this.#box.querySelector("[data-resend]")?.focus({ preventScroll: true });
    });
  }

  async #show(placed) {
    this.#asking?.abort();
    this.#asking = new AbortController();
    const { number } = this;
    try {
      const html = await part(`/console/exchange/${number}`, this.#asking.signal);
      if (this.number !== number) return;
      this.#box.innerHTML = html;
      localTimes(this.#box);
      placed();
    } catch (error) {
      if (error.name !== "AbortError") failed(error);
    }
  }

  close() {
    if (!this.isOpen) return;
    const number = this.number;
    this.number = null;
    this.#box.hidden = true;
    this.#box.replaceChildren();
    delete document.body.dataset.detail;
    this.closed(number);
  }
}
