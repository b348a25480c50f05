// News of the journal as they come: an event stream, and where there is none, asking again and again.

import { Problem, get } from "./server.js";

const ASK_MS = 1000;
const STREAM_AGAIN_MS = 30_000;

/** Calls `take` with entries, oldest change first, and `tell` with "live", "polling" or "offline". */
export function follow(take, tell) {
  let change = 0;
  let asking = null;

  const taken = (entries) => {
    if (entries.length === 0) return;
    change = Math.max(change, entries.at(-1).change);
    take(entries);
  };

  async function ask() {
    try {
      const news = await get(`journal?since=${change}`);
      // Too late: a stream has begun meanwhile, from where this one asked.
      if (asking === null) return;
      tell("polling");
      taken(news.entries);
      // Also where there was nothing: the journal may have begun anew.
      change = news.change;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (asking !== null) tell("offline");
    }
  }

  function stream() {
    const source = new EventSource(`${location.pathname}/events?since=${change}`);
    source.addEventListener("open", () => {
      clearInterval(asking);
      asking = null;
      tell("live");
    });
    source.addEventListener("exchange", (event) => taken([JSON.parse(event.data)]));
    source.addEventListener("error", () => {
      // The browser connects again by itself unless the server said no: then there are too many streams.
      if (source.readyState !== EventSource.CLOSED) {
        tell("offline");
        return;
      }
      if (asking === null) {
        asking = setInterval(ask, ASK_MS);
        ask();
      }
      setTimeout(stream, STREAM_AGAIN_MS);
    });
  }

  stream();
}
