// What is shown of a win: its lines over the reels, and for a large one the big-win moment.

import { canonical, cents, grouped, money } from "./money.js";
import { drawn } from "./symbols.js";
import { boot, fill, texts } from "./texts.js";

const FORMAT = texts.money;
const ROUND_MS = 1500;
const COUNT_MS = 1800;
const COINS = 28;
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Lines over the reels. `parts` of a picture are its lines, or the bonus. */
export class Wins {
  constructor(root, reels) {
    this.root = root;
    this.reels = reels;
    this.paper = root.querySelector(".paylines");
    this.tags = root.querySelector(".tags");
  }

  clear() {
    clearInterval(this.turning);
    this.root.classList.remove("won");
    this.paper.replaceChildren();
    this.tags.replaceChildren();
    for (const box of this.root.querySelectorAll(".cell.hit")) box.classList.remove("hit");
  }

  /** Show the picture's wins, all at once and then one after the other; `say` is told each in words. */
  show(picture, say) {
    const parts = partsOf(picture);
    if (parts.length === 0) return;
    this.#mark(parts);
    say(words(parts[0]));
    if (parts.length === 1) return;
    let turn = 0;
    this.say = say;
    this.turning = setInterval(() => {
      const part = parts[turn % parts.length];
      this.#mark([part]);
      this.say(words(part));
      turn += 1;
    }, ROUND_MS);
  }

  /** Show on, but leave the words to what is told now. */
  hush() {
    this.say = () => {};
  }

  #mark(parts) {
    const turning = this.turning;
    this.clear();
    this.turning = turning;
    this.root.classList.add("won");
    for (const part of parts) {
      for (const [reel, row] of part.places) this.reels.at(reel, row).classList.add("hit");
      if (part.rows) this.#draw(part);
      this.#tag(part);
    }
  }

  #draw(part) {
    const points = part.rows.map((row, reel) => `${reel * 100 + 50},${row * 100 + 50}`).join(" ");
    for (const kind of ["halo", "line"]) {
      this.paper.append(drawn("polyline", { points, class: kind, "data-line": part.line % 5, pathLength: 1 }));
    }
  }

  #tag(part) {
    const tag = document.createElement("b");
    tag.textContent = `×${grouped(part.times, FORMAT)}`;
    const [reel, row] = part.places.at(-1);
    tag.style.left = `${reel * 20 + 10}%`;
    tag.style.top = `${(row * 100 + 80) / 3}%`;
    this.tags.append(tag);
  }
}

function partsOf(picture) {
  const lines = picture.lines.map((won) => {
    const rows = boot.lines[won.line];
    return { ...won, rows, places: rows.slice(0, won.count).map((row, reel) => [reel, row]) };
  });
  if (picture.bonus) lines.push({ ...picture.bonus, bonus: true });
  return lines;
}

function words(part) {
  const amount = money(part.win, FORMAT);
  if (part.bonus) return fill(texts.bonus_win, { amount });
  return fill(texts.line_win, {
    line: part.line + 1,
    count: part.count,
    symbol: texts.symbols[part.symbol],
    amount,
  });
}

/** The big-win moment. `show` returns when the player or time ended it. */
export class BigWin {
  constructor(root) {
    this.root = root;
    this.title = root.querySelector(".bigwin-title");
    this.amount = root.querySelector(".bigwin-amount");
    this.coins = root.querySelector(".coins");
    this.button = root.querySelector("button");
    root.addEventListener("click", () => this.end());
  }

  get open() {
    return !this.root.hidden;
  }

  show(win, mega) {
    this.title.textContent = mega ? texts.mega_win : texts.big_win;
    this.root.classList.toggle("mega", mega);
    this.root.hidden = false;
    this.button.focus({ preventScroll: true });
    if (!still.matches) this.#rain();
    this.#count(cents(win));
    return new Promise((resolve) => {
      this.resolve = resolve;
      this.timer = setTimeout(() => this.end(), mega ? 7000 : 4500);
    });
  }

  end() {
    if (!this.open) return;
    clearTimeout(this.timer);
    const focused = this.root.contains(document.activeElement);
    this.root.hidden = true;
    this.coins.replaceChildren();
    if (focused) document.getElementById("spin").focus({ preventScroll: true });
    this.resolve();
  }

  #count(total) {
    const began = performance.now();
    const step = (now) => {
      const part = still.matches ? 1000 : Math.min(1000, Math.floor(((now - began) / COUNT_MS) * 1000));
      this.amount.textContent = money(canonical((total * BigInt(Math.max(0, part))) / 1000n), FORMAT);
      if (part < 1000 && this.open) requestAnimationFrame(step);
    };
    step(began);
  }

  #rain() {
    for (let at = 0; at < COINS; at += 1) {
      const coin = document.createElement("i");
      coin.style.left = `${Math.random() * 100}%`;
      this.coins.append(coin);
      const turn = 360 + Math.random() * 720;
      coin.animate(
        [
          { transform: "translateY(-15cqh) rotateY(0)", opacity: 1 },
          { transform: `translateY(115cqh) rotateY(${turn}deg)`, opacity: 1 },
        ],
        {
          duration: 1500 + Math.random() * 1500,
          delay: Math.random() * 1500,
          iterations: 3,
          easing: "cubic-bezier(.4, .1, .8, .6)",
          fill: "both",
        },
      );
    }
  }
}
