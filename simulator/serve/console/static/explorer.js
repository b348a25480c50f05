// The explorer: a form for each call, sent as written; the answer is shown as it came.

import { failed } from "./detail.js";
import { call as control, Problem } from "./server.js";
import { texts } from "./texts.js";

const authorization = document.getElementById("authorization");

/** Method, address and options of the call that a form describes. */
function call(form) {
  const query = new URLSearchParams();
  let path = form.dataset.path;
  let body;
  for (const field of form.querySelectorAll("[data-in]")) {
    if (field.dataset.in === "body") body = field.value;
    else if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else if (field.value !== "") query.set(field.name, field.value);
  }
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  // The control API knows the browser by its cookie.
  if (form.dataset.api === "/api" && authorization.value) headers.Authorization = authorization.value;
  const address = query.size > 0 ? `${path}?${query}` : path;
  return [address, { method: form.dataset.method, headers, body, cache: "no-store" }];
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function send(form) {
  const [address, options] = call(form);
  const shown = form.querySelector("pre");
  shown.hidden = false;
  shown.textContent = "…";
  try {
    const reply = await fetch(address, options);
    const text = await reply.text();
    shown.textContent = `${options.method} ${address}\nHTTP ${reply.status}\n\n${pretty(text)}`;
  } catch {
    shown.textContent = texts.no_answer;
  }
}

/** Put a fresh access token of an agent into the field, as its code would get one. */
async function authenticate(button) {
  button.disabled = true;
  try {
    const { token, secret_key } = await control("POST", "/console/connect/credentials", { agent: button.dataset.tokenOf });
    const pair = String.fromCharCode(...new TextEncoder().encode(`${token}:${secret_key}`));
    const headers = { Authorization: `Bearer ${btoa(pair)}` };
    const reply = await fetch("/api/auth/authentication", { method: "POST", headers, cache: "no-store" }).catch(() => null);
    // A fault of the API, which this server can be told to have, may answer anything.
    const told = (await reply?.json().catch(() => null)) ?? {};
    if (!told.access_token) throw new Problem(told.message ?? (reply ? `HTTP ${reply.status}` : texts.no_answer));
    authorization.value = `Bearer ${told.access_token}`;
  } catch (error) {
    failed(error);
  } finally {
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("[data-token-of]")) {
  button.addEventListener("click", () => authenticate(button));
}
for (const form of document.querySelectorAll("form[data-path]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}
