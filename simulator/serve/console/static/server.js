// Calls to the server: parts of pages as HTML, the control API as JSON.

import { texts } from "./texts.js";

/** What the server says went wrong, or that nothing came back. */
export class Problem extends Error {}

async function asked(path, options) {
  let reply;
  try {
    reply = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(texts.no_answer);
  }
  // Logged out meanwhile: the page itself leads to the form.
  if (reply.status === 401) location.reload();
  return reply;
}

/** The HTML of a part of a page, whatever its status. */
export async function part(path, signal) {
  const url = new URL(path, location.href);
  url.searchParams.set("part", "1");
  return (await asked(url, { signal })).text();
}

function json(method, body) {
  if (body === undefined) return { method };
  return { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
}

/** The lines of JSON with which a route answers a POST, each as soon as it is there. */
export async function* lines(path, body) {
  const reply = await asked(path, json("POST", body));
  if (!reply.ok) throw new Problem((await reply.json().catch(() => ({}))).message ?? String(reply.status));
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) return;
    text += value;
    const whole = text.split("\n");
    text = whole.pop();
    for (const line of whole) yield JSON.parse(line);
  }
}

/** What a route of the control API answers; Problem with its message where it refuses. */
export async function call(method, path, body) {
  const reply = await asked(path, json(method, body));
  let told;
  try {
    told = await reply.json();
  } catch {
    throw new Problem(texts.no_answer);
  }
  if (!reply.ok) throw new Problem(told.message ?? String(reply.status));
  return told;
}
