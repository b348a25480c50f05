// The list of exchanges, windowed: chunks of rows far from the view give their rows back and keep their height.

import { part } from "./server.js";
import { localTimes } from "./texts.js";

const NEAR_PX = 1600;
const CHUNK_ROWS = 100;

/** The rows of a text of HTML that the server escaped. */
function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  localTimes(template.content);
  return template.content;
}

export class Rows {
  #root;
  #query;
  #near;
  #end;
  #loading = null;
  #generation = 0;

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
    for (const chunk of this.#chunks) this.#near.observe(chunk);
    this.#near.observe(this.#end);
  }

  get #chunks() {
    return [...this.#root.querySelectorAll("ol.chunk")];
  }

  get isAtTop() {
    return this.#root.scrollTop < 8;
  }

  get count() {
    return this.#root.querySelectorAll("li.row").length;
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
    const html = await part(`/console/rows?${query}`, this.#loading.signal);
    this.#loading = null;
    if (generation !== this.#generation) return;
    for (const chunk of this.#chunks) {
      this.#near.unobserve(chunk);
      chunk.remove();
    }
    this.#put(parsed(html).firstElementChild);
    this.#root.scrollTop = 0;
    document.getElementById("empty").hidden = this.count > 0;
  }

  /** Show rows that are new on top, and put those that have a new word on them in place of the old. */
  take(news) {
    for (const { number, html } of news) {
      const fresh = parsed(html).firstElementChild;
      const shown = this.row(number);
      if (shown) {
        if (shown.contains(document.activeElement)) fresh.dataset.focus = "1";
        if (shown.hasAttribute("aria-current")) fresh.setAttribute("aria-current", "true");
        shown.replaceWith(fresh);
        if (fresh.dataset.focus) fresh.firstElementChild.focus({ preventScroll: true });
      } else if (number > this.newest) {
        fresh.classList.add("fresh");
        this.#top().prepend(fresh);
      }
    }
    document.getElementById("empty").hidden = this.count > 0;
  }

  get newest() {
    return Number(this.#chunks[0]?.dataset.first ?? 0);
  }

  /** The chunk that new rows go into: a full one is left behind by another. */
  #top() {
    let top = this.#chunks[0];
    if (!top || top.children.length >= CHUNK_ROWS) {
      const chunk = document.createElement("ol");
      chunk.className = "chunk";
      chunk.dataset.full = "1";
      if (top) top.before(chunk);
      else this.#end.before(chunk);
      this.#near.observe(chunk);
      top = chunk;
    }
    // The rows tell the chunk's ends, once the one that comes is in it.
    queueMicrotask(() => Rows.#mark(top));
    return top;
  }

  static #mark(chunk) {
    if (!chunk.firstElementChild) return;
    chunk.dataset.first = chunk.firstElementChild.dataset.number;
    chunk.dataset.last = chunk.lastElementChild.dataset.number;
  }

  #put(chunk) {
    this.#end.before(chunk);
    this.#near.observe(chunk);
    // Observed anew, the end tells at once whether still more rows fit.
    this.#near.unobserve(this.#end);
    this.#near.observe(this.#end);
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
    chunk.dataset.emptied = String(chunk.children.length);
    chunk.replaceChildren();
  }

  async #refill(chunk) {
    const before = Number(chunk.dataset.first) + 1;
    const html = await part(`/console/rows?${this.#with(before)}`);
    if (!chunk.isConnected || !chunk.dataset.emptied) return;
    const rows = [...parsed(html).firstElementChild.children];
    chunk.replaceChildren(...rows.slice(0, Number(chunk.dataset.emptied)));
    chunk.style.height = "";
    delete chunk.dataset.emptied;
  }

  async #older() {
    const last = this.#chunks.at(-1);
    if (this.#loading || !last || last.dataset.full !== "1") return;
    const generation = this.#generation;
    this.#loading = new AbortController();
    try {
      const html = await part(`/console/rows?${this.#with(last.dataset.last)}`, this.#loading.signal);
      if (generation !== this.#generation) return;
      const chunk = parsed(html).firstElementChild;
      if (!chunk.firstElementChild) last.dataset.full = "0";
      else this.#put(chunk);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    } finally {
      if (generation === this.#generation) this.#loading = null;
    }
  }

  #with(before) {
    const query = new URLSearchParams(this.#query);
    query.set("before", before);
    return query;
  }
}
