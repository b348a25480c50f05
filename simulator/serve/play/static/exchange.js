// One exchange as a row of the panel. Whatever the operator sent is shown as text.

import { get } from "./server.js";
import { boot, fill, texts } from "./texts.js";

const WORDS = texts.panel;
const ICONS = { accepted: "✓", refused: "✕", unknown: "?" };
const clock = new Intl.DateTimeFormat(boot.lang, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});
const number = new Intl.NumberFormat(boot.lang);

/** An element with a class and text. */
function made(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** A list item that opens into both bodies. */
export function entryRow(entry) {
  const row = made("li");
  row.dataset.number = entry.number;
  row.dataset.method = entry.method;
  row.dataset.outcome = entry.outcome;
  row.dataset.verdict = entry.verdict;
  const details = made("details");
  details.append(summaryOf(entry));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(bodyOf(entry));
  });
  row.append(details);
  return row;
}

function summaryOf(entry) {
  const summary = made("summary");
  const first = made("span", "what");
  first.append(made("code", "", entry.method), made("b", "amount", entry.amount ?? ""));
  const outcome = made("span", "outcome");
  const icon = made("i", "", ICONS[entry.outcome]);
  icon.setAttribute("aria-hidden", "true");
  outcome.append(icon, WORDS[`outcome_${entry.outcome}`]);
  const second = made("span", "more");
  second.append(made("time", "", clock.format(entry.at_ms)));
  if (entry.duration_ms !== null) second.append(made("span", "", `${number.format(entry.duration_ms)} ms`));
  if (entry.attempt > 1) second.append(made("span", "", fill(WORDS.attempt, { attempt: entry.attempt })));
  if (entry.fault) second.append(made("span", "fault", fill(WORDS.fault, { fault: entry.fault })));
  if (entry.balance !== null) second.append(made("span", "", `→ ${entry.balance}`));
  const verdict = made("span", "verdict", WORDS[`verdict_${entry.verdict}`]);
  if (entry.reason) verdict.title = entry.reason;
  summary.append(first, outcome, second, verdict);
  return summary;
}

function bodyOf(entry) {
  const box = made("div", "exchange");
  for (const finding of entry.findings) box.append(findingOf(finding));
  box.append(made("h3", "", WORDS.request), made("pre", "", entry.request.body || WORDS.empty_body));
  box.append(...replyOf(entry));
  const copy = made("button", "plain", WORDS.curl);
  copy.type = "button";
  copy.addEventListener("click", () => copyCurl(entry, copy));
  box.append(copy);
  return box;
}

function replyOf(entry) {
  if (!entry.reply) return [made("h3", "", WORDS.no_reply), made("pre", "", entry.problem)];
  const title = made("h3", "", `${WORDS.reply} · HTTP ${entry.reply.status}`);
  const body = made("pre", "", entry.reply.body || WORDS.empty_body);
  const shown = [title, body];
  if (entry.reply.cut) shown.push(made("p", "cut", fill(WORDS.cut, { bytes: entry.reply.bytes })));
  if (entry.problem) shown.splice(1, 0, made("p", "cut", entry.problem));
  if (entry.hint) shown.splice(1, 0, made("p", "cut", entry.hint));
  return shown;
}

function findingOf(finding) {
  const box = made("div", "finding");
  box.dataset.severity = finding.severity;
  box.append(made("code", "", finding.rule), made("p", "", finding.message));
  if (finding.why) box.append(made("p", "why", finding.why));
  return box;
}

async function copyCurl(entry, button) {
  let curl;
  try {
    ({ curl } = await get(`journal/${entry.number}`));
    await navigator.clipboard.writeText(curl);
    button.textContent = WORDS.copied;
  } catch {
    button.textContent = WORDS.not_copied;
    // A page in a frame may not have the clipboard: then the line is there to be marked by hand.
    if (curl) button.replaceWith(made("pre", "curl", curl));
  }
}
