// Calls to the session's own routes, beside the page's address.

const HERE = location.pathname;

/** What the server says went wrong, or that nothing came back: CONNECTION or SERVER. */
export class Problem extends Error {
  constructor(code, body = {}) {
    super(code);
    this.code = code;
    this.body = body;
  }
}

async function call(path, options) {
  let reply;
  try {
    reply = await fetch(`${HERE}/${path}`, { cache: "no-store", ...options });
  } catch {
    throw new Problem("CONNECTION");
  }
  let body;
  try {
    body = await reply.json();
  } catch {
    throw new Problem("SERVER");
  }
  if (!reply.ok) throw new Problem(body.error ?? "SERVER", body);
  return body;
}

/** Ask for something that changes nothing. */
export const get = (path) => call(path, {});

/** Ask for something to be done. The header shows that a page of ours asks: another site cannot set it. */
export const post = (path, body = {}) =>
  call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Play": "1" },
    body: JSON.stringify(body),
  });
