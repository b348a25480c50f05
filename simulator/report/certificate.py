"""A certificate of one run of the whole suite: what was shown, what was not, and by what evidence.

It is a self-assessment: it says what this tool saw. `Certificate` makes the data, `page` one HTML file of it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import PurePosixPath
from typing import Any

from simulator.core.calls import Call
from simulator.core.findings import Level, Outcome, Verdict
from simulator.core.json import JsonObject, encode
from simulator.core.secrets import mask_url
from simulator.core.steps import Scenario
from simulator.core.webhooks import Reply
from simulator.errors import ExitCode
from simulator.law.rules import checks, rules
from simulator.report.causes import Cause, Causes, Sighting
from simulator.report.events import Event, ScenarioFinished
from simulator.report.tally import OUTCOMES, Tally
from simulator.report.text import visible_lines

STATEMENT = (
    "This is a self-assessment, made with an independent test tool that is not affiliated with BetronTech. "
    "It says what the tool saw of one wallet at one time. Nobody has approved anything by it, and it proves "
    "nothing about what was not tested: see the section on what was not proven."
)

_SCENARIOS_SHOWN = 20

_WORST_FIRST = (
    Verdict.FAILED,
    Verdict.XPASSED,
    Verdict.INCONCLUSIVE,
    Verdict.PASSED,
    Verdict.XFAILED,
    Verdict.BLOCKED,
    Verdict.SKIPPED,
)
"""The first of these in a group is its verdict. What was skipped is listed as not proven."""

_TO_THE_END = (ExitCode.PASSED, ExitCode.FOUND, ExitCode.INCONCLUSIVE)


class Certificate:
    """A fold over one run. `python` is the interpreter's version, `conditions` what the run was given."""

    def __init__(self, python: str, conditions: Mapping[str, str]) -> None:
        self._python = python
        self._conditions = dict(conditions)
        self._tally = Tally()
        self._log = CallLog()
        self._finished: list[ScenarioFinished] = []

    def on(self, event: Event) -> None:
        """Take one event of the run."""
        self._tally.on(event)
        if isinstance(event, Call):
            self._log.on(event, self._plain)
        elif isinstance(event, ScenarioFinished):
            self._log.finished(event)
            self._finished.append(event)

    @property
    def begun(self) -> bool:
        """Return whether there is a run to certify."""
        return self._tally.started is not None

    def texts(self) -> tuple[str, str]:
        """Return the certificate as HTML and as JSON. Call it once, at the end."""
        self._finished += self._tally.finish()
        document = self._document()
        return page(document), json.dumps(document, indent=1, ensure_ascii=True) + "\n"

    # --- inside ------------------------------------------------------------------------------------

    def _plain(self, text: str) -> str:
        """Return a text without the random part of this run."""
        run = self._tally.started.run if self._tally.started else ""
        return text.replace(run, "RUN") if run else text

    def _document(self) -> JsonObject:
        started, ended = self._tally.started, self._tally.ended
        exit_code = self._tally.exit_code
        return {
            "kind": "betrontech-simulator certificate",
            "statement": STATEMENT,
            "complete": ended is not None and not ended.root_cause and exit_code in _TO_THE_END,
            "outcome": OUTCOMES[exit_code],
            "exit_code": int(exit_code),
            "clock": {
                "issued_at": started.started_at if started else None,
                "duration_ms": ended.duration_ns // 1_000_000 if ended else None,
            },
            "run": {
                "endpoint": mask_url(started.endpoint) if started else None,
                "wire": started.wire if started else None,
                "seed": started.seed if started else None,
                "simulator": started.version if started else None,
                "python": self._python,
                "conditions": self._conditions,
                "scenarios": len(self._finished),
                "counts": _counts(self._finished),
                "calls": self._log.calls,
            },
            "groups": _by(self._finished, lambda scenario: _group(scenario.place.file)),
            "levels": _by(
                self._finished, lambda scenario: scenario.level.value, [each.value for each in Level]
            ),
            "findings": [self._finding(cause) for cause in self._causes()],
            "dialect": [
                {"knob": each.knob, "value": each.value, "evidence": self._plain(each.evidence)}
                for each in self._tally.dialect.values()
            ],
            "not_proven": self._not_proven(),
            "hashes": {"log": self._log.hash(), **_file_hashes(self._finished)},
        }

    def _causes(self) -> list[Cause]:
        causes = Causes()
        causes.add_run_findings(self._tally.run_findings)
        for event in self._finished:
            causes.add_scenario(event, expected=event.verdict is Verdict.XFAILED)
        causes.met(self._tally.ended.times if self._tally.ended else {})
        return causes.ranked()

    def _finding(self, cause: Cause) -> JsonObject:
        shown = cause.shown
        finding = shown.finding
        rule = rules().get(finding.rule)
        return {
            "cause": finding.cause,
            "severity": finding.severity.value,
            "rule": finding.rule,
            "title": rule.title if rule else "",
            "level": rule.level.value if rule else None,
            "message": self._plain(finding.message),
            "shown": self._plain(finding.label),
            "ledger": self._plain(finding.trail),
            "lanes": [self._plain(lane) for lane in finding.lanes],
            "answer": self._plain(finding.answer),
            "why": finding.why,
            "fix": rule.fix if rule else "",
            "curl": self._plain(finding.curl),
            "times": cause.times,
            "scenarios": [_met(each) for each in (shown, *cause.others)[:_SCENARIOS_SHOWN]],
            "scenarios_more": max(0, 1 + len(cause.others) - _SCENARIOS_SHOWN),
        }

    def _not_proven(self) -> list[JsonObject]:
        """Return what the run leaves open, each with its reason."""
        left: list[JsonObject] = []
        if self._tally.ended is not None:
            left += [_open("the run", self._plain(note)) for note in self._tally.ended.notes]
        if self._log.refusals == 0:
            left.append(_open("refusals", "your wallet refused nothing in this run"))
        if self._log.races == 0:
            left.append(_open("races", "no two calls of one player overlapped in time"))
        for event in self._finished:
            if event.verdict in (Verdict.SKIPPED, Verdict.BLOCKED, Verdict.INCONCLUSIVE):
                reason = self._plain(event.reason.partition("\n")[0])
                left.append(_open(event.scenario.id, f"{event.verdict.value}: {reason}"))
        covered = {check for event in self._finished for check in event.scenario.covers}
        for rule in checks():
            if rule.id not in covered:
                reason = rule.no_scenario or "no scenario of this run covers it"
                left.append(_open(f"{rule.id} {rule.title}", reason))
        return left


def _open(what: str, why: str) -> JsonObject:
    return {"what": what, "why": why}


def _met(sighting: Sighting) -> JsonObject:
    return {"where": sighting.where, "name": sighting.name, "rule": sighting.finding.rule}


def _counts(finished: Sequence[ScenarioFinished]) -> JsonObject:
    counts = Counter(event.verdict for event in finished)
    return {verdict.value: counts[verdict] for verdict in Verdict if counts[verdict]}


def _group(file: str) -> str:
    return PurePosixPath(file).parent.name or "."


def _by(
    finished: Sequence[ScenarioFinished], key: Callable[[Scenario], str], order: Sequence[str] = ()
) -> list[JsonObject]:
    """Return counts and the worst verdict for each value of `key`, in that order, else by name."""
    counts: dict[str, Counter[Verdict]] = {}
    for event in finished:
        counts.setdefault(key(event.scenario), Counter())[event.verdict] += 1
    names = [name for name in order if name in counts] or sorted(counts)
    return [
        {
            "name": name,
            "verdict": next(verdict for verdict in _WORST_FIRST if counts[name][verdict]).value,
            **{verdict.value: counts[name][verdict] for verdict in Verdict if counts[name][verdict]},
        }
        for name in names
    ]


def _file_hashes(finished: Iterable[ScenarioFinished]) -> JsonObject:
    """Return the SHA-256 of each scenario file as its lines, and one over all of them."""
    sources = {event.scenario.place.file: event.scenario.source for event in finished}
    files = {
        file: hashlib.sha256("\n".join(sources[file]).encode("utf-8", "surrogateescape")).hexdigest()
        for file in sorted(sources)
    }
    whole = hashlib.sha256(
        "\n".join(f"{file} {digest}" for file, digest in files.items()).encode("utf-8", "surrogateescape")
    )
    return {"suite": whole.hexdigest(), "files": files}


class CallLog:
    """A fold over calls: their hash, and whether refusals and races were seen.

    The hash knows no clock and no random ids: same seed, same replies, same hash.
    """

    def __init__(self) -> None:
        self.refusals = 0
        self.races = 0
        self.calls = 0
        self._lines: dict[str, list[str]] = {}
        self._busy_until: dict[tuple[str, str | None], int] = {}
        self._digest = hashlib.sha256()

    def on(self, event: Call, plain: Callable[[str], str]) -> None:
        """Take one call; `plain` takes the random part of a run out of a text."""
        self.calls += 1
        self.refusals += event.outcome is Outcome.REFUSED
        self._watch_races(event)
        exchange = event.exchange
        reply = exchange.reply
        told = reply.status if isinstance(reply, Reply) else reply.kind.value
        body = reply.body.decode("utf-8", "backslashreplace") if isinstance(reply, Reply) else ""
        sent = exchange.wire.body.decode("utf-8", "backslashreplace")
        line = encode([event.why.purpose, exchange.fault, plain(sent), told, plain(body), event.outcome])
        self._lines.setdefault(event.why.scenario_id or "", []).append(line)

    def finished(self, event: ScenarioFinished) -> None:
        """Seal a scenario's calls. A burst's calls come in any order, so the lines are sorted."""
        self._seal(event.scenario.id)

    def hash(self) -> str:
        """Return the SHA-256 over all calls. Call it once, at the end."""
        for scenario_id in sorted(self._lines):
            self._seal(scenario_id)
        return self._digest.hexdigest()

    def _seal(self, scenario_id: str) -> None:
        lines = sorted(self._lines.pop(scenario_id, ()))
        self._digest.update("\n".join([scenario_id, *lines, ""]).encode("utf-8", "surrogateescape"))

    def _watch_races(self, event: Call) -> None:
        """Count two answered calls of one player that overlapped in time: the wallet had a race to lose."""
        exchange = event.exchange
        if exchange.answered_ns is None or event.why.purpose != "step":
            return
        key = (event.why.scenario_id or "", event.player)
        self.races += exchange.sent_ns < self._busy_until.get(key, 0)
        self._busy_until[key] = max(exchange.answered_ns, self._busy_until.get(key, 0))


# --- the page: one HTML file without scripts or external parts ------------------------------------

_VERDICT_WORDS = {
    "passed": "Passed",
    "failed": "Failed",
    "inconclusive": "Inconclusive",
    "interrupted": "Interrupted",
    "unreachable": "Not reached",
}

_MARKS = {"passed": "✓", "failed": "✗", "inconclusive": "?", "skipped": "-", "blocked": "-"}


def page(document: dict[str, Any]) -> str:
    """Return the certificate as a whole HTML document. Everything that came from outside is escaped."""
    outcome = str(document["outcome"])
    title = f"Wallet certificate: {_VERDICT_WORDS.get(outcome, outcome)}"
    parts = [
        _head(document, title, outcome),
        _section("By group", _table(document["groups"], "Group")),
        _section("By level", _table(document["levels"], "Level")),
        _section("Findings", "".join(map(_finding, document["findings"])) or "<p>None.</p>"),
        _section("Dialect", _dialect(document["dialect"])),
        _section("What was not proven", _not_proven(document["not_proven"])),
        _section("Evidence", _hashes(document["hashes"])),
    ]
    # Escaping leaves marks that turn text around, and control characters, as they are.
    return visible_lines(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>"
        + "\n".join(parts)
        + "</main></body></html>\n"
    )


def _head(document: dict[str, Any], title: str, outcome: str) -> str:
    run, clock = document["run"], document["clock"]
    facts = {
        "Endpoint": run["endpoint"],
        "Issued": clock["issued_at"],
        "Scenarios": f"{run['scenarios']}: {_listed(run['counts'], '{1} {0}')}",
        "Calls": run["calls"],
        "Conditions": _listed(run["conditions"], "{0}: {1}", "; "),
        "Wire profile": run["wire"],
        "Seed": run["seed"],
        "Versions": f"betrontech-sim {run['simulator']}, Python {run['python']}",
    }
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in facts.items()
    )
    torn = (
        "" if document["complete"] else "<p class=torn>The run did not complete: this is no certificate.</p>"
    )
    return (
        f'<header class="{escape(outcome)}"><p class=seal aria-hidden=true>{_MARKS.get(outcome, "!")}</p>'
        f"<h1>{escape(title)}</h1>{torn}<p>{escape(str(document['statement']))}</p><dl>{rows}</dl></header>"
    )


def _listed(values: dict[str, Any], form: str, between: str = ", ") -> str:
    return between.join(form.format(name, value) for name, value in values.items())


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _table(rows: list[dict[str, Any]], heading: str) -> str:
    counted = ("passed", "failed", "inconclusive", "skipped", "blocked")
    head = "".join(f"<th scope=col>{word}</th>" for word in (heading, "verdict", *counted))
    body = "".join(
        f"<tr><th scope=row>{_text(row['name'])}</th><td>{_verdict(str(row['verdict']))}</td>"
        + "".join(f"<td class=number>{_text(row.get(word) or '')}</td>" for word in counted)
        + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _verdict(verdict: str) -> str:
    return f'<span class="verdict {escape(verdict)}">{_MARKS.get(verdict, "")} {escape(verdict)}</span>'


def _finding(finding: dict[str, Any]) -> str:
    met = "".join(
        f"<li><code>{_text(each['where'])}</code> [{_text(each['rule'])}] {_text(each['name'])}</li>"
        for each in finding["scenarios"]
    )
    more = f"<li>and {finding['scenarios_more']} more</li>" if finding["scenarios_more"] else ""
    lanes = "\n".join(finding["lanes"])
    facts = [
        ("Shown", _text(finding["shown"])),
        ("Ledger", _text(finding["ledger"])),
        ("Calls over time", f"<pre>{escape(lanes)}</pre>" if lanes else ""),
        ("Why it matters", _text(finding["why"])),
        ("How to fix it", _text(finding["fix"])),
        ("The call", f"<pre>{escape(str(finding['curl']))}</pre>" if finding["curl"] else ""),
        ("The answer", f"<pre>{escape(str(finding['answer']))}</pre>" if finding["answer"] else ""),
        ("Met in", f"<ul>{met}{more}</ul>"),
    ]
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts if value)
    severity, level = str(finding["severity"]), finding["level"] or "own"
    return (
        f'<article class="{escape(severity)}"><h3><span class=tag>{escape(severity)}</span> '
        f"{_text(finding['message'])}</h3><p class=rule>{_text(finding['rule'])} ({_text(level)}): "
        f"{_text(finding['title'])}</p><dl>{rows}</dl></article>"
    )


def _dialect(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "<p>Nothing was observed.</p>"
    body = "".join(
        f"<tr><th scope=row><code>{_text(row['knob'])}</code></th><td>{_text(row['value'])}</td>"
        f"<td>{_text(row['evidence'])}</td></tr>"
        for row in rows
    )
    return (
        "<p>How the wallet behaves where guides differ. All of these are acceptable.</p>"
        f"<div class=wide><table><tbody>{body}</tbody></table></div>"
    )


def _not_proven(rows: list[dict[str, Any]]) -> str:
    items = "".join(f"<div><dt>{_text(row['what'])}</dt><dd>{_text(row['why'])}</dd></div>" for row in rows)
    return f"<dl class=open>{items}</dl>" if rows else "<p>Every check of the catalogue was run.</p>"


def _hashes(hashes: dict[str, Any]) -> str:
    files = "".join(f"{escape(digest)}  {escape(file)}\n" for file, digest in hashes["files"].items())
    return (
        "<p>SHA-256 of the calls (without times and random ids) and of the scenarios:</p>"
        f"<pre>{escape(str(hashes['log']))}  calls\n{escape(str(hashes['suite']))}  suite</pre>"
        f"<details><summary>Each scenario file</summary><pre>{files}</pre></details>"
    )


def _text(value: object) -> str:
    return escape("" if value is None else str(value))


STYLE = """
:root { color-scheme: light dark; --ink: #1a2330; --soft: #5a6675; --paper: #ffffff; --line: #d8dee6;
  --panel: #f5f7fa; --good: #0f6b3c; --bad: #a3201d; --open: #7a5300; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ecf3; --soft: #a3afbf; --paper: #12171f;
  --line: #2c3643; --panel: #1a212c; --good: #5fd39a; --bad: #ff8d85; --open: #f0c063; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
header { border: 1px solid var(--line); border-top: 6px solid var(--open); border-radius: 10px;
  background: var(--panel); padding: 1.5rem; }
header.passed { border-top-color: var(--good); } header.failed { border-top-color: var(--bad); }
.seal { float: right; margin: 0; font-size: 3rem; line-height: 1; color: var(--open); }
.passed .seal, .verdict.passed { color: var(--good); } .failed .seal, .verdict.failed { color: var(--bad); }
.verdict { color: var(--open); font-weight: 600; white-space: nowrap; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
h3 { margin: 0; font-size: 1.02rem; }
.torn { color: var(--bad); font-weight: 700; }
dl { margin: 1rem 0 0; }
dl > div { display: grid; grid-template-columns: 9.5rem minmax(0, 1fr); gap: .25rem 1rem;
  padding: .3rem 0; border-top: 1px solid var(--line); }
dl.open > div { grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; font-weight: 400;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-size: .85rem; } .number { font-variant-numeric: tabular-nums; }
article { border: 1px solid var(--line); border-left: 5px solid var(--open); border-radius: 8px;
  padding: 1rem 1.25rem; margin: 0 0 1rem; break-inside: avoid; }
article.error { border-left-color: var(--bad); }
.tag { display: inline-block; font-size: .75rem; padding: 0 .5rem; border-radius: 99px;
  border: 1px solid currentColor; color: var(--open); vertical-align: middle; }
.error .tag { color: var(--bad); }
.rule { margin: .25rem 0 0; color: var(--soft); } ul { margin: 0; padding-left: 1.1rem; }
pre { margin: .25rem 0 0; padding: .75rem; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; overflow-x: auto; font-size: .82rem; white-space: pre-wrap; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
summary { cursor: pointer; margin-top: .75rem; }
@media (max-width: 36rem) { dl > div, dl.open > div { grid-template-columns: 1fr; } }
@media print { main { max-width: none; padding: 0; } body, thead th { font-size: 11px; }
  h1 { font-size: 18px; } h2 { font-size: 14px; margin-top: 1.5rem; break-after: avoid; }
  header, .verdict, article { print-color-adjust: exact; } tr, dl > div { break-inside: avoid; } }
"""
