"""The event stream of a run: what happened, in order. Every report is a pure fold over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.core.findings import Finding, Outcome, Place, Verdict
from simulator.core.money import Money
from simulator.core.scenario import Scenario
from simulator.core.webhooks import Exchange
from simulator.errors import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """`started_at` is ISO 8601; `run` is the random part of every transaction id."""

    run: str
    seed: int
    endpoint: str
    wire: str
    version: str
    started_at: str
    selected: int
    command: str = "betrontech-sim run"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioStarted:
    scenario: Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A scenario takes a player whose balance was read or seeded as `balance`; a history begins."""

    scenario_id: str
    player: str
    balance: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRecorded:
    """One call that was sent. `purpose`: step, probe, adjust, preflight, restore, or settle.

    `outcome` and `balance` are as read from the reply; `label` is the file's name of the step.
    `scenario_id` is None for preflight and restore. `duration` of the call stands in the exchange.
    """

    scenario_id: str | None
    player: str | None
    purpose: str
    exchange: Exchange
    outcome: Outcome
    balance: Money | None
    label: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """`status`: passed, failed or blocked (not sent, because of an earlier finding)."""

    scenario_id: str
    place: Place
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRaised:
    """`scenario_id` is None for a finding of the preflight."""

    scenario_id: str | None
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioFinished:
    """`exchanges` are kept only for a scenario that did not pass, unless the run keeps all."""

    scenario: Scenario
    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]
    duration_ns: int
    exchange_count: int
    exchanges: tuple[ExchangeRecorded, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectObserved:
    """One knob of the dialect: what this operator does, with the sentence that shows it."""

    knob: str
    value: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """`counts` by verdict; `calls` that were sent; `root_cause` is why scenarios were blocked, or empty.

    `times`, by `Finding.cause`: how often the run met what it told once, as it does with forms of replies.
    """

    exit_code: ExitCode
    duration_ns: int
    counts: Mapping[Verdict, int]
    calls: int
    dialect: tuple[DialectObserved, ...] = ()
    root_cause: str = ""
    notes: tuple[str, ...] = field(default=())
    times: Mapping[str, int] = field(default_factory=dict)


Event = (
    RunStarted
    | ScenarioStarted
    | Opening
    | ExchangeRecorded
    | StepFinished
    | FindingRaised
    | ScenarioFinished
    | DialectObserved
    | RunFinished
)
