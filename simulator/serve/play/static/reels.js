// The reels: five strips that move by transforms only, so that the compositor does the work.

import { cell, put } from "./symbols.js";

const CELLS = 16; // one above the window, for the bounce; three in it; the rest runs by
const SHOWN = 3;
const REST = `translateY(${-100 / CELLS}%)`;
const AWAY = `translateY(${(-100 * (CELLS - SHOWN)) / CELLS}%)`;
const CELL_MS = 42;
const STOP_MS = 720;
const STAGGER_MS = 170;
const SPIN_MS_MIN = 420;
const BOUNCE = "cubic-bezier(.16, .84, .34, 1.045)";

const still = matchMedia("(prefers-reduced-motion: reduce)");

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Reels {
  /** `root` holds an element `.reel > .strip` for each reel; `symbols` are the names to fill them with. */
  constructor(root, symbols) {
    this.symbols = symbols;
    this.strips = [...root.querySelectorAll(".strip")];
    this.motions = this.strips.map(() => null);
    this.hurried = false;
    for (const strip of this.strips) {
      strip.append(...Array.from({ length: CELLS }, cell));
      strip.style.transform = REST;
    }
  }

  /** Show a grid at rest. */
  show(grid) {
    this.strips.forEach((strip, reel) => this.#fill(strip, grid[reel]));
    this.grid = grid;
  }

  /** Begin to spin, without knowing what will come. */
  start() {
    this.hurried = false;
    this.startedAt = performance.now();
    if (still.matches) return;
    this.strips.forEach((strip, reel) => {
      // The last three are the first three: the loop has no seam, and begins with what was shown.
      this.#fill(strip, this.grid[reel], this.grid[reel]);
      this.motions[reel] = strip.animate([{ transform: AWAY }, { transform: REST }], {
        duration: CELL_MS * (CELLS - SHOWN - 1),
        iterations: Infinity,
        delay: reel * 45,
      });
    });
  }

  /** Come to rest at that grid, reel by reel. */
  async stop(grid) {
    const left = SPIN_MS_MIN - (performance.now() - this.startedAt);
    if (!still.matches && !this.hurried && left > 0) await wait(left);
    await Promise.all(this.strips.map((strip, reel) => this.#land(strip, reel, grid[reel])));
    this.grid = grid;
  }

  /** Do not make the player wait. */
  hurry() {
    this.hurried = true;
    for (const motion of this.motions) {
      if (motion && motion.effect.getTiming().iterations === 1) motion.finish();
    }
  }

  /** The cell that shows a place of the grid. */
  at(reel, row) {
    return this.strips[reel].children[row + 1];
  }

  async #land(strip, reel, column) {
    if (still.matches) {
      this.#fill(strip, column);
      await strip.animate([{ opacity: 0.2 }, { opacity: 1 }], { duration: 180 }).finished;
      return;
    }
    if (!this.hurried) await wait(reel * STAGGER_MS);
    this.motions[reel]?.cancel();
    this.#fill(strip, column);
    const motion = strip.animate([{ transform: AWAY }, { transform: REST }], {
      duration: this.hurried ? 180 : STOP_MS,
      easing: BOUNCE,
    });
    this.motions[reel] = motion;
    await motion.finished;
    this.motions[reel] = null;
  }

  #fill(strip, column, last = null) {
    [...strip.children].forEach((box, at) => {
      const seen = at - 1;
      if (seen >= 0 && seen < SHOWN) put(box, column[seen]);
      else if (last && at >= CELLS - SHOWN) put(box, last[at - CELLS + SHOWN]);
      else put(box, this.symbols[Math.floor(Math.random() * this.symbols.length)]);
    });
  }
}
