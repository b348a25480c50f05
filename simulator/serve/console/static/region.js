// Pages other than the journal: their content is fetched anew when something happens, and their buttons act.

import { failed, worded } from "./detail.js";
import { Live } from "./live.js";
import { Problem, call, part } from "./server.js";
import { fill, localTimes, texts, toast } from "./texts.js";

const REST_MS = 700;

/** No answer: nothing is fresh, and it is asked for again. What is no Problem is a mistake of ours. */
function unanswered(error) {
  if (!(error instanceof Problem)) throw error;
  return false;
}

export class Region {
  #root = document.querySelector("[data-region]");
  #due = null;
  #live = null;
  #isStale = false;

  constructor() {
    localTimes(this.#root);
    this.#root.addEventListener("click", (event) => this.#clicked(event));
    this.#root.addEventListener("submit", (event) => this.#submitted(event));
    this.#root.addEventListener("change", (event) => {
      if (event.target.closest("#filters")) event.target.form.requestSubmit();
    });
    this.#begin(Number(this.#root.dataset.since ?? document.body.dataset.since));
  }

  #begin(change) {
    this.#live?.close();
    this.#live = new Live(change, new URLSearchParams(), {
      take: () => this.#again(),
      reset: () => this.#beginAnew(),
      folder: this.#root.dataset.stream,
    });
  }

  async #beginAnew() {
    const { change } = await call("GET", "/_sim/state").catch(() => ({}));
    if (change !== undefined) this.#begin(change);
    this.#again();
  }

  #again() {
    this.#due ??= setTimeout(async () => {
      const isFresh = !this.#isInUse && (await this.#fetch().catch(unanswered));
      this.#due = null;
      if (!isFresh || this.#isStale) this.#again();
    }, REST_MS);
    this.#isStale = true;
  }

  /** Who is filling in a form, or reading a marked text, is left alone for now. */
  get #isInUse() {
    const { activeElement } = document;
    return (this.#root.contains(activeElement) && activeElement.matches("input, select")) || !getSelection().isCollapsed;
  }

  async #fetch() {
    this.#isStale = false;
    const template = document.createElement("template");
    template.innerHTML = await part(location.href);
    localTimes(template.content);
    const fresh = template.content.querySelector("[data-region]");
    if (!fresh || this.#isInUse) return false;
    const open = [...this.#root.querySelectorAll("details")].map((each) => each.open);
    for (const [place, each] of fresh.querySelectorAll("details").entries()) each.open = open[place] ?? each.open;
    const kept = this.#root.querySelector("[data-launched]")?.cloneNode(true);
    if (kept) fresh.querySelector("[data-launched]")?.replaceWith(kept);
    this.#root.replaceChildren(...fresh.childNodes);
    return true;
  }

  async #clicked(event) {
    const button = event.target.closest("button");
    if (!button || !(button.dataset.end || button.dataset.deliver || button.dataset.dismiss || button.dataset.reset)) return;
    if (button.dataset.reset && !confirm(button.dataset.reset)) return;
    button.disabled = true;
    try {
      if (button.dataset.end) {
        await call("DELETE", `/_sim/sessions/${encodeURIComponent(button.dataset.end)}`);
        toast(texts.ended);
      } else if (button.dataset.reset) {
        await call("POST", "/_sim/reset");
      } else if (button.dataset.dismiss) {
        await call("POST", "/_sim/findings/dismiss", { cause: button.dataset.dismiss });
        toast(texts.dismissed);
      } else {
        const told = await call("POST", `/_sim/obligations/${button.dataset.deliver}/deliver`);
        toast(fill(texts.delivered, worded(told)), told.outcome);
      }
    } catch (error) {
      failed(error);
    } finally {
      button.disabled = false;
      this.#again();
    }
  }

  async #submitted(event) {
    const form = event.target;
    if (!("launch" in form.dataset)) return;
    event.preventDefault();
    try {
      const told = await call("POST", "/_sim/sessions", Object.fromEntries(new FormData(form)));
      const link = document.createElement("a");
      link.className = "button";
      // Behind a proxy we may be reached by another name than the one we know of ourselves.
      link.href = new URL(told.game_url).pathname;
      link.target = "_blank";
      link.rel = "noopener";
      link.textContent = `${texts.launched}: ${told.game}`;
      const box = this.#root.querySelector("[data-launched]");
      box.replaceChildren(link);
      box.hidden = false;
      link.focus();
      this.#again();
    } catch (error) {
      failed(error);
    }
  }
}
