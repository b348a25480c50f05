// The developer's panel: the session's webhooks as they happen, and trouble on demand.

import { entryRow } from "./exchange.js";
import { follow } from "./live.js";
import { Problem, post } from "./server.js";
import { boot, fill, texts } from "./texts.js";

const ROWS_MAX = 200;
const SLOW_MS = 2000;
const WORDS = texts.panel;

export class Panel {
  /** `took` is given what trouble made of the balance. */
  constructor(root, took) {
    this.took = took;
    this.armed = {};
    // On a phone the game comes first.
    if (matchMedia("(max-width: 59.99rem)").matches) root.open = false;
    if (boot.demo) {
      document.getElementById("live").hidden = true;
      return;
    }
    this.rows = document.getElementById("journal");
    this.byNumber = new Map();
    this.note = document.getElementById("trouble-note");
    this.buttons = [...document.querySelectorAll("#trouble button")];
    for (const button of this.buttons) button.addEventListener("click", () => this.#trouble(button));
    const live = document.getElementById("live");
    follow(
      (entries) => this.#take(entries),
      (state) => {
        live.dataset.state = state;
        live.textContent = WORDS[state];
      },
    );
  }

  /** Whether rounds are shown without their show. */
  get turbo() {
    return document.getElementById("turbo")?.checked ?? false;
  }

  /** Say that the wallet does not take the player of this launch, in its own words; null where it does. */
  launched(launch) {
    const note = document.getElementById("launch-note");
    if (!note) return;
    const word = launch?.refused ? WORDS.launch_refused : WORDS.launch_unread;
    note.textContent = launch ? fill(word, launch) : "";
  }

  /** What the next rounds shall bring; nothing where the seed draws them. */
  get outcome() {
    const chosen = document.getElementById("outcome")?.value ?? "seeded";
    return chosen === "seeded" ? {} : { outcome: chosen };
  }

  /** Show what is armed. */
  arm(armed) {
    if (!armed) return;
    // What was armed has struck: the note is true no more.
    if (this.noted && !armed[this.noted]) this.#say("");
    this.armed = armed;
    for (const button of this.buttons ?? []) {
      if (!button.hasAttribute("aria-pressed")) continue;
      button.setAttribute("aria-pressed", String(Boolean(armed[button.dataset.trouble])));
    }
  }

  #take(entries) {
    document.getElementById("journal-empty").hidden = true;
    for (const entry of entries) {
      const before = this.byNumber.get(entry.number);
      const row = entryRow(entry);
      if (before) {
        row.firstElementChild.open = before.firstElementChild.open;
        before.replaceWith(row);
      } else {
        this.#place(row, entry.number);
      }
      this.byNumber.set(entry.number, row);
    }
    while (this.rows.children.length > ROWS_MAX) {
      this.byNumber.delete(Number(this.rows.lastElementChild.dataset.number));
      this.rows.lastElementChild.remove();
    }
  }

  /** The newest on top. A row that was judged late comes after newer ones, so its coming says nothing. */
  #place(row, number) {
    const below = [...this.rows.children].find((each) => Number(each.dataset.number) < number);
    if (below) below.before(row);
    else this.rows.append(row);
  }

  async #trouble(button) {
    const kind = button.dataset.trouble;
    const body = kind === "slow" ? { kind, slow_ms: this.armed.slow ? 0 : SLOW_MS } : { kind };
    button.setAttribute("aria-busy", "true");
    this.#say("");
    try {
      const answer = await post("trouble", body);
      this.took(answer);
      const outcome = answer.outcome ? WORDS[`outcome_${answer.outcome}`] : null;
      const state = this.armed[kind] ? WORDS.armed : null;
      this.#say([button.textContent, outcome ?? state].filter(Boolean).join(": "), state ? kind : null);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#say(fill(WORDS.not_done, { reason: error.body.message ?? error.code }));
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  /** Write a note; `armed` is the trouble that it is about, until that strikes. */
  #say(text, armed = null) {
    this.note.textContent = text;
    this.noted = armed;
  }
}
