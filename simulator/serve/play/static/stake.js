// The stake: a place on the ladder, moved a step at a time.

import { money } from "./money.js";
import { boot, texts } from "./texts.js";

export class Stake {
  constructor() {
    this.shown = document.getElementById("stake");
    this.less = document.getElementById("stake-less");
    this.more = document.getElementById("stake-more");
    this.at = boot.stakes.indexOf(boot.stake);
    this.locked = false;
    this.less.addEventListener("click", () => this.move(-1));
    this.more.addEventListener("click", () => this.move(1));
    this.#show();
  }

  /** The stake as the server writes it. */
  get value() {
    return boot.stakes[this.at];
  }

  move(by) {
    if (this.locked) return;
    this.at = Math.min(boot.stakes.length - 1, Math.max(0, this.at + by));
    this.#show();
  }

  lock(locked) {
    this.locked = locked;
    this.#show();
  }

  #show() {
    this.shown.textContent = money(this.value, texts.money);
    // Not `disabled`: that would take the focus away from under a finger on the keyboard.
    this.less.setAttribute("aria-disabled", String(this.locked || this.at === 0));
    this.more.setAttribute("aria-disabled", String(this.locked || this.at === boot.stakes.length - 1));
  }
}
