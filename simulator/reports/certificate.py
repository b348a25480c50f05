"""A certificate of one run of the whole suite, as data: what was shown, what was not, and by what evidence.

A self-assessment: it says what this tool saw. How it looks on paper stands in `certificate_page`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from simulator.core.coverage import OPEN_REASONS
from simulator.core.events import Event, ExchangeRecorded, ScenarioFinished
from simulator.core.findings import Level, Verdict
from simulator.core.rules import CATALOGUE, RULES
from simulator.core.scenario import Scenario
from simulator.errors import ExitCode
from simulator.reports.causes import Cause, Causes, Sighting
from simulator.reports.certificate_log import CallLog
from simulator.reports.certificate_page import page
from simulator.reports.json_values import JsonObject
from simulator.reports.screen_text import without_login
from simulator.reports.tally import OUTCOMES, Tally

STATEMENT = (
    "This is a self-assessment, made with an independent test tool that is not affiliated with BetronTech. "
    "It says what the tool saw of one operator at one time. It is no approval by anybody, and it proves "
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
"""What a group is called. What was skipped beside passes stands among what was not proven."""
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
        if isinstance(event, ExchangeRecorded):
            self._log.on(event, self._plain)
        elif isinstance(event, ScenarioFinished):
            self._log.finished(event)
            self._finished.append(event)

    @property
    def begun(self) -> bool:
        """Whether there is a run to certify."""
        return self._tally.started is not None

    def texts(self) -> tuple[str, str]:
        """The certificate as HTML and as JSON. Call it once, at the end."""
        self._finished += self._tally.finish()
        document = self._document()
        return page(document), json.dumps(document, indent=1, ensure_ascii=True) + "\n"

    # --- inside ------------------------------------------------------------------------------------

    def _plain(self, text: str) -> str:
        """A text without the random part of this run."""
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
                "endpoint": without_login(started.endpoint) if started else None,
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
        rule = RULES.get(finding.rule)
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
            "why": finding.why,
            "fix": rule.fix if rule else "",
            "curl": self._plain(finding.curl),
            "times": cause.times,
            "scenarios": [_met(each) for each in (shown, *cause.others)[:_SCENARIOS_SHOWN]],
            "scenarios_more": max(0, 1 + len(cause.others) - _SCENARIOS_SHOWN),
        }

    def _not_proven(self) -> list[JsonObject]:
        """What the run leaves open, each with its reason."""
        left: list[JsonObject] = []
        if self._log.refusals == 0:
            left.append(_open("refusals", "the operator refused nothing in this run"))
        if self._log.races == 0:
            left.append(_open("races", "no two calls of one player overlapped in time"))
        for event in self._finished:
            if event.verdict in (Verdict.SKIPPED, Verdict.BLOCKED, Verdict.INCONCLUSIVE):
                reason = self._plain(event.reason.partition("\n")[0])
                left.append(_open(event.scenario.id, f"{event.verdict.value}: {reason}"))
        covered = {check for event in self._finished for check in event.scenario.covers}
        for rule in CATALOGUE:
            if rule.id not in covered:
                reason = OPEN_REASONS.get(rule.id, "no scenario of this run covers it")
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
    """Counts and the worst verdict for each value of `key`, in that order, else by name."""
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
    """SHA-256 of each scenario file as its lines, and one over all of them."""
    sources = {event.scenario.place.file: event.scenario.source for event in finished}
    files = {
        file: hashlib.sha256("\n".join(sources[file]).encode("utf-8", "surrogateescape")).hexdigest()
        for file in sorted(sources)
    }
    whole = hashlib.sha256("\n".join(f"{file} {digest}" for file, digest in files.items()).encode())
    return {"suite": whole.hexdigest(), "files": files}
