// Autoplay: how many spins are left to be made without a hand on the button.

import { fill, texts } from "./texts.js";

export class Autoplay {
  /** `begin` is called when the player has chosen. */
  constructor(begin) {
    this.button = document.getElementById("autoplay");
    this.menu = document.getElementById("autoplay-menu");
    this.left = 0;
    this.button.addEventListener("click", () => (this.left > 0 ? this.stop() : this.#open(this.menu.hidden)));
    this.menu.addEventListener("click", (event) => {
      const spins = event.target.closest("button")?.dataset.spins;
      if (!spins) return;
      this.#open(false);
      this.left = spins === "endless" ? Infinity : Number(spins);
      this.#show();
      this.button.focus();
      begin();
    });
    document.addEventListener("click", (event) => {
      if (!event.target.closest(".autoplay")) this.#open(false);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#escape();
    });
  }

  /** Take one of the spins that are left; whether there was one. */
  take() {
    if (this.left <= 0) return false;
    this.left -= 1;
    this.#show();
    return true;
  }

  stop() {
    this.left = 0;
    this.#show();
  }

  #escape() {
    if (this.left > 0) this.stop();
    if (!this.menu.hidden) {
      this.#open(false);
      this.button.focus();
    }
  }

  #open(open) {
    this.menu.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (open) this.menu.querySelector("button").focus();
  }

  #show() {
    const running = this.left > 0;
    this.button.classList.toggle("running", running);
    if (!running) this.button.textContent = texts.autoplay;
    else if (this.left === Infinity) this.button.textContent = texts.stop;
    else this.button.textContent = fill(texts.stop_left, { left: this.left });
  }
}
