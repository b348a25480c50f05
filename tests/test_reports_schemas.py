"""The reports for programs are as their JSON Schemas and docs/reports.md say."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import simulator.report
from command_line import simulate, start
from control_client import controlled
from report_stories import REPEATED_REFUND, RUN, a_finding, a_scenario, an_exchange, end, ran, told
from report_stories import start as begun
from simulator.core.calls import CallForm, Form, Why
from simulator.core.findings import Verdict
from simulator.core.webhooks import NoReply, NoReplyKind, Reply
from simulator.errors import ExitCode
from simulator.report.events import Event, FindingRaised
from small_wallet import SmallWallet, serving

FOLDER = Path(simulator.report.__path__[0], "schemas")
SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)
PAGE = (Path(__file__).parent.parent / "docs/reports.md").read_text("utf-8")


def mistakes(name: str, value: object) -> list[str]:
    """What the schema has against a value, with the place in it."""
    validator = Draft202012Validator(SCHEMAS[f"{name}.schema.json"], registry=REGISTRY)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def assert_described(document: str, stream: str) -> None:
    """Hold a JSON report and the NDJSON report of the same run against their schemas."""
    assert mistakes("json", json.loads(document)) == []
    lines = [json.loads(line) for line in stream.splitlines()]
    assert lines
    assert [(line, mistakes("ndjson", line)) for line in lines if mistakes("ndjson", line)] == []


BYTES = replace(
    an_exchange(Reply(200, (), b"\xff\xfe"), b"\x80"),
    form=Form(CallForm.MALFORMED, None),
    why=Why(None, "preflight"),
)
BYTES = replace(BYTES, exchange=replace(BYTES.exchange, request=None))
LOST = an_exchange(NoReply(NoReplyKind.TIMEOUT, "no answer within 5 s"), balance=None)
STORIES: dict[str, list[Event]] = {
    "failed": RUN,
    "passed": [begun(), *ran(a_scenario(), Verdict.PASSED), BYTES, LOST, end(ExitCode.PASSED)],
    "xfailed": [begun(), *ran(a_scenario(), Verdict.XFAILED, a_finding(), reason="known")],
    "interrupted": REPEATED_REFUND[:-2],
    "never begun": [],
    "preflight": [
        begun(),
        FindingRaised(scenario_id=None, finding=a_finding(place=None, rule="not-in-the-catalogue")),
        *ran(a_scenario(), Verdict.BLOCKED, reason="no player"),
        end(ExitCode.FOUND, root_cause="no player", notes=("a note",), times={"form": 2}),
    ],
}


@pytest.mark.parametrize("name", STORIES)
def test_what_is_reported_of_a_run_is_described(name: str) -> None:
    """Every field is in the schema, and of its type; told runs reach what a right wallet never shows."""
    assert_described(told("json", STORIES[name]), told("ndjson", STORIES[name]))


class PaysTwice(SmallWallet):
    """Pays each refund as often as it is asked to."""

    def refund(self, player: str, amount: int, transaction_id: str) -> dict[str, Any]:
        self.applied.pop((player, "refund", transaction_id), None)
        return super().refund(player, amount, transaction_id)


class Waits(SmallWallet):
    """Answers no bet before it is let go; `asked` says that one came."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = threading.Event(), threading.Event()
        self.bets = 0

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> dict[str, Any]:
        self.bets += 1
        if self.bets > 1:  # the first one is the preflight's
            self.asked.set()
            self.go.wait(30)
        return super().bet(player, amount, transaction_id, game)


REFUNDS = """\
name: Paid once
covers: [IDE-03]
steps: [{bet: {amount: 1.00, id: b}}, {refund: b}, {refund: b}]
---
name: Known to be wrong
xfail: ticket 12
steps: [{bet: {amount: 1.00, id: b}}, {refund: b}, {refund: b}]
"""
RESTART = """
---
name: Needs a hook
needs: [restart]
steps: [{bet: 1.00}, restart, balance]
"""
FILES = ["--full", "--report", "json:r.json", "--report", "ndjson:r.ndjson", "s.yaml"]


@pytest.mark.parametrize(
    ("wallet", "text", "more", "outcomes"),
    [
        (PaysTwice(), REFUNDS + RESTART, (), ["failed", "xfailed", "skipped"]),
        (SmallWallet(), REFUNDS, ("--strict",), ["passed", "xpassed"]),
        (SmallWallet(), RESTART.removeprefix("\n---\n"), ("--restart-hook", "false"), ["inconclusive"]),
        (SmallWallet(), REFUNDS, ("--player", "nobody"), ["blocked", "blocked"]),
    ],
    ids=["wrong-wallet", "right-wallet", "failing-hook", "no-player"],
)
def test_the_reports_of_real_runs_are_described(
    tmp_path: Path, wallet: SmallWallet, text: str, more: tuple[str, ...], outcomes: list[str]
) -> None:
    """Every outcome of a scenario, with all exchanges; every finding has the answer that shows it."""
    (tmp_path / "s.yaml").write_text(text)
    with serving(wallet) as endpoint:
        simulate("run", "--endpoint", endpoint, "--player", "1000", *more, *FILES, folder=tmp_path)
    document = (tmp_path / "r.json").read_text()
    scenarios = json.loads(document)["scenarios"]
    assert [each["outcome"] for each in scenarios] == outcomes
    for finding in (finding for each in scenarios for finding in each["findings"]):
        assert finding["answer"].startswith('HTTP 200 {"status": 1')
    assert_described(document, (tmp_path / "r.ndjson").read_text())


def test_the_reports_of_an_interrupted_run_are_described(tmp_path: Path) -> None:
    """Ctrl-C while a bet is under way."""
    wallet = Waits()
    (tmp_path / "s.yaml").write_text(REFUNDS)
    with serving(wallet) as endpoint:
        run = start("run", "--endpoint", endpoint, "--player", "1000", *FILES, folder=tmp_path)
        assert wallet.asked.wait(30)
        run.send_signal(signal.SIGINT)
        wallet.go.set()
        run.communicate(timeout=60)
    assert run.returncode == ExitCode.INTERRUPTED
    document = (tmp_path / "r.json").read_text()
    assert json.loads(document)["outcome"] == "interrupted"
    assert_described(document, (tmp_path / "r.ndjson").read_text())


def test_the_lines_that_the_console_exports_are_described() -> None:
    """They are those of a run, with the agent; one call of them is lost."""
    with controlled() as control:
        path = control.seat()
        control.api.client.post(f"{path}/trouble", json={"kind": "lose_reply"}, headers={"X-Play": "1"})
        control.spin(path)
        text = control.api.client.get("/_sim/journal/export.ndjson").get_data(as_text=True)
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["type"] for line in lines} == {"opening", "exchange"}
    assert [problem for line in lines for problem in mistakes("ndjson", line)] == []


def judged(folder: Path, lines: str) -> dict[str, Any]:
    """The report of `judge` about these lines."""
    (folder / "calls.ndjson").write_text(lines)
    document: dict[str, Any] = json.loads(
        simulate("judge", "calls.ndjson", "--report", "json:-", folder=folder).stdout
    )
    return document


def test_the_report_of_judge_is_described(tmp_path: Path) -> None:
    """One player that is right, and one that is wrong."""
    opening = '{"type":"opening","player":"%s","balance":"10.00"}\n'
    read = (
        '{"type":"exchange","player":"%s","method":"user_balance","sent_ns":1,"answered_ns":2,'
        '"outcome":"accepted","balance":"%s"}\n'
    )
    lines = opening % "a" + read % ("a", "10.00") + opening % "b" + read % ("b", "11.00")
    document = judged(tmp_path, lines)
    assert {name: each["verdict"] for name, each in document["players"].items()} == {
        "a": "consistent",
        "b": "inconsistent",
    }
    assert mistakes("judge", document) == []


def fields(schema: object) -> Iterator[str]:
    """Every property that a schema names."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from fields(each)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_explained_in_the_docs(name: str) -> None:
    """The page has each in code type; the schemas are valid by their own dialect."""
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert [
        field for field in fields(SCHEMAS[name]) if f"`{field}`" not in PAGE and f'"{field}"' not in PAGE
    ] == []


def test_a_field_that_no_schema_names_is_a_mistake() -> None:
    """The schemas are closed: a field that is added is described, or the tests above fail."""
    document = json.loads(told("json", RUN))
    assert mistakes("json", document | {"more": 1})
    document["scenarios"][0]["findings"][0]["more"] = 1
    assert mistakes("json", document)
    assert mistakes("ndjson", {"type": "step", "scenario": "a", "status": "passed", "more": 1})
