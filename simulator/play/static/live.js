// News of the journal as they come: an event stream, and where there is none, asking again and again.

import { get } from "./server.js";

const ASK_MS = 1000;
const STREAM_AGAIN_MS = 30_000;

/** Calls `take` with entries, oldest change first, and `tell` with "live", "polling" or "offline". */
export function follow(take, tell) {
  let change = 0;
  let asking = null;

  const taken = (entries) => {
    if (entries.length === 0) return;
    change = entries.at(-1).change;
    take(entries);
  };

  async function ask() {
    try {
      taken((await get(`journal?since=${change}`)).entries);
      tell("polling");
    } catch {
      tell("offline");
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
        ask();
        asking = setInterval(ask, ASK_MS);
      }
      setTimeout(stream, STREAM_AGAIN_MS);
    });
  }

  stream();
}
