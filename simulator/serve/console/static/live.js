// What happens in the journal, as it happens: an event stream; and where there is none, asking again and again.

import { Problem, call } from "./server.js";
import { texts } from "./texts.js";

const ASK_MS = 1000;
const STREAM_AGAIN_MS = 15_000;

/** Show how news come: "live", "polling" or "offline". */
export function showState(state) {
  const sign = document.getElementById("live");
  if (!sign || sign.dataset.state === state) return;
  sign.dataset.state = state;
  sign.lastElementChild.textContent = texts[state];
  sign.title = state === "polling" ? texts.polling_why : "";
}

/**
 * Follows the journal, or what else has its events and news below `folder`, under a filter. `take` gets rows, oldest
 * change first; `reset` means: begin anew.
 */
export class Live {
  #change;
  #source = null;
  #asking = null;
  #again = null;
  #closed = false;

  constructor(since, query, { take, reset, folder = "/console/" }) {
    this.#change = since;
    this.query = query;
    this.take = take;
    this.reset = reset;
    this.folder = folder;
    this.#stream();
  }

  close() {
    this.#closed = true;
    this.#source?.close();
    clearInterval(this.#asking);
    clearTimeout(this.#again);
  }

  #path(name) {
    const query = new URLSearchParams(this.query);
    query.set("since", this.#change);
    return `${this.folder}${name}?${query}`;
  }

  #taken(rows) {
    if (rows.length === 0) return;
    this.#change = Math.max(this.#change, rows.at(-1).change);
    this.take(rows);
  }

  #stream() {
    const source = new EventSource(this.#path("events"));
    this.#source = source;
    source.addEventListener("open", () => {
      clearInterval(this.#asking);
      this.#asking = null;
      showState("live");
    });
    source.addEventListener("exchange", (event) => this.#taken([JSON.parse(event.data)]));
    source.addEventListener("reset", (event) => {
      this.#change = Number(event.lastEventId);
      this.reset();
    });
    source.addEventListener("error", () => {
      if (this.#closed) return;
      // The browser connects again by itself, unless the server said no: then there are too many streams.
      if (source.readyState !== EventSource.CLOSED) {
        showState("offline");
        return;
      }
      this.#poll();
      this.#again = setTimeout(() => this.#stream(), STREAM_AGAIN_MS);
    });
  }

  #poll() {
    if (this.#asking !== null) return;
    this.#asking = setInterval(() => this.#ask(), ASK_MS);
    this.#ask();
  }

  async #ask() {
    try {
      const news = await call("GET", this.#path("news"));
      // Too late: a stream has begun meanwhile, from where this one asked.
      if (this.#closed || this.#asking === null) return;
      showState("polling");
      if (news.reset) {
        this.reset();
        return;
      }
      this.#taken(news.rows);
      this.#change = Math.max(this.#change, news.change);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!this.#closed && this.#asking !== null) showState("offline");
    }
  }
}
