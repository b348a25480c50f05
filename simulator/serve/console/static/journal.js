// The journal's page: the list, live and filtered as one types, an exchange beside it, and the keyboard.

import { Detail, failed } from "./detail.js";
import { Live, showState } from "./live.js";
import { Rows } from "./rows.js";
import { Problem, call } from "./server.js";
import { fill, number, texts } from "./texts.js";

const TYPING_MS = 180;
const COUNT_MS = 1500;
const AGAIN_MS = 2000;
const RATE_MS = 1000;
const RATE_MAX = 50;
const HIDDEN_MS = 500;
const WAITING_MAX = 5000;

export class Journal {
  #list = document.getElementById("rows");
  #form = document.getElementById("filters");
  #search = document.getElementById("search");
  #news = document.getElementById("news");
  #rows;
  #detail;
  #live;
  // The numbers of those that wait above, while one reads further down.
  #held = new Set();
  // What came since the last frame, and how many rows came in each frame of the last second.
  #fresh = [];
  #isFrameDue = false;
  #arrivals = [];
  #calming = null;
  #beginnings = 0;
  #typing = null;
  #counting = null;

  constructor() {
    this.#rows = new Rows(this.#list, this.#query);
    this.#detail = new Detail(document.getElementById("detail"), (shown) => this.#leave(shown));
    this.#follow(Number(document.body.dataset.since));
    this.#list.addEventListener("click", (event) => this.#clicked(event));
    this.#list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#news.addEventListener("click", () => this.#showNews());
    this.#form.addEventListener("input", () => this.#typed());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#filter();
    });
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  get #query() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(this.#form)) if (value.trim()) query.set(name, value.trim());
    return query;
  }

  // --- live ---

  #follow(since) {
    this.#live?.close();
    this.#live = new Live(since, this.#query, {
      take: (rows) => this.#take(rows),
      reset: () => this.#begin(),
    });
  }

  /** Rows are shown once a frame, however many come. */
  #take(news) {
    this.#fresh.push(...news);
    if (this.#isFrameDue) return;
    this.#isFrameDue = true;
    // A page in the background has no frames.
    if (document.hidden) setTimeout(() => this.#show(), HIDDEN_MS);
    else requestAnimationFrame(() => this.#show());
  }

  #show() {
    this.#isFrameDue = false;
    const news = this.#fresh.splice(0);
    if (news.length > WAITING_MAX) {
      this.#begin();
      return;
    }
    this.#count();
    if (news.some((each) => each.number === this.#detail.number)) this.#detail.refresh();
    const { newest } = this.#rows;
    // What waits above and was judged since is told once more, and is not new.
    const isBusy = this.#isBusy(news.filter((each) => each.number > newest && !this.#held.has(each.number)).length);
    // Who reads further down is not pushed about: what is new waits above. So it does where too much comes to be read.
    if (this.#rows.isBeginning || (this.#rows.isAtTop && this.#held.size === 0 && !isBusy)) {
      this.#rows.take(news);
      return;
    }
    this.#rows.take(news.filter((each) => each.number <= newest));
    for (const each of news) {
      if (each.number <= newest) continue;
      if (each.html === null) this.#held.delete(each.number);
      else this.#held.add(each.number);
    }
    this.#tellHeld();
    if (isBusy) this.#calm();
  }

  /** Whether more rows came within the last second than one can read. */
  #isBusy(count) {
    const now = performance.now();
    this.#arrivals.push([now, count]);
    while (this.#arrivals[0][0] < now - RATE_MS) this.#arrivals.shift();
    return this.#arrivals.reduce((sum, [, each]) => sum + each, 0) > RATE_MAX;
  }

  /** Once less comes, a list that is looked at from its top goes on by itself. */
  #calm() {
    clearTimeout(this.#calming);
    this.#calming = setTimeout(() => {
      if (this.#rows.isAtTop && this.#held.size > 0) this.#showNews();
    }, RATE_MS);
  }

  #tellHeld() {
    this.#news.hidden = this.#held.size === 0;
    this.#news.textContent = fill(texts.news, { n: number.format(this.#held.size) });
  }

  async #showNews() {
    this.#held.clear();
    this.#tellHeld();
    try {
      await this.#rows.reload();
    } catch (error) {
      if (error.name !== "AbortError") failed(error);
    }
  }

  #scrolled() {
    if (this.#rows.isAtTop && this.#held.size > 0) this.#showNews();
  }

  #count() {
    this.#counting ??= setTimeout(async () => {
      this.#counting = null;
      if (this.#query.size > 0) return;
      const { exchanges } = await call("GET", "/_sim/state").catch(() => ({}));
      if (exchanges === undefined) return;
      const total = number.format(exchanges);
      document.getElementById("counts").textContent = fill(texts.counts_total, { total });
    }, COUNT_MS);
  }

  // --- filtering ---

  #typed() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#filter(), TYPING_MS);
  }

  #filter() {
    clearTimeout(this.#typing);
    const query = this.#query;
    history.replaceState(null, "", query.size > 0 ? `/?${query}` : "/");
    for (const link of document.querySelectorAll("[data-export]")) {
      link.href = `${link.href.split("?")[0]}?${query}`;
    }
    document.getElementById("all").hidden = query.size === 0;
    this.#begin();
  }

  async #begin() {
    const beginning = ++this.#beginnings;
    // What was wanted before is not to come among what is wanted now.
    this.#live.close();
    this.#held.clear();
    this.#tellHeld();
    const query = this.#query;
    try {
      const { change } = await call("GET", "/_sim/state");
      if (beginning !== this.#beginnings) return;
      await this.#rows.reload(query);
      this.#follow(change);
      if (this.#detail.number !== null) this.#select(this.#detail.number);
      this.#count();
    } catch (error) {
      // A filter that was typed further meanwhile has begun anew itself.
      if (beginning !== this.#beginnings || error.name === "AbortError") return;
      if (!(error instanceof Problem)) throw error;
      showState("offline");
      setTimeout(() => beginning === this.#beginnings && this.#begin(), AGAIN_MS);
    }
  }

  // --- one exchange ---

  #clicked(event) {
    const link = event.target.closest("li.row a");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    this.#open(Number(link.parentElement.dataset.number));
  }

  #open(shown) {
    this.#select(shown);
    this.#detail.open(shown);
  }

  #select(shown) {
    for (const each of this.#list.querySelectorAll("[aria-current]")) each.removeAttribute("aria-current");
    this.#rows.row(shown)?.setAttribute("aria-current", "true");
  }

  #leave(shown) {
    this.#select(null);
    this.#rows.row(shown)?.firstElementChild.focus();
  }

  // --- keyboard ---

  #pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const isTyping = event.target.matches("input, select, textarea");
    if (event.key === "Escape") this.#escaped(isTyping);
    else if (event.key === "/" && !isTyping) this.#search.select();
    else if (event.key === "Enter" && event.target === this.#search) this.#entered();
    else if (event.key === "ArrowDown" && (!isTyping || event.target === this.#search)) this.#move(1);
    else if (event.key === "ArrowUp" && !isTyping) this.#move(-1);
    else return;
    event.preventDefault();
  }

  #escaped(isTyping) {
    if (isTyping) document.activeElement.blur();
    else if (this.#detail.isOpen) this.#detail.close();
    else if (this.#query.size > 0) {
      for (const field of this.#form.querySelectorAll("input, select")) field.value = "";
      this.#filter();
    }
  }

  #entered() {
    // "#123" leads straight to an exchange.
    const asked = this.#search.value.match(/^#(\d{1,15})$/);
    if (!asked) {
      this.#filter();
      return;
    }
    this.#search.value = "";
    this.#filter();
    this.#open(Number(asked[1]));
  }

  #move(by) {
    const links = [...this.#list.querySelectorAll("li.row a")];
    const shown = this.#detail.number === null ? null : this.#rows.row(this.#detail.number)?.firstElementChild;
    const from = links.indexOf(links.includes(document.activeElement) ? document.activeElement : shown);
    const to = links[Math.max(0, Math.min(links.length - 1, from + by))] ?? links[0];
    if (!to) return;
    to.focus();
    if (this.#detail.isOpen) this.#open(Number(to.parentElement.dataset.number));
  }
}
