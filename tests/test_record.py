"""`record` writes calls that were recorded anywhere as a scenario that plays them again."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from command_line import in_process
from control_client import Control, controlled
from scenario_texts import load
from simulator.core.steps import Parallel
from simulator.core.webhooks import WireRequest, curl_line
from simulator.explore.alone import text_of
from simulator.explore.grammar import Means, make_session
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.scenario.writing import quoted

DEFECT = "bet-charged-again"


def run(file: str, folder: Path, *flags: str, defects: tuple[str, ...] = (), code: int = 0) -> str:
    """Run a file against the example wallet, with that exit code."""
    with OperatorServer(OperatorSettings(defects=defects, opening_balance="1000.00")) as operator:
        players = ("--player", "1000", "--player", "1001")
        done = in_process("run", file, "--endpoint", operator.endpoint, *players, *flags, folder=folder)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def record(source: str, folder: Path, *flags: str, code: int = 0) -> str:
    """The scenario file made of a record."""
    done = in_process("record", source, *flags, folder=folder)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout or done.stderr


def calls(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """The calls of the steps in an NDJSON by scenario, with players and ids by their first appearance."""
    found: dict[str, list[tuple[object, ...]]] = {}
    names: dict[tuple[str, object], int] = {}
    for line in file.read_text().splitlines():
        call = json.loads(line)
        if call["type"] != "exchange" or call["purpose"] != "step":
            continue
        scenario = call["scenario"].split("As recorded: ")[-1]
        who, id_ = (
            names.setdefault((scenario, call[key]), len(names)) - min(names.values())
            if call[key] is not None
            else None
            for key in ("player", "transaction_id")
        )
        row = (call["method"], call["amount"], call["game_id"], call["fault"], who, id_)
        found.setdefault(scenario, []).append(row)
    return found


def test_a_played_session_is_recorded_as_the_console_exports_it(tmp_path: Path) -> None:
    """From a running server by its URL, and from its export; the text is the same."""
    with controlled(DEFECT) as control:
        played(control)
        taken = record(control.played.url, tmp_path, "-o", "a.yaml", "--player", "1000")
        exported = control.api.client.get("/_sim/journal/export.yaml?player=1000").get_data(as_text=True)
    assert "betrontech-sim run a.yaml" in taken
    assert (tmp_path / "a.yaml").read_text() == exported
    run("a.yaml", tmp_path)
    run("a.yaml", tmp_path, defects=(DEFECT,), code=1)


def played(control: Control) -> None:
    """Rounds with trouble, a call by hand, and the same call again, which the wallet charges again."""
    path = control.seat()
    control.spin(path)
    control.api.client.post(f"{path}/trouble", json={"kind": "lose_reply"}, headers={"X-Play": "1"})
    control.spin(path, "5.00")
    number = control.bet("7.00")["exchanges"][0]
    control.do("POST", f"/journal/{number}/resend")


SEEN = (
    "scenarios/ordering",
    "scenarios/refunds",
    "scenarios/unknown",
    "scenarios/timeouts/lost-replies.yaml",
)


def test_what_a_run_sent_is_sent_again(tmp_path: Path) -> None:
    """The same methods, amounts, games and faults; an id or a player that came back comes back."""
    run(
        "bundled:ordering",
        tmp_path,
        "bundled:rounds",
        "bundled:timeouts/lost-refund.yaml",
        "--report",
        "ndjson:seen.ndjson",
        "-j1",
    )
    record("seen.ndjson", tmp_path, "-o", "again.yaml")
    assert in_process("check", "again.yaml", folder=tmp_path).returncode == 0
    run("again.yaml", tmp_path, "--report", "ndjson:again.ndjson", "-j1")
    assert calls(tmp_path / "seen.ndjson") == calls(tmp_path / "again.ndjson")


def test_a_run_against_a_wrong_wallet_is_recorded_as_one_that_fails_there(tmp_path: Path) -> None:
    run("bundled:idempotency/similar-ids.yaml", tmp_path, "--report", "ndjson:seen.ndjson")
    record("seen.ndjson", tmp_path, "-o", "again.yaml")
    run("again.yaml", tmp_path)
    run("again.yaml", tmp_path, defects=("ids-fold-case",), code=1)


def test_an_attack_by_the_user_id_stays_one(tmp_path: Path) -> None:
    """An ordinary player who does not exist would show another mistake."""
    attack = """{"method":"user_balance","user_id":"' OR '1'='1"}"""
    (tmp_path / "made.yaml").write_text(f"steps:\n  - bet: 1.00\n  - send: {{body: {quoted(attack)}}}\n")
    run("made.yaml", tmp_path, "--report", "ndjson:seen.ndjson")
    assert steps(record("seen.ndjson", tmp_path)) == ["bet: 1.00", f"send: {{body: {quoted(attack)}}}"]


def test_whatever_is_played_can_be_recorded(tmp_path: Path) -> None:
    """Made-up sessions: odd bytes, ids alike, races, unknown players; a right wallet passes both times."""
    made = (make_session(Random(seed), Means(players=2)) for seed in range(12))
    (tmp_path / "made.yaml").write_text("---\n".join(text_of(each, f"{n}") for n, each in enumerate(made)))
    run("made.yaml", tmp_path, "--report", "ndjson:seen.ndjson", "-j1")
    record("seen.ndjson", tmp_path, "-o", "again.yaml")
    run("again.yaml", tmp_path, "--report", "ndjson:again.ndjson", "-j1")
    assert in_process("fmt", "--check", "again.yaml", folder=tmp_path).returncode == 0
    seen, again = calls(tmp_path / "seen.ndjson"), calls(tmp_path / "again.ndjson")
    for scenario, rows in seen.items():
        # What is sent at once arrives in any order.
        assert Counter(row[:3] for row in rows) == Counter(row[:3] for row in again[scenario]), scenario


def test_a_server_with_a_token_asks_for_it(tmp_path: Path) -> None:
    with controlled(admin_token="let-me-in-please") as control:
        assert "wants its admin token" in record(control.played.url, tmp_path, code=4)
        assert "holds no call" in record(control.played.url, tmp_path, "--token", "let-me-in-please", code=5)


def test_a_server_that_is_asked_by_a_name_it_does_not_know_says_so_itself(tmp_path: Path) -> None:
    """No token would help."""
    with controlled() as control:
        told = record(control.played.url.replace("127.0.0.1", "127.1"), tmp_path, code=4)
    assert "names a host that is not a name of this server; ask by address" in told
    assert "token" not in told


# --- files of other tools -------------------------------------------------------------------------


def body(
    method: str, id_: str | int | None = None, amount: object = None, **more: object
) -> dict[str, object]:
    """The JSON of a webhook of player 1000."""
    asked = {"amount": amount, "transaction_id": id_} if id_ else {}
    game = {"game_id": "SLOT_001"} if method == "transaction_bet" else {}
    return {"method": method, "user_id": "1000", **asked, **game, **more}


READ = body("user_balance")
BET = body("transaction_bet", "t-1", "10.00")
REFUND = body("refund", "t-1", "10.00")
ODD = body("transaction_win", "t-2", 5)


def har(*bodies: object, replies: tuple[object, ...] = ()) -> str:
    """An archive as browsers and proxies write it, among requests of other kinds."""
    page = {"method": "GET", "url": "http://wallet.test/", "headers": []}
    entries: list[Any] = [
        {
            "startedDateTime": "2026-01-31T12:00:00.000Z",
            "time": 3.5,
            "request": page,
            "response": {"status": 200, "content": {"text": "<html>"}},
        }
    ]
    for number, each in enumerate(bodies):
        text = each if isinstance(each, str) else json.dumps(each)
        reply = replies[number] if number < len(replies) else None
        entries.append(
            {
                "startedDateTime": f"2026-01-31T12:00:{number + 1:02}.000+00:00",
                "time": 12.25,
                "request": {
                    "method": "POST",
                    "url": "http://wallet.test/hook",
                    "headers": [{"name": "Authorization", "value": "Bearer of-nobody"}],
                    "postData": {"mimeType": "application/json", "text": text},
                },
                "response": {"status": 0 if reply is None else 200, "content": {"text": json.dumps(reply)}},
            }
        )
    return json.dumps({"log": {"version": "1.2", "entries": entries}})


def curls(*bodies: object) -> str:
    """Lines of curl, as our reports print them."""
    wires = [
        WireRequest(each.encode() if isinstance(each, str) else json.dumps(each).encode()) for each in bodies
    ]
    return "# copied from a report\n" + "\n\n".join(
        curl_line("http://127.0.0.1:9/hook", wire) for wire in wires
    )


def steps(text: str) -> list[str]:
    """The steps as they are written, without their dashes; what takes two lines in one."""
    text = re.sub(r"- send:\n {6}(body: .*)", r"- send: {\1}", text)
    return [line[4:] for line in text.splitlines() if line.startswith("  - ")]


ODD_STEP = (
    """send: {body: '{"method": "transaction_win", "user_id": "${player}", "amount": 5, """
    """"transaction_id": "${run}-t-2"}'}"""
)
SENT: dict[str, tuple[tuple[object, ...], list[str]]] = {
    "a bet, again, and refunded": (
        (READ, BET, BET, REFUND),
        ["balance", "bet: {amount: 10.00, id: b1}", "resend: b1", "refund: b1"],
    ),
    "bytes of their own": ((READ, ODD, ODD), ["balance", ODD_STEP, ODD_STEP]),
    "an id that ordinary and other bytes share": (
        (BET, body("transaction_win", "t-1", 5)),
        [
            'bet: {amount: 10.00, raw: {transaction_id: "${run}-t-1"}}',
            ODD_STEP.replace("t-2", "t-1"),
        ],
    ),
    "numbers that end alike, and a short one": (
        tuple(body("transaction_win", id_, 5) for id_ in (5001001, 6002001, 5001001, 5)),
        [ODD_STEP.replace('"${run}-t-2"', f"${{number}}{end}") for end in ("001", "002", "001", "005")],
    ),
    "a bet without its game, and a long id": (
        (
            json.dumps(body("transaction_bet", "t-1", "5.00")).replace(', "game_id": "SLOT_001"', ""),
            {**body("transaction_bet", "t-2", "5.00"), "game_id": None},
            body("transaction_bet", "é" * 50, "5.00"),
        ),
        [
            "bet: {amount: 5.00, omit: [game_id]}",
            "bet: {amount: 5.00, raw: {game_id: null}}",
            f'bet: {{amount: 5.00, raw: {{transaction_id: "${{run}}-{"é" * 42}"}}}}',
        ],
    ),
    "no JSON at all": (
        (READ, '{"method":"user_balance"'),
        ["balance", """send: {body: '{"method":"user_balance"'}"""],
    ),
}


@pytest.mark.parametrize("write", [har, curls])
@pytest.mark.parametrize(("bodies", "expected"), SENT.values(), ids=SENT.keys())
def test_an_archive_and_lines_of_curl_are_read(
    tmp_path: Path, write: Any, bodies: tuple[object, ...], expected: list[str]
) -> None:
    """Ordinary webhooks become steps, others keep their bytes; no header is there."""
    (tmp_path / "traffic").write_text(write(*bodies))
    text = record("traffic", tmp_path)
    assert steps(text) == expected
    assert "of-nobody" not in text


def exchange(number: int, sent: int, answered: int | None, **more: object) -> str:
    """A line of a record: a bet of the scenario that was run."""
    call = {"type": "exchange", "scenario": "a ${x}", "transaction_id": f"t{number}", "amount": "1.00"}
    call |= {"player": "1000", "method": "transaction_bet", "game_id": "SLOT_001", "outcome": "accepted"}
    return json.dumps({**call, "sent_ns": sent, "answered_ns": answered, "balance": "9.00", **more})


def test_calls_at_once_are_sent_at_once_and_as_many_of_them(tmp_path: Path) -> None:
    """What looks like a column in a name is none; a win that the wallet forgot leaves no debt before it."""
    forgot = {"method": "transaction_win", "amount": "20.00", "scenario": "forgot"}
    lines = [
        *(exchange(number, sent, sent + 10) for number, sent in enumerate((1, 8, 15, 40, 41, 42))),
        exchange(7, 60, 61, **forgot),
    ]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    one, two = load(record("a.ndjson", tmp_path))
    assert one.name == "As recorded: a $ {x}"
    assert [(len(step.steps), step.in_flight) for step in one.steps if isinstance(step, Parallel)] == [
        (3, 2),
        (3, 3),
    ]
    assert two.players["player"].balance == 0


def opening(balance: str | None) -> str:
    return json.dumps({"type": "opening", "player": "1000", "balance": balance, "scenario": None})


def test_an_opening_after_calls_begins_another_scenario_with_its_balance(tmp_path: Path) -> None:
    """One without a balance takes back what was known, and the first answer tells it."""
    journal: dict[str, object] = {"scenario": None}
    lines = [
        *(opening("40.00"), exchange(1, 1, 2, **journal)),
        *(opening("70.00"), exchange(2, 3, 4, **journal)),
        *(opening("30.00"), opening(None), exchange(3, 5, 6, **journal)),
    ]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    found = load(record("a.ndjson", tmp_path))
    assert [each.players["player"].balance for each in found] == [40_00, 70_00, 10_00]


def test_bytes_without_a_player_belong_where_they_were_sent(tmp_path: Path) -> None:
    """To their scenario, or after the calls before them."""
    raw: dict[str, object] = {
        "player": None,
        "method": None,
        "transaction_id": None,
        "amount": None,
        "game_id": None,
    }
    raw |= {"form": "malformed", "request": "{", "content_type": "application/json"}
    lines = [
        exchange(1, 1, 2, scenario="one"),
        exchange(2, 3, 4, scenario="two"),
        exchange(3, 5, 6, scenario="one", **raw),
        exchange(4, 7, 8, scenario=None),
        exchange(5, 9, 10, scenario=None, **raw),
    ]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    assert [len(each.steps) for each in load(record("a.ndjson", tmp_path))] == [2, 1, 2]


def test_ids_that_differ_in_zeros_keep_them(tmp_path: Path) -> None:
    """A wallet that casts ids would take them for one."""
    (tmp_path / "a.ndjson").write_text(
        "\n".join(exchange(0, at, at + 1, transaction_id=id_) for at, id_ in ((1, "0012345"), (3, "12345")))
    )
    text = record("a.ndjson", tmp_path)
    assert [re.sub(r"\d{3}$", "", id_) for id_ in re.findall(r'transaction_id: "(.+?)"', text)] == [
        "00${number}",
        "${number}",
    ]


def test_a_player_is_blocked_where_it_was_and_what_has_no_bytes_is_told(tmp_path: Path) -> None:
    lines = [
        exchange(1, 1, 2),
        exchange(2, 3, 4, account="blocked"),
        exchange(3, 5, 6, account="blocked"),
        exchange(4, 7, 8, method=None, transaction_id=None, amount=None, game_id=None, form="malformed"),
    ]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    text = record("a.ndjson", tmp_path)
    assert steps(text) == ["bet: 1.00", "block", "bet: 1.00", "bet: 1.00"]
    assert "# Left out, since a scenario file cannot hold their bytes: 1 of the recorded calls." in text


def test_what_other_tools_captured_passes_on_a_right_wallet(tmp_path: Path) -> None:
    for number, (bodies, _) in enumerate(SENT.values()):
        (tmp_path / "traffic").write_text(har(*bodies))
        record("traffic", tmp_path, "-o", f"again/{number}.yaml")
    run("again", tmp_path)


def test_pauses_are_waited_again_if_they_are_wanted(tmp_path: Path) -> None:
    """As long as it was, so that a wallet that forgets is found."""
    (tmp_path / "s.yaml").write_text(
        "steps:\n  - bet: {amount: 1.00, id: b1}\n  - wait: 1800ms\n  - resend: b1\n  - balance\n"
    )
    run("s.yaml", tmp_path, "--report", "ndjson:calls.ndjson")
    assert "wait" not in record("calls.ndjson", tmp_path)
    record("calls.ndjson", tmp_path, "--pauses", "-o", "again.yaml")
    [waited] = re.findall(r"wait: (\d+)ms", (tmp_path / "again.yaml").read_text())
    assert 1700 <= int(waited) < 60_000
    run("again.yaml", tmp_path)
    run("again.yaml", tmp_path, defects=("ids-forgotten-soon",), code=1)


def test_the_balance_before_is_read_said_or_assumed(tmp_path: Path) -> None:
    """By the first read, by --balance, by an answer, or the default; a guess says so."""
    (tmp_path / "read.har").write_text(har(READ, BET, replies=({"status": 1, "balance": "64.00"},)))
    (tmp_path / "told.har").write_text(har(BET, replies=({"status": 1, "balance": "40.00"},)))
    (tmp_path / "bare.har").write_text(har(BET))
    found = [
        (load(text)[0].players["player"].balance, "assumed" in text)
        for text in (
            record("read.har", tmp_path),
            record("told.har", tmp_path),
            record("bare.har", tmp_path),
            record("bare.har", tmp_path, "--balance", "12.34"),
        )
    ]
    assert found == [(6400, False), (5000, True), (10_000, True), (1234, False)]


READ_QUOTED = """'{"method":"user_balance","user_id":"é\'"\'"\'1"}'"""

CURLS = {
    "as a browser copies it for cmd": (
        'curl ^"http://127.0.0.1:9/hook^" ^\n  -H ^"content-type: application/json^" ^\n'
        r'  --data-raw ^"^{^\^"method^\^":^\^"user_balance^\^",^\^"user_id^\^":^\^"' + "é'1" + r'^\^"^}^"'
    ),
    "in a substitution, beside a comment, with its answer in a file": (
        "R=$(curl -s http://h/#top -d " + READ_QUOTED + " > a 2>&1) # { "
    ),
    "with its flags in one word": "curl -sSXPOST -sd " + READ_QUOTED + " http://h",
    "with flags that are not known": ("curl --new-flag x http://h -d " + READ_QUOTED + " | jq ."),
    "in backquotes": "R=`curl -s http://h -d " + READ_QUOTED + "`\nls `pwd`",
    "with quotes as Windows PowerShell needs them": (
        r"""curl.exe -d '{\"method\":\"user_balance\",\"user_id\":\"é'"'"'1\"}' http://h"""
    ),
    "as PowerShell has it": ("curl.exe http://h `\r\n  --request POST `\r\n  -d " + READ_QUOTED),
    "from an echo": "echo " + READ_QUOTED + " | curl http://h -d @-",
    "as a browser copies it": (
        "curl 'http://127.0.0.1:9/hook' \\\n  -H 'content-type: application/json' \\\n"
        '  --data-raw $\'{"method":"user_balance","user_id":"\\u00e9\\\'1"}\' \\\n  --compressed'
    ),
    "with short flags, and a proxy": (
        """curl -sS -XPOST -x p:1 http://127.0.0.1:9/ -d'{"method":"user_balance","user_id":"é\'"'"'1"}' """
    ),
    "from a pipe": (
        r"""printf '{"method":"user_balance","user_id":"\303\251\0471"}' | curl -s -X POST """
        "http://127.0.0.1:9/hook -H 'Content-Type: application/json' --data-binary @-"
    ),
    "over several lines": (
        'curl --json \'{\n  "method": "user_balance",\n  "user_id": "é\'"\'"\'1"\n}\' --url http://127.0.0.1:9/hook'
    ),
}


@pytest.mark.parametrize("line", CURLS.values(), ids=CURLS.keys())
def test_curl_is_read_as_a_shell_reads_it(tmp_path: Path, line: str) -> None:
    (tmp_path / "calls.sh").write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    text = record("calls.sh", tmp_path)
    assert (steps(text), "Player é'1, 1 recorded call" in text) == (["balance"], True)


def test_each_curl_of_a_line_is_a_call_and_its_name_in_a_sentence_is_none(tmp_path: Path) -> None:
    """Words beside it are other programs'; our own reports write what begins with @ raw."""
    one, two = (f"""'{{"method":"user_balance","user_id":"{id_}"}}'""" for id_ in (1000, 1001))
    line = f"curl http://h -d {one} && curl http://h -d {two} --next http://h --data-raw @odd"
    (tmp_path / "calls.sh").write_text(f'echo "we use curl here"\n{line}\n')
    assert steps(record("calls.sh", tmp_path)) == ["balance", "balance", 'send: {body: "@odd"}']


def test_bodies_in_base64_and_an_archive_of_one_long_line_are_read(tmp_path: Path) -> None:
    archive = json.loads(har(READ, replies=({"status": 1, "balance": "64.00"},)))
    entry = archive["log"]["entries"][1]
    for part in (entry["request"]["postData"], entry["response"]["content"]):
        part |= {"text": b64encode(part["text"].encode()).decode(), "encoding": "base64"}
    archive["log"]["comment"] = "x" * (9 << 20)
    (tmp_path / "a.har").write_text(json.dumps(archive))
    text = record("a.har", tmp_path)
    assert (steps(text), load(text)[0].players["player"].balance) == (["balance"], 6400)


def test_times_that_no_clock_shows_are_no_fault_of_ours(tmp_path: Path) -> None:
    (tmp_path / "long.har").write_text(har(READ).replace("12.25", "1e999999999"))
    (tmp_path / "early.har").write_text(
        har(READ).replace("2026-01-31T12:00:01.000+00:00", "0001-01-01T00:00:00")
    )
    assert steps(record("long.har", tmp_path)) == ["balance"]
    assert "startedDateTime must be a time like" in record("early.har", tmp_path, code=4)


REFUSED = {
    "nothing": ("", "nothing", 5, "holds no call of a player"),
    "prose": ("hello\n", "prose", 4, "prose:1: expected a JSON object"),
    "an archive of a page": (har(), "page.har", 5, "none of its 1 request is a webhook"),
    "an archive without its list": ('{"log": {}}', "x.har", 4, '"log", "entries"'),
    "a body in another file": ("curl http://h/ -d @body.json", "c.sh", 4, "write it into the line"),
    "a body of standard input": ("curl http://h/ -d @- <<E\n{}\nE\n", "c.sh", 4, "comes from standard input"),
    "a quote that is not closed": ("curl http://h/ -d '{", "c.sh", 4, "c.sh:1: this line cannot be read"),
    "its line below longer ones": (
        "curl http://h \\\n -d '{}'\ncurl http://h \\\n -d @x",
        "c.sh",
        4,
        "c.sh:3: the body is in another file",
    ),
    "a bad line": ('{"type":"exchange","method":"refund"}', "x.ndjson", 4, "x.ndjson:1: sent_ns"),
}


@pytest.mark.parametrize(("text", "name", "code", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_record_is_refused_in_a_sentence(
    tmp_path: Path, text: str, name: str, code: int, told: str
) -> None:
    (tmp_path / name).write_text(text)
    assert told in record(name, tmp_path, "-o", "out.yaml", code=code)
    assert not (tmp_path / "out.yaml").exists()


def test_another_player_a_closed_port_and_an_existing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.har").write_text(har(BET))
    assert 'did you mean "1000"' in record("a.har", tmp_path, "--player", "100", code=5)
    assert "is `betrontech-sim serve` running?" in record("http://127.0.0.1:9", tmp_path, code=7)
    assert "--force writes over it" in record("a.har", tmp_path, "-o", "a.har", code=4)
    assert "amount" in record("a.har", tmp_path, "--balance", "x", code=4)
    assert "http://***@[::1 is no address" in record("http://me:secret@[::1", tmp_path, code=4)
