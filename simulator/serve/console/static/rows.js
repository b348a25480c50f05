// The list of exchanges, windowed: chunks of rows far from the view give their rows back and keep their height.

import { Problem, part } from "./server.js";
import { localTimes, texts } from "./texts.js";

const NEAR_PX = 1600;
const CHUNK_ROWS = 100;

/** The content of a text of HTML that the server escaped. */
function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  localTimes(template.content);
  return template.content;
}

const numberOf = (row) => Number(row.dataset.number);

/** The numbers that a chunk reaches from and to, also while it has given its rows back. */
const highest = (chunk) => (chunk.dataset.emptied ? Number(chunk.dataset.first) : numberOf(chunk.firstElementChild));
const lowest = (chunk) => (chunk.dataset.emptied ? Number(chunk.dataset.last) : numberOf(chunk.lastElementChild));

export class Rows {
  #root;
  #query;
  #near;
  #end;
  // Older ones are loaded down to here, and whether there are more.
  #oldest = 0;
  #hasOlder = false;
  #loading = null;
  #generation = 0;
  // News that came while rows were on their way: those may have been written before.
  #coming = 0;
  #meanwhile = [];
  isBeginning = false;

  constructor(root, query) {
    this.#root = root;
    this.#query = query;
    this.#near = new IntersectionObserver((seen) => this.#seen(seen), {
      root,
      rootMargin: `${NEAR_PX}px 0px`,
    });
    this.#end = document.createElement("div");
    this.#end.className = "end";
    root.append(this.#end);
    document.getElementById("more")?.remove();
    localTimes(root);
    this.#put(this.#chunks[0]);
  }

  get #chunks() {
    return [...this.#root.querySelectorAll("ol.chunk")];
  }

  get isAtTop() {
    return this.#root.scrollTop < 8;
  }

  get newest() {
    const top = this.#chunks[0];
    return top ? highest(top) : 0;
  }

  row(number) {
    return this.#root.querySelector(`li.row[data-number="${number}"]`);
  }

  /** Begin anew, at the newest, perhaps under another filter. */
  async reload(query = this.#query) {
    this.#query = query;
    const generation = ++this.#generation;
    this.#loading?.abort();
    this.#loading = new AbortController();
    this.isBeginning = true;
    try {
      await this.#load(query, this.#loading.signal, (chunk) => {
        if (generation !== this.#generation) return;
        for (const each of this.#chunks) this.#drop(each);
        this.#hasOlder = false;
        this.#put(chunk);
        this.#root.scrollTop = 0;
      });
    } finally {
      if (generation === this.#generation) {
        this.#loading = null;
        this.isBeginning = false;
      }
    }
    this.#tellEmpty();
  }

  /** Show news at their places: rows that are new, rows with a new word on them, and rows not wanted any more. */
  take(news) {
    if (this.#coming > 0) this.#meanwhile.push(...news);
    for (const each of news) this.#take(each);
    this.#tellEmpty();
  }

  #take({ number, change, html }) {
    const shown = this.row(number);
    if (shown && Number(shown.dataset.change) > change) return;
    if (html === null) {
      this.#remove(shown);
      return;
    }
    const fresh = parsed(html).firstElementChild;
    if (!shown) {
      this.#insert(fresh, number);
      return;
    }
    const hadFocus = shown.contains(document.activeElement);
    if (shown.hasAttribute("aria-current")) fresh.setAttribute("aria-current", "true");
    shown.replaceWith(fresh);
    if (hadFocus) fresh.firstElementChild.focus({ preventScroll: true });
  }

  #remove(shown) {
    const chunk = shown?.parentElement;
    shown?.remove();
    if (chunk && !chunk.firstElementChild) this.#drop(chunk);
  }

  /** A row that was judged late comes after newer ones: its place goes by its number, not by its coming. */
  #insert(fresh, number) {
    // What lies further down comes with its neighbours, once one scrolls there.
    if (this.#hasOlder && number < this.#oldest) return;
    fresh.classList.add("fresh");
    const chunks = this.#chunks;
    const place = chunks.findIndex((each) => lowest(each) < number);
    const below = chunks[place];
    const above = place < 0 ? chunks.at(-1) : chunks[place - 1];
    if (below && number < highest(below)) {
      // A chunk without rows gets this one together with the others.
      if (below.dataset.emptied) return;
      [...below.children].find((row) => numberOf(row) < number).before(fresh);
    } else if (above && !above.dataset.emptied) {
      above.append(fresh);
    } else if (below && !below.dataset.emptied && below.children.length < CHUNK_ROWS) {
      below.prepend(fresh);
    } else {
      const chunk = document.createElement("ol");
      chunk.className = "chunk";
      chunk.append(fresh);
      (below ?? this.#end).before(chunk);
      this.#near.observe(chunk);
    }
  }

  #tellEmpty() {
    document.getElementById("empty").hidden = this.#chunks.length > 0;
  }

  /** Add a chunk of the server's below all others. */
  #put(chunk) {
    this.#hasOlder = chunk.dataset.full === "1";
    if (chunk.firstElementChild) {
      this.#oldest = lowest(chunk);
      this.#end.before(chunk);
      this.#near.observe(chunk);
    } else {
      chunk.remove();
    }
    // Observed anew, the end tells at once whether still more rows fit.
    this.#near.unobserve(this.#end);
    this.#near.observe(this.#end);
  }

  #drop(chunk) {
    this.#near.unobserve(chunk);
    chunk.remove();
  }

  #seen(seen) {
    for (const { target, isIntersecting } of seen) {
      if (target === this.#end) {
        if (isIntersecting) this.#older();
      } else if (!isIntersecting) {
        this.#empty(target);
      } else if (target.dataset.emptied) {
        this.#refill(target);
      }
    }
  }

  #empty(chunk) {
    if (chunk.dataset.emptied || !chunk.firstElementChild || chunk.contains(document.activeElement)) return;
    chunk.style.height = `${chunk.getBoundingClientRect().height}px`;
    [chunk.dataset.first, chunk.dataset.last, chunk.dataset.emptied] = [highest(chunk), lowest(chunk), "1"];
    chunk.replaceChildren();
  }

  async #refill(chunk) {
    const [first, last] = [highest(chunk), lowest(chunk)];
    const rows = [];
    let [before, isAll] = [first + 1, false];
    const add = (found) => {
      rows.push(...[...found.children].filter((row) => numberOf(row) >= last));
      isAll = found.dataset.full !== "1" || numberOf(found.lastElementChild) <= last;
      if (!isAll) before = lowest(found);
      else if (chunk.isConnected && chunk.dataset.emptied) this.#fill(chunk, rows);
    };
    // Until the last page is there: what is told of the first meanwhile has no row yet to stand on.
    this.#coming += 1;
    try {
      // More than a page, where late rows came between.
      while (!isAll) await this.#load(this.#with(before), undefined, add);
    } catch (error) {
      // Whoever comes by again asks again.
      if (!(error instanceof Problem)) throw error;
    } finally {
      this.#arrived();
    }
  }

  #fill(chunk, rows) {
    delete chunk.dataset.emptied;
    chunk.style.height = "";
    chunk.replaceChildren(...rows);
    if (rows.length === 0) this.#drop(chunk);
  }

  async #older() {
    if (this.#loading || !this.#hasOlder) return;
    const generation = this.#generation;
    this.#loading = new AbortController();
    try {
      await this.#load(this.#with(this.#oldest), this.#loading.signal, (chunk) => {
        if (generation === this.#generation) this.#put(chunk);
      });
    } catch (error) {
      if (error.name !== "AbortError" && !(error instanceof Problem)) throw error;
    } finally {
      if (generation === this.#generation) this.#loading = null;
    }
  }

  /** Fetch rows and use them; what was told meanwhile is told again, since they may not know of it. */
  async #load(query, signal, use) {
    this.#coming += 1;
    try {
      const chunk = parsed(await part(`/console/rows?${query}`, signal)).querySelector("ol.chunk");
      if (!chunk) throw new Problem(texts.no_answer);
      use(chunk);
    } finally {
      this.#arrived();
    }
  }

  #arrived() {
    this.#coming -= 1;
    const missed = this.#meanwhile;
    if (this.#coming === 0) this.#meanwhile = [];
    for (const each of missed) this.#take(each);
  }

  #with(before) {
    const query = new URLSearchParams(this.#query);
    query.set("before", before);
    return query;
  }
}
