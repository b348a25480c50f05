"""One line a call: what a run, the server's export and a person write is read as what was meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import simulator.report
from command_line import simulate
from control_client import controlled
from simulator.core.call_lines import BadLine, call_object, line_text, opening_object, read_line
from simulator.core.calls import Call, CallForm, Form, KnownAs, Opening, Reading, Why
from simulator.core.findings import Outcome, Place
from simulator.core.money import Money
from simulator.core.webhooks import (
    Exchange,
    Method,
    NoReply,
    NoReplyKind,
    Reply,
    WebhookRequest,
    WireRequest,
)
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.serve.console.control import OPENAPI_FILE

MONEY = st.integers(-(10**20), 10**20).map(Money)
TEXT = st.text(max_size=20)
ID = st.text(min_size=1, max_size=20)
BODY = st.binary(max_size=30) | st.text(max_size=30).map(str.encode)

requests = st.one_of(
    st.builds(WebhookRequest, st.just(Method.BALANCE), ID),
    st.builds(WebhookRequest, st.sampled_from([Method.BET, Method.WIN]), ID, MONEY, TEXT, st.none() | TEXT),
    st.builds(WebhookRequest, st.just(Method.REFUND), ID, st.none() | MONEY, TEXT),
)
replies = st.builds(Reply, st.integers(100, 999), st.just(()), BODY) | st.builds(
    NoReply, st.sampled_from(NoReplyKind), TEXT
)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any call that a history has a use for."""
    request, reply = draw(requests), draw(replies)
    sent_ns = draw(st.integers(0, 2**62))
    answered_ns = sent_ns + draw(st.integers(0, 2**40)) if isinstance(reply, Reply) else None
    exchange = Exchange(
        request, WireRequest(draw(BODY)), reply, sent_ns, answered_ns, draw(st.none() | st.just("reset"))
    )
    place = draw(st.none() | st.integers(1, 10**6).map(lambda line: Place("x.yaml", line)))
    return Call(
        exchange,
        Reading(draw(st.sampled_from(Outcome)), draw(st.none() | MONEY)),
        Form(draw(st.sampled_from(CallForm)), request),
        Why(
            *(draw(st.none() | ID), draw(TEXT), draw(TEXT), place, draw(st.none() | ID)),
            account=draw(st.none() | st.sampled_from(KnownAs)),
        ),
    )


openings = st.builds(Opening, player=ID, balance=MONEY, scenario_id=st.none() | ID, agent=st.none() | ID)


def line_of(record: Call | Opening) -> str:
    """The line of a call or an opening."""
    if isinstance(record, Opening):
        return line_text("opening", opening_object(record))
    return line_text("exchange", call_object(record))


@given(calls() | openings)
def test_what_is_written_is_read_as_what_it_was(record: Call | Opening) -> None:
    """Written again it is the same line, whatever ids, bodies and times it holds."""
    text = line_of(record)
    assert text.count("\n") == 1
    read = read_line(text, "calls.ndjson:1")
    assert type(read) is type(record)
    assert line_of(read) == text


FOLDER = Path(simulator.report.__path__[0], "schemas")
SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")}
REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)


def mistakes(name: str, lines: list[str]) -> list[str]:
    """What a schema has against lines."""
    validator = Draft202012Validator(SCHEMAS[f"{name}.schema.json"], registry=REGISTRY)
    return [error.message for line in lines for error in validator.iter_errors(json.loads(line))]


@given(calls() | openings)
def test_any_call_and_opening_is_written_as_the_schemas_say(record: Call | Opening) -> None:
    """The closed one of a report's lines as long as it names a run's purpose, the open one of a history's."""
    assert mistakes("calls", [line_of(record)]) == []
    if isinstance(record, Call) and record.why.purpose in ("step", "probe"):
        assert mistakes("ndjson", [line_of(record)]) == []


VALUES: dict[str, list[object]] = {
    "player": ["p1", "", 7, None],
    "agent": ["a1", "", 7, None],
    "method": [*Method, "bet", 7, None],
    "transaction_id": ["b1", "", 7, None],
    "amount": ["10.00", "10", 10, -10, 10.5, "ten", "1.001", "1e3", "9" * 31, None],
    "game_id": ["g", 7, None],
    "sent_ns": [1, -1, 1.5, "1", 10**31, None],
    "answered_ns": [10**12, 1.5, "x", None],
    "outcome": [*Outcome, "acepted", 7, None],
    "balance": ["90.00", 90, "x", [], None],
    "stated_balance": ["40.00", 40, "x", None],
    "form": [*CallForm, "neat", 7, None],
    "label": ["b1", 7, None],
    "account": [*KnownAs, "closed", 7, None],
    "http": [200, "x"],
    "reply": ["{}", {}],
    "no_reply": [{"kind": "reset", "detail": "gone"}, "x"],
    "purpose": ["step", 7],
}


def refusal(line: str) -> str:
    """Why `judge` does not take a line; nothing where it does."""
    try:
        read_line(line, "a:1")
    except BadLine as error:
        return str(error)
    return ""


@given(
    st.sampled_from(["exchange", "opening", "step", 7]),
    st.fixed_dictionaries({}, optional={key: st.sampled_from(each) for key, each in VALUES.items()}),
)
def test_judge_takes_what_its_schema_describes_and_nothing_else(kind: object, fields: dict[str, Any]) -> None:
    """Any line of good and bad values is an error of both or of neither."""
    line = json.dumps({"type": kind, **fields})
    assert (mistakes("calls", [line]) == []) == (refusal(line) == "")


def again(lines: list[str]) -> list[str]:
    """The lines that are read as calls or openings, written again."""
    read = [read_line(line, "a:1") for line in lines]
    return [line_of(each) for each in read if each is not None]


def histories(lines: list[str]) -> list[str]:
    """The lines that a history has a use for."""
    found = [(line, json.loads(line)) for line in lines]
    return [
        line
        for line, told in found
        if told["type"] == "opening" or (told["type"] == "exchange" and told["method"] != "account_details")
    ]


SCENARIO = """\
player: {balance: 100.00}
steps:
  - details
  - bet: {amount: 10.00, id: b1, fault: lost_reply}
  - resend: b1
  - win: {amount: 5.00, raw: {amount: "5,00"}, expect: {outcome: either}}
  - bet: {amount: all+0.01}
  - send: {body: '{"method":"transaction_bet","user_id":"${player}","amount":"NaN"}'}
  - send: {body: "no JSON at all", content_type: text/plain}
  - parallel:
      in_flight: 8
      steps:
        - bet: {amount: 1.00, id: b2}
        - resend: {step: b2, times: 4}
        - refund: b2
  - refund: b1
"""


def test_the_lines_of_a_run_are_read_word_for_word(tmp_path: Path) -> None:
    """Bursts, faults, refusals and hostile bodies against a right wallet: `judge` reads what was written."""
    (tmp_path / "calls.yaml").write_text(SCENARIO, "utf-8")
    with OperatorServer(OperatorSettings(opening_balance="1000.00")) as operator:
        done = simulate(
            *("run", "calls.yaml", "--endpoint", operator.endpoint, "--player", "1000"),
            *("--report", "ndjson:run.ndjson", "--timeout", "1s"),
            folder=tmp_path,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "run.ndjson").read_text("utf-8").splitlines(keepends=True)
    assert len(histories(lines)) > 20
    assert again(lines) == histories(lines)
    assert mistakes("ndjson", lines) == mistakes("calls", lines) == []


def test_the_lines_of_an_export_are_read_word_for_word_and_rows_say_the_same() -> None:
    """With a lost reply, a call by hand and one that is sent again; a line names its agent."""
    with controlled() as control:
        path = control.seat()
        control.api.client.post(f"{path}/trouble", json={"kind": "lose_reply"}, headers={"X-Play": "1"})
        control.spin(path)
        number = control.bet("7.00")["exchanges"][0]
        control.do("POST", f"/journal/{number}/resend")
        text = control.api.client.get("/_sim/journal/export.ndjson").get_data(as_text=True)
        rows = control.get("/journal")["exchanges"]
    lines = text.splitlines(keepends=True)
    assert again(lines) == histories(lines)
    assert mistakes("ndjson", lines) == mistakes("calls", lines) == []
    assert {json.loads(line)["agent"] for line in lines} == {"demo"}
    components = json.loads(OPENAPI_FILE.read_bytes())["components"]
    row = Draft202012Validator({"$ref": "#/components/schemas/Exchange", "components": components})
    assert [error.message for each in rows for error in row.iter_errors(each)] == []
    by_sent_ns = {json.loads(line)["sent_ns"]: json.loads(line) for line in lines if "sent_ns" in line}
    for each in rows:
        line = by_sent_ns[each["sent_ns"]]
        facts = {key: value or None for key, value in line.items() if key in each and key != "purpose"}
        assert facts == {key: each[key] or None for key in facts}
