"""The events of a run, in order. Every report is a pure fold over them.

A call that was sent is its own event, a `Call`; an `Opening` begins the history of a player.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from simulator.core.calls import Call, Opening
from simulator.core.findings import Finding, KnownCause, Place, Verdict
from simulator.core.money import Money
from simulator.core.steps import Scenario
from simulator.core.values import Frozen
from simulator.errors import ExitCode


class RunStarted(Frozen, kw_only=True):
    """A run begins. `started_at` is ISO 8601; `run` is the random part of every transaction id.

    The rest makes the lines that repeat it: `players` and `paths` as they were given, the `options` that
    every scenario needs, and those of the `selection`, as pairs of a flag and its value, quoted for a shell.
    `order` are the ids of its scenarios in the order in which reports show them.
    `program` is what starts the simulator from here. `accepted` are the causes that do not fail the run.
    `warnings` are what to know before it goes on.
    """

    run: str
    seed: int
    endpoint: str
    wire: str
    version: str
    started_at: str
    selected: int
    program: str = "betrontech-sim"
    players: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    selection: tuple[tuple[str, str], ...] = ()
    order: tuple[str, ...] = ()
    accepted: tuple[KnownCause, ...] = ()
    warnings: tuple[str, ...] = ()


class ScenarioStarted(Frozen, kw_only=True):
    """A scenario begins."""

    scenario: Scenario


class StepFinished(Frozen, kw_only=True):
    """A step has ended. `status` is passed, failed or blocked (not sent because of an earlier finding)."""

    scenario_id: str
    place: Place
    status: str


class FindingRaised(Frozen, kw_only=True):
    """Something wrong was found. `scenario_id` is None for a finding of the preflight."""

    scenario_id: str | None
    finding: Finding


class LawfulBalance(Frozen):
    """The balance that a right wallet would have after the call that was sent at `sent_ns`."""

    player: str
    sent_ns: int
    balance: Money


class ScenarioFinished(Frozen, kw_only=True):
    """A scenario has ended. `exchanges` are kept only if it did not pass, unless the run keeps all.

    `lawful` are the balances of a right wallet after them, as far as these are known.
    """

    scenario: Scenario
    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]
    duration_ns: int
    exchange_count: int
    exchanges: tuple[Call, ...] = ()
    lawful: tuple[LawfulBalance, ...] = ()


class DialectObserved(Frozen, kw_only=True):
    """One knob of the dialect was seen: what the wallet does, with the sentence that shows it."""

    knob: str
    value: str
    evidence: str


class RunFinished(Frozen, kw_only=True):
    """A run has ended. `root_cause` is why scenarios were blocked, or empty.

    `gone` says that the wallet stopped answering in the middle. `times` counts by `Finding.cause` how often
    the run met what it reports once, such as the form of an answer.
    """

    exit_code: ExitCode
    duration_ns: int
    counts: Mapping[Verdict, int]
    calls: int
    dialect: tuple[DialectObserved, ...] = ()
    root_cause: str = ""
    gone: bool = False
    notes: tuple[str, ...] = field(default=())
    times: Mapping[str, int] = field(default_factory=dict)


Event = (
    RunStarted
    | ScenarioStarted
    | Opening
    | Call
    | StepFinished
    | FindingRaised
    | ScenarioFinished
    | DialectObserved
    | RunFinished
)
