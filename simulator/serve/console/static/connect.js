// The page that connects a casino: credentials on demand, the test of a webhook URL, and the server's settings.

import { copyText, failed } from "./detail.js";
import { Problem, call, lines, part } from "./server.js";
import { localTimes, number, texts, toast } from "./texts.js";

const NUMBERS = new Set(["status", "latency_ms", "first"]);
const FLAGS = new Set(["real_time"]);

/** Make the buttons and forms of the page below `root` work. */
export function connect(root) {
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("copyText" in button.dataset) copyText(button.dataset.copyText);
    if ("copyPre" in button.dataset) copyText(button.parentElement.querySelector("pre").textContent);
    if ("credentials" in button.dataset) act(button, () => showCredentials(root, button));
    if ("save" in button.dataset) act(button, () => save(root, button.form));
    if ("advance" in button.dataset) {
      act(button, async () => {
        await call("POST", "/_sim/clock/advance", { by_ms: Number(button.dataset.advance) });
        await refresh();
      });
    }
  });
  root.addEventListener("change", (event) => {
    if ("atOnce" in event.target.dataset) event.target.form.requestSubmit();
  });
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector("button:not([type])");
    if ("test" in form.dataset) act(button, () => test(root, form));
    else if (!form.dataset.ask || confirm(form.dataset.ask)) act(button, () => change(form));
  });
}

/** Do something while its button is disabled, and tell the user where it fails. */
async function act(button, action) {
  if (button) button.disabled = true;
  try {
    await action();
  } catch (error) {
    failed(error);
  } finally {
    if (button) button.disabled = false;
  }
}

async function showCredentials(root, button) {
  const told = await call("POST", "/console/connect/credentials", { agent: button.dataset.credentials });
  for (const each of root.querySelectorAll("[data-secret]")) each.textContent = told[each.dataset.secret];
  for (const each of root.querySelectorAll("[data-snippet]")) each.textContent = told.snippets[each.dataset.snippet];
  button.hidden = true;
}

async function save(root, form) {
  const webhook_url = form.elements.webhook_url.value.trim();
  await call("PATCH", `/_sim/agents/${encodeURIComponent(root.dataset.agent)}`, { webhook_url });
  toast(texts.saved);
  await refresh();
}

async function test(root, form) {
  const list = root.querySelector("[data-checks]");
  list.replaceChildren();
  const { webhook_url, player } = Object.fromEntries(new FormData(form));
  const asked = { agent: root.dataset.agent, webhook_url: webhook_url.trim(), player };
  for await (const told of lines("/console/connect/test", asked)) list.append(row(told));
  // The game that is launched next is played by the player whom the wallet knows.
  const launch = root.querySelector("[data-launch-link]");
  launch.href = `/console/sessions?player=${encodeURIComponent(player)}`;
}

function row(told) {
  const box = document.createElement("li");
  if (told.closing) {
    box.className = `closing ${told.closing}`;
    box.textContent = texts[`closing_${told.closing}`];
    return box;
  }
  box.className = told.health;
  const icon = { ok: "right", odd: "noted", failed: "wrong" }[told.health];
  box.innerHTML = `<svg aria-hidden="true"><use href="#i-${icon}"/></svg><b></b><span></span><small></small><p></p>`;
  box.children[1].textContent = texts[`check_${told.name}`] ?? told.name;
  box.children[2].textContent = told.detail;
  box.children[3].textContent = told.took_ms === null ? "" : `${number.format(told.took_ms)} ms`;
  box.children[4].textContent = told.hint;
  return box;
}

/** Send the fields of a form that are filled in. */
async function change(form) {
  const body = {};
  for (const [name, value] of new FormData(form)) {
    if (value === "") continue;
    body[name] = NUMBERS.has(name) ? Number(value) : FLAGS.has(name) ? value === "true" : value;
  }
  const { method, path } = form.dataset;
  await call(method, `/_sim${path}`, method === "DELETE" ? undefined : body);
  await refresh();
}

/** Show the server as it is now: its section and the note about the clock come anew, the rest stays. */
async function refresh() {
  const template = document.createElement("template");
  template.innerHTML = await part(location.href);
  const fresh = template.content.querySelector("#server");
  if (!fresh) throw new Problem(texts.no_answer);
  localTimes(fresh);
  const shown = document.getElementById("server");
  const open = [...shown.querySelectorAll("details")].map((each) => each.open);
  for (const [place, each] of fresh.querySelectorAll("details").entries()) each.open = open[place] ?? false;
  shown.replaceWith(fresh);
}
