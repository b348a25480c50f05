"""Runs told as event streams, for the tests of the reports: small builders, and `told`, which renders one."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from simulator.core.calls import Call, CallForm, Form, Reading, Why
from simulator.core.findings import Finding, Outcome, Place, Severity, Verdict
from simulator.core.money import Money
from simulator.core.steps import Scenario
from simulator.core.webhooks import Exchange, Method, NoReply, Reply, WebhookRequest, WireRequest
from simulator.errors import ExitCode
from simulator.report.events import (
    DialectObserved,
    Event,
    FindingRaised,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    ScenarioStarted,
)
from simulator.report.tally import Report, open_report, render
from simulator.report.terminal import TerminalReport

REFUND_FILE = "scenarios/refunds/refund-repeated.yaml"
REFUND_TEXT = """\
name: A repeated refund is credited once
tags: [refund]
level: industry
covers: [IDE-03]
player: {balance: 100.00}
steps:
  - details

  - bet: {amount: 10.00, id: b1}
  - refund: b1
  - resend: last
"""
REFUND_SOURCE = tuple(REFUND_TEXT.splitlines())
ENDPOINT = "http://127.0.0.1:9000/betrontech_api"


def a_scenario(
    file: str = REFUND_FILE, name: str = "A repeated refund is credited once", **more: object
) -> Scenario:
    """A scenario without steps: reports read its place, name and source."""
    fields: dict[str, object] = {"id": file, "source": REFUND_SOURCE, "covers": ("IDE-03",), **more}
    return Scenario(name=name, place=Place(file, 1), steps=(), **fields)  # type: ignore[arg-type]


def a_finding(file: str = REFUND_FILE, **more: object) -> Finding:
    """The finding of the design's example frame."""
    fields: dict[str, object] = {
        "rule": "IDE-03",
        "severity": Severity.ERROR,
        "cause": "repeated-refund-credited-again",
        "message": "the repeated refund was credited again",
        "place": Place(file, 11, 5, 6),
        "label": "balance: expected 100.00, the operator answered 110.00 (+10.00)",
        "trail": "100.00 → bet 10.00 → 90.00 → refund → 100.00 → resend → 100.00",
        "why": "the same refund must not pay twice; the player gained 10.00",
        "curl": f'curl -s -X POST {ENDPOINT} -d \'{{"method":"refund"}}\'',
        "answer": 'HTTP 200 {"status":1,"balance":"110.00"}',
        **more,
    }
    return Finding(**fields)  # type: ignore[arg-type]


def an_exchange(
    reply: Reply | NoReply | None = None,
    body: bytes = b'{"method":"transaction_bet"}',
    *,
    label: str = "b1",
    outcome: Outcome = Outcome.ACCEPTED,
    balance: Money | None = Money(90_00),  # noqa: B008  # an integer
) -> Call:
    """An accepted bet of 10.00 by player 1000, unless told otherwise."""
    answered = reply or Reply(200, (("Content-Type", "application/json"),), b'{"status":1,"balance":"90.00"}')
    request = WebhookRequest(Method.BET, "1000", Money(10_00), "k3x-b1-1", "17")
    exchange = Exchange(request, WireRequest(body), answered, 5_000_000, 6_300_000)
    why = Why(REFUND_FILE, "step", label, Place(REFUND_FILE, 9, 5, 3))
    return Call(exchange, Reading(outcome, balance), Form(CallForm.CANONICAL, request), why)


def start(selected: int = 1) -> RunStarted:
    return RunStarted(
        run="k3x",
        seed=7313,
        endpoint=ENDPOINT,
        wire="betrontech",
        version="0.1.0",
        started_at="2025-01-31T09:30:00+00:00",
        selected=selected,
    )


def ran(
    scenario: Scenario, verdict: Verdict, *findings: Finding, reason: str = "", calls: int = 3
) -> list[Event]:
    """A scenario from its start to its end, its findings raised on the way."""
    return [
        ScenarioStarted(scenario=scenario),
        *(FindingRaised(scenario_id=scenario.id, finding=finding) for finding in findings),
        ScenarioFinished(
            scenario=scenario,
            verdict=verdict,
            reason=reason,
            findings=findings,
            duration_ns=12_345_678,
            exchange_count=calls,
        ),
    ]


def end(exit_code: ExitCode, **more: object) -> RunFinished:
    fields: dict[str, object] = {"duration_ns": 2_310_000_000, "counts": {}, "calls": 0, **more}
    return RunFinished(exit_code=exit_code, **fields)  # type: ignore[arg-type]


KNOB = DialectObserved(knob="duplicate_bet", value="refused", evidence="resend of b1 was refused")
RUN: list[Event] = [
    start(3),
    *ran(a_scenario(), Verdict.FAILED, a_finding()),
    *ran(a_scenario("scenarios/funds/all-in.yaml", "All in"), Verdict.PASSED),
    *ran(a_scenario("scenarios/rounds/restart.yaml", "Restart"), Verdict.SKIPPED, reason="no restart hook"),
    end(ExitCode.FOUND, dialect=(KNOB,)),
]
"""A failure, a pass and a skip."""


REPEATED_REFUND: list[Event] = [
    start(),
    *ran(a_scenario(), Verdict.FAILED, a_finding()),
    end(ExitCode.FOUND),
]


def told(kind: str, events: Iterable[Event]) -> str:
    """What the report of that kind writes about a run; `terminal` is the plain one."""
    stream = io.StringIO()
    render(TerminalReport(stream) if kind == "terminal" else open_report(kind, stream), events)
    return stream.getvalue()


def on_screen(events: Iterable[Event], encoding: str = "utf-8", **options: object) -> str:
    """What the terminal report writes to a stream of that encoding."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    report: Report = TerminalReport(stream, **options)  # type: ignore[arg-type]
    render(report, events)
    return raw.getvalue().decode(encoding)


def block_after(text: str, head: str) -> list[str]:
    """The lines from the first one that starts with `head` up to the next blank one."""
    lines = text.split("\n")
    first = next(number for number, line in enumerate(lines) if line.startswith(head))
    rest: Sequence[str] = lines[first:]
    return list(rest[: rest.index("")] if "" in rest else rest)
