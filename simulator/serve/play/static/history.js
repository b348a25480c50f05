// The player's rounds, newest first, asked for when they are looked at.

import { money } from "./money.js";
import { get } from "./server.js";
import { boot, texts } from "./texts.js";

const time = new Intl.DateTimeFormat(boot.lang, { timeStyle: "medium", hourCycle: "h23" });

export class History {
  constructor() {
    this.root = document.getElementById("history");
    this.root.addEventListener("toggle", () => this.refresh());
  }

  /** Show the rounds as they are now, if anybody looks. */
  async refresh() {
    if (!this.root.open) return;
    let rounds;
    try {
      ({ rounds } = await get("history"));
    } catch {
      return; // what is shown stays; the next round asks again
    }
    this.root.querySelector(".empty").hidden = rounds.length > 0;
    this.root.querySelector(".scroll").hidden = rounds.length === 0;
    this.root.querySelector("tbody").replaceChildren(...rounds.map(rowOf));
  }
}

function rowOf(round) {
  const row = document.createElement("tr");
  row.dataset.standing = round.standing;
  const shown = (amount) => (amount === null ? "–" : money(amount, texts.money));
  const won = round.standing === "paid" ? shown(round.win) : texts[`standing_${round.standing}`];
  const cells = [round.round, time.format(round.at_ms), shown(round.stake), won, shown(round.balance)];
  for (const text of cells) row.insertCell().textContent = text;
  row.classList.toggle("won", round.standing === "paid" && round.win !== "0.00");
  return row;
}
