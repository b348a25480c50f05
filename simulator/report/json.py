"""The run as JSON: one document, written while the run goes on, and a stream of lines, one for each event.

docs/reports.md explains every field, and `schemas` describes them. Money is canonical text, times are whole
nanoseconds, absent facts are null. Headers are left out, and with them every secret of the configuration.
"""

from __future__ import annotations

from typing import TextIO

from simulator.core.call_lines import call_object, line_text, opening_object
from simulator.core.calls import Call, Opening
from simulator.core.findings import Finding, KnownCause, Place
from simulator.core.json import JsonObject, encode
from simulator.core.money import format_money, money_text
from simulator.core.secrets import mask_url
from simulator.core.steps import Scenario
from simulator.law.rules import rule, rule_ids
from simulator.report.causes import Cause, Overview
from simulator.report.events import (
    DialectObserved,
    Event,
    FindingRaised,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    ScenarioStarted,
    StepFinished,
)
from simulator.report.tally import OUTCOMES, Tally

_NOT_STARTED: JsonObject = {"seed": None, "endpoint": None}


class JsonReport:
    """One document: what is known first stands first, and a scenario is in it once it has ended."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tally = Overview()
        self._begun = False
        self._separator = ""

    def on(self, event: Event) -> None:
        self._tally.on(event)
        if type(event) is Call:
            return
        match event:
            case RunStarted():
                self._begin(run_object(event))
            case ScenarioFinished():
                self._scenario(event)

    def close(self) -> None:
        cut = self._tally.finish()
        self._begin(_NOT_STARTED)
        for event in cut:
            self._scenario(event)
        tally = self._tally
        rest: JsonObject = {
            "findings": [finding_object(finding, None) for finding in tally.run_findings],
            "causes": [cause_object(cause) for cause in tally.causes],
            "dialect": {
                observed.knob: {"value": observed.value, "evidence": observed.evidence}
                for observed in tally.dialect.values()
            },
            **end_object(tally),
        }
        self._stream.write(f"\n],{encode(rest)[1:]}\n")
        self._stream.flush()

    def _begin(self, header: JsonObject) -> None:
        if not self._begun:
            self._begun = True
            self._stream.write(f'{encode(header)[:-1]},"scenarios":[')

    def _scenario(self, event: ScenarioFinished) -> None:
        self._begin(_NOT_STARTED)
        written = {
            **result_object(event),
            "findings": [finding_object(finding, event.scenario) for finding in event.findings],
            "exchanges": [call_object(call) for call in event.exchanges],
        }
        self._stream.write(f"{self._separator}\n{encode(written)}")
        self._stream.flush()
        self._separator = ","


def finding_object(finding: Finding, scenario: Scenario | None) -> JsonObject:
    """Return a finding; one without a place of its own stands where its scenario stands."""
    place = finding.place or (scenario.place if scenario else None)
    return {
        "rule": finding.rule,
        "level": rule_level(finding.rule),
        "severity": finding.severity,
        "message": finding.message,
        **place_object(place),
        "cause": finding.cause,
        "label": finding.label,
        "expected": [format_money(balance) for balance in finding.expected],
        "found": money_text(finding.found),
        "trail": finding.trail,
        "lanes": finding.lanes,
        "why": finding.why,
        "curl": finding.curl,
        "answer": finding.answer,
        "player": finding.player,
        "count": finding.count,
        "phase": finding.phase,
    }


def cause_object(cause: Cause) -> JsonObject:
    """Return a cause, with the ids of the scenarios that met it, the one that explains it best first."""
    shown = cause.shown
    seen_as = {each.finding.rule for each in cause.sightings} - {shown.finding.rule}
    met = [shown.scenario_id, *(each.scenario_id for each in cause.others)]
    return {
        "cause": cause.key,
        "rule": shown.finding.rule,
        "seen_as": sorted(seen_as),
        "severity": cause.severity,
        "title": shown.finding.message,
        "count": cause.times,
        "scenarios": [scenario_id for scenario_id in met if scenario_id],
        "may_follow_from": cause.may_follow_from,
        "accepted": None if cause.accepted is None else _accepted_object(cause.accepted),
    }


def _accepted_object(accepted: KnownCause) -> JsonObject:
    return {"reason": accepted.reason, "expires": accepted.expires or None}


def result_object(event: ScenarioFinished) -> JsonObject:
    """Return a scenario and its verdict, without findings and exchanges."""
    scenario = event.scenario
    return {
        "id": scenario.id,
        **place_object(scenario.place),
        "name": scenario.name,
        "outcome": event.verdict,
        "reason": event.reason,
        "level": scenario.level,
        "covers": scenario.covers,
        "tags": scenario.tags,
        "duration_ns": event.duration_ns,
        "calls": event.exchange_count,
    }


def run_object(event: RunStarted) -> JsonObject:
    """Return what is known when a run starts."""
    return {
        "run": event.run,
        "seed": event.seed,
        "endpoint": mask_url(event.endpoint),
        "wire": event.wire,
        "version": event.version,
        "started_at": event.started_at,
        "selected": event.selected,
    }


def end_object(tally: Tally) -> JsonObject:
    """Return what is known when a run has ended."""
    ended = tally.ended
    return {
        "counts": tally.counts_by_name,
        "calls": tally.calls,
        "duration_ns": ended.duration_ns if ended else None,
        "root_cause": tally.root_cause or None,
        "notes": ended.notes if ended else (),
        "times": dict(ended.times) if ended else {},
        "exit_code": int(tally.exit_code),
        "outcome": OUTCOMES[tally.exit_code],
    }


def place_object(place: Place | None) -> JsonObject:
    """Return ``file``, ``line`` and ``column``, null without a place."""
    if place is None:
        return {"file": None, "line": None, "column": None}
    return {"file": place.file, "line": place.line, "column": place.column}


def rule_level(rule_id: str) -> str | None:
    """Return how binding the rule is; None for an id that the catalogue does not have."""
    return rule(rule_id).level.value if rule_id in rule_ids() else None


class NdjsonReport:
    """Every event as a line, flushed at once: what was sent is in the file even after a kill.

    `betrontech-sim judge` reads the ``opening`` and ``exchange`` lines.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tally = Tally()

    def on(self, event: Event) -> None:
        self._tally.on(event)
        if type(event) is Call:
            self._line("exchange", call_object(event))
            return
        match event:
            case RunStarted():
                self._line("run", run_object(event))
            case ScenarioStarted():
                self._line("scenario", _scenario_object(event.scenario))
            case Opening():
                self._line("opening", opening_object(event))
            case StepFinished():
                step = {"scenario": event.scenario_id, "status": event.status}
                self._line("step", {**step, **place_object(event.place)})
            case FindingRaised():
                scenario = self._tally.running(event.scenario_id)
                self._line(
                    "finding", {"scenario": event.scenario_id, **finding_object(event.finding, scenario)}
                )
            case ScenarioFinished():
                self._line("result", result_object(event))
            case DialectObserved() | RunFinished():
                pass  # told at the close, when the last word on both is known

    def close(self) -> None:
        for event in self._tally.finish():
            self._line("result", result_object(event))
        for observed in self._tally.dialect.values():
            evidence = {"value": observed.value, "evidence": observed.evidence}
            self._line("dialect", {"knob": observed.knob, **evidence})
        self._line("end", end_object(self._tally))

    def _line(self, kind: str, written: JsonObject) -> None:
        self._stream.write(line_text(kind, written))
        self._stream.flush()


def _scenario_object(scenario: Scenario) -> JsonObject:
    return {
        "scenario": scenario.id,
        "name": scenario.name,
        **place_object(scenario.place),
        "level": scenario.level,
        "covers": scenario.covers,
    }
