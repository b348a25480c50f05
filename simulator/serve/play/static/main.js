// The game: what the player does, what the server answers, and how both are shown.

import { Autoplay } from "./autoplay.js";
import { History } from "./history.js";
import { canonical, cents, money } from "./money.js";
import { Panel } from "./panel.js";
import { Reels } from "./reels.js";
import { Problem, get, post } from "./server.js";
import { Stake } from "./stake.js";
import { boot, fill, texts } from "./texts.js";
import { BigWin, Wins } from "./wins.js";

const BIG_FROM = 10n; // times the stake
const MEGA_FROM = 50n;
const PAUSE_MS = 450;
const SETTLE_MS = 1500;
const SETTLE_ASKS_MAX = 40;
const RETRIED = new Set(["BALANCE", "CONNECTION", "SERVER"]);
const OVER = new Set(["OVER", "UNKNOWN"]); // to a player, a forgotten session is one that is over
const PROMISED = new Set(["BET_PENDING", "WIN_PENDING"]);

const byId = (id) => document.getElementById(id);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const reels = new Reels(byId("reels"), boot.symbols);
const wins = new Wins(byId("reels"), reels);
const bigWin = new BigWin(byId("bigwin"));
const stake = new Stake();
const history = new History();
const panel = byId("panel") ? new Panel(byId("panel"), took) : null;
const autoplay = new Autoplay(playOn);
const spinButton = byId("spin");

let balance = null;
let spinning = false;
let settling = null;

function showBalance(amount) {
  byId("balance").textContent = amount === null ? "–" : money(amount, texts.money);
}

function say(text) {
  byId("message").textContent = text;
}

/** Once, for those who hear the page; what is seen may change while a win is shown. */
function announce(text) {
  byId("announcement").textContent = text;
}

function complain(problem) {
  const notice = byId("notice");
  const word = OVER.has(problem) ? "over" : problem.toLowerCase();
  notice.querySelector("p").textContent = texts[`problem_${word}`] ?? texts.problem_server;
  notice.querySelector("button").hidden = !RETRIED.has(problem);
  notice.dataset.problem = problem;
  notice.hidden = false;
  say("");
}

/** Take over what any answer of the server brings along. */
function took(answer) {
  if ("balance" in answer) balance = answer.balance;
  if (!spinning) showBalance(balance);
  panel?.arm(answer.armed);
  if (answer.pending) settle();
}

/** Something goes on in the background: ask until it is settled. */
function settle() {
  if (settling) return;
  settling = (async () => {
    for (let asked = 0; asked < SETTLE_ASKS_MAX; asked += 1) {
      await wait(SETTLE_MS);
      const answer = await get("state").catch(() => null);
      if (!answer) continue;
      if (answer.pending) continue;
      settling = null;
      took(answer);
      await tellSettled();
      history.refresh();
      return;
    }
    settling = null;
  })();
}

/** What was promised has come: say so in place of the promise. What was given up stays promised. */
async function tellSettled() {
  const { rounds } = await get("history").catch(() => ({ rounds: [] }));
  const settled = texts[`settled_${rounds[0]?.standing}`];
  const notice = byId("notice");
  if (spinning || notice.hidden || !PROMISED.has(notice.dataset.problem) || !settled) return;
  notice.hidden = true;
  wins.hush();
  say(settled);
  announce(settled);
}

async function open() {
  byId("notice").hidden = true;
  try {
    const answer = await post("open");
    reels.show(answer.grid);
    took(answer);
    panel?.launched(answer.launch);
    say(fill(texts.welcome, { name: answer.name }));
    if (answer.problem) complain(answer.problem);
    spinButton.disabled = false;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    complain(error.code);
  }
  history.refresh();
}

/** One round, from the button to reels at rest; whether another may follow. */
async function spin() {
  spinning = true;
  stake.lock(true);
  wins.clear();
  byId("notice").hidden = true;
  say("");
  announce("");
  document.body.classList.add("spinning");
  const before = reels.grid;
  if (balance !== null) showBalance(canonical(cents(balance) - cents(stake.value)));
  reels.start();
  if (panel?.turbo) reels.hurry();
  try {
    const answer = await post("spin", { stake: stake.value, ...panel?.outcome });
    panel?.arm(answer.armed);
    await reels.stop(answer.picture?.grid ?? before);
    spinning = false;
    return await celebrate(answer);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    await reels.stop(before);
    spinning = false;
    showBalance(balance);
    complain(error.code);
    if (OVER.has(error.code)) spinButton.disabled = true;
    return false;
  } finally {
    spinning = false;
    stake.lock(false);
    document.body.classList.remove("spinning");
    history.refresh();
  }
}

async function celebrate(answer) {
  took(answer);
  const { win } = answer.round;
  byId("last-win").textContent = money(win, texts.money);
  if (answer.problem) complain(answer.problem);
  if (!answer.picture) return false;
  if (win === "0.00") {
    say(texts.no_win);
    announce(texts.no_win);
  } else {
    wins.show(answer.picture, say);
    announce(fill(texts.win, { amount: money(win, texts.money) }));
    const staked = cents(answer.round.stake);
    if (panel?.turbo) return answer.problem === null;
    if (cents(win) >= staked * BIG_FROM) await bigWin.show(win, cents(win) >= staked * MEGA_FROM);
    else if (autoplay.left > 0) await wait(PAUSE_MS * 2);
  }
  return answer.problem === null;
}

let playing = false;

async function playOn() {
  if (playing) return;
  playing = true;
  try {
    while (autoplay.take()) {
      if (!(await spin())) autoplay.stop();
      await wait(panel?.turbo ? 0 : PAUSE_MS);
    }
  } finally {
    playing = false;
  }
}

async function press() {
  if (bigWin.open) bigWin.end();
  else if (spinning) reels.hurry();
  else if (!playing && !spinButton.disabled) {
    playing = true;
    await spin().finally(() => {
      playing = false;
    });
  }
}

// A control of the panel that was clicked gives the focus back: space spins then. With the keyboard it keeps it.
let pointed = false;
document.addEventListener("pointerdown", () => (pointed = true), true);
document.addEventListener("keydown", () => (pointed = false), true);
for (const done of ["click", "change"]) {
  byId("panel")?.addEventListener(done, (event) => {
    if (pointed && (done === "change" || event.target.closest("button, summary, input[type=checkbox], label"))) {
      document.activeElement.blur();
    }
  });
}

spinButton.addEventListener("click", press);
byId("notice").querySelector("button").addEventListener("click", open);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") bigWin.end();
  if (event.code !== "Space" || event.repeat) return;
  // A control that has the focus does what space does on it.
  if (event.target.closest("button, summary, input, select, textarea, [role=region]")) return;
  event.preventDefault();
  press();
});

reels.show(boot.grid);
open();
