// The page that composes one webhook, field by field, and sends it.

import { failed, worded } from "./detail.js";
import { call } from "./server.js";
import { fill, texts } from "./texts.js";

/** Make the form below `root` send, and show what became of each webhook. */
export function compose(root) {
  const form = root.querySelector("[data-compose]");
  const fields = JSON.parse(form.dataset.fields);
  const show = () => {
    for (const input of form.querySelectorAll("input:not([type=hidden])")) {
      const isIn = fields[form.elements.method.value].includes(input.name);
      input.disabled = !isIn;
      input.closest("label").hidden = !isIn;
    }
  };
  form.elements.method.addEventListener("change", show);
  show();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { agent, ...webhook } = Object.fromEntries(new FormData(form));
    if (webhook.transaction_id === "") delete webhook.transaction_id;
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      root.querySelector("[data-sent]").prepend(row(await call("POST", "/_sim/webhooks", { agent, webhook })));
    } catch (error) {
      failed(error);
    } finally {
      button.disabled = false;
    }
  });
}

function row(told) {
  const box = document.createElement("li");
  const link = document.createElement("a");
  link.href = `/console/exchange/${told.exchanges.at(-1)}`;
  link.textContent = fill(texts.sent, worded(told));
  box.append(link, ` ${told.balance ?? ""} ${told.problem}`);
  return box;
}
