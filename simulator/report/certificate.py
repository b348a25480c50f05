"""A certificate of one run of the whole suite: what was shown, what was not, and by what evidence.

It is a self-assessment: it says what this tool saw. `Certificate` makes the data, `page` one HTML file of it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from simulator.core.calls import Call
from simulator.core.findings import Level, Outcome, Verdict
from simulator.core.json import JsonObject, encode
from simulator.core.languages import Lang
from simulator.core.secrets import mask_url
from simulator.core.steps import Scenario
from simulator.core.webhooks import Reply
from simulator.errors import ExitCode
from simulator.law.rules import checks, rules
from simulator.report.causes import Cause, Causes, Sighting
from simulator.report.events import Event, ScenarioFinished
from simulator.report.languages import Words
from simulator.report.pages import rendered
from simulator.report.tally import OUTCOMES, Tally

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
    """A fold over one run. `python` is the interpreter's version, `conditions` what the run was given.

    `lang` is the language of the page.
    """

    def __init__(self, python: str, conditions: Mapping[str, str], lang: Lang = Lang.ENGLISH) -> None:
        self._python = python
        self._conditions = dict(conditions)
        self._lang = lang
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
        return page(document, self._lang), json.dumps(document, indent=1, ensure_ascii=True) + "\n"

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


def page(document: dict[str, Any], lang: Lang = Lang.ENGLISH) -> str:
    """Return the certificate as a whole HTML document, without scripts. What came from outside is escaped."""
    words, outcome = Words(lang), str(document["outcome"])
    title = words(_VERDICT_WORDS.get(outcome, outcome))
    left = [_said(each["what"], each["why"], words) for each in document["not_proven"]]
    return rendered(
        "certificate.html", {**document, "title": title, "marks": _MARKS, "not_proven": left}, words
    )


def _said(what: str, why: str, words: Words) -> JsonObject:
    """Return what was left open in the language: a rule by its title, a scenario's reason by its verdict."""
    rule, _, title = what.partition(" ")
    verdict, colon, reason = why.partition(": ")
    judged = colon and verdict in set(Verdict)
    return _open(
        f"{rule} {words(title)}" if rule in rules() else words(what),
        f"{words(verdict)}: {words(reason)}" if judged else words(why),
    )


_VERDICT_WORDS = {
    "passed": "Passed",
    "failed": "Failed",
    "inconclusive": "Inconclusive",
    "interrupted": "Interrupted",
    "unreachable": "Not reached",
}

_MARKS = {"passed": "✓", "failed": "✗", "inconclusive": "?", "skipped": "-", "blocked": "-"}
