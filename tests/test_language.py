"""What authors expect of replies, and say once for a scenario, a use or a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import in_process
from scenario_texts import load, problems, step_problems
from simulator.core.calls import FaultKind
from simulator.core.steps import Bet
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.scenario.fault_matrix import fault_matrix
from small_wallet import SmallWallet, serving


def told(folder: Path, text: str, code: int, *flags: str) -> str:
    """What a run of a scenario against the example wallet prints."""
    (folder / "x.yaml").write_text(text, "utf-8")
    with OperatorServer(OperatorSettings(opening_balance="100.00")) as operator:
        where = ("--endpoint", operator.endpoint, "--player", "1000", "--player", "1001")
        done = in_process("run", "x.yaml", *where, *flags, folder=folder)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


HELD = [
    "contains: balance",
    "contains: {balance: '.00'}",
    "matches: '^\\{.*\\}$'",
    "matches: {balance: '^\\d+\\.\\d\\d$', status: '^1$'}",
    "absent: debug",
    "absent: [debug, balance.currency]",
    "headers: {content-type: application/json}",
    "headers: {Content-Type: {contains: json, matches: '^application/'}, X-Powered-By: {absent: true}}",
    "{outcome: accepted, http: 200, body: {status: 1}, headers: {Content-Type: {matches: json}}}",
]


def test_what_a_reply_has_is_met(tmp_path: Path) -> None:
    """Texts, patterns, missing fields and headers, of the body and of its fields."""
    steps = "".join(f"  - bet: {{amount: 1.00, expect: {_braced(each)}}}\n" for each in HELD)
    told(tmp_path, f"steps:\n{steps}", 0)


def _braced(expected: str) -> str:
    return expected if expected.startswith("{") else f"{{{expected}}}"


BROKEN = {
    "contains: FUNDS": 'expected the body to contain "FUNDS", found "{',
    "contains: {balance: '7'}": 'expected the field "balance" to contain "7", found "99.00"',
    "contains: {blance: '9'}": 'expected the field "blance", and the reply has none',
    "matches: {status: '^0$'}": 'expected the field "status" to match "^0$", found "1"',
    "absent: [balance]": 'expected no field "balance", found "99.00"',
    "headers: {content-type: text/html}": 'content-type to be "text/html", found "application/json"',
    "headers: {X-Id: {matches: .}}": "expected the header X-Id, and the reply has none",
    "headers: {Content-Type: {absent: true}}": 'expected no header Content-Type, found "application/json"',
}


@pytest.mark.parametrize(("expected", "sentence"), BROKEN.items(), ids=BROKEN.keys())
def test_what_a_reply_has_not_is_told_with_what_it_has(tmp_path: Path, expected: str, sentence: str) -> None:
    assert sentence in told(tmp_path, f"steps:\n  - bet: {{amount: 1.00, expect: {{{expected}}}}}\n", 1)


def test_what_is_captured_stands_in_later_steps(tmp_path: Path) -> None:
    """In bodies and in what is expected."""
    text = """\
steps:
  - balance: {capture: {before: balance}}
  - details: {capture: user_id}
  - bet: {amount: 1.00, capture: {after: balance}}
  - send:
      json: {method: user_balance, user_id: "${user_id}"}
      expect: {body: {balance: "${after}"}, contains: "${after}"}
  - win: {amount: 1.00, expect: {body: {balance: "${before}"}}}
"""
    told(tmp_path, text, 0)
    swapped = text.replace('body: {balance: "${before}"}', 'body: {balance: "${after}"}')
    assert 'expected the body to contain {"balance":"99.00"}' in told(tmp_path, swapped, 1)


class Quoting(SmallWallet):
    """Gives each player a name with quotes in it, and keeps what it is told about it."""

    def details(self, player: str) -> dict[str, object]:
        return {**super().details(player), "name_jogador": 'A "B" \\ C'}

    def call(self, fields: dict[str, object]) -> dict[str, object]:
        if "seen" in fields:
            self.seen = fields["seen"]
        return super().call(fields)


def test_what_is_captured_is_the_same_text_in_json(tmp_path: Path) -> None:
    """Whatever quotes it holds."""
    (tmp_path / "x.yaml").write_text(
        "steps:\n  - details: {capture: {name: name_jogador}}\n"
        '  - send: {json: {method: user_balance, user_id: "${player}", seen: "${name}"}, expect: accepted}\n'
    )
    wallet = Quoting()
    with serving(wallet) as endpoint:
        done = in_process("run", "x.yaml", "--endpoint", endpoint, "--player", "1000", folder=tmp_path)
    assert (done.returncode, wallet.seen) == (0, 'A "B" \\ C'), done.stdout


def test_a_reply_without_the_field_fails_and_later_steps_say_why(tmp_path: Path) -> None:
    text = 'steps:\n  - bet: {amount: 1.00, capture: {ref: data.ref}}\n  - send: {body: "${ref}"}\n'
    shown = told(tmp_path, text, 1, "--report", "json:r.json")
    assert 'expected the field "data.ref" to capture, the reply has none' in shown
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["scenarios"][0]["outcome"] == "failed"


def test_faults_leave_what_is_captured_alone(tmp_path: Path) -> None:
    """A cell for each money step that captures nothing, and no timeout."""
    text = """\
timeout: 30s
steps:
  - bet: {amount: 1.00, capture: {b: balance}}
  - win: 1.00
  - send: {json: {method: user_balance, user_id: "${player}", seen: "${b}"}}
"""
    assert "3 passed" in told(tmp_path, text, 0, "--faults", "lost_reply,timeout")
    limits = [each.timeout_ns for each in fault_matrix(load(text), [FaultKind.LOST_REPLY])]
    assert limits == [30_000_000_000, None]


def test_a_dry_run_knows_no_reply(tmp_path: Path) -> None:
    """A step that needs one is unclear; what is expected of replies is shown."""
    (tmp_path / "x.yaml").write_text(
        "steps:\n  - balance: {capture: {b: balance}, expect: {contains: 1, headers: {X: {absent: true}}}}\n"
        '  - send: {body: "${b}"}\n'
    )
    shown = in_process("check", "--show", "x.yaml", folder=tmp_path).stdout
    assert "expect body contains 1, header X absent, capture b" in shown
    assert "unclear" in shown
    assert "${b} is what your wallet replies" in shown


SLIPS = {
    "a misspelt key": (
        "- bet: {amount: 1, expect: {contians: x}}",
        '1:29 unknown key "contians" in expect; did you mean',
    ),
    "no regular expression": (
        "- bet: {amount: 1, expect: {matches: '('}}",
        '1:38 "(" is no regular expression: ',
    ),
    "an empty text": (
        '- bet: {amount: 1, expect: {contains: ""}}',
        "1:39 the text is empty, and every text contains it",
    ),
    "a header of two kinds": (
        "- bet: {amount: 1, expect: {headers: {A: [b]}}}",
        "1:42 a header is its value, or a",
    ),
    "a misspelt comparison": (
        "- bet: {amount: 1, expect: {headers: {A: {contain: b}}}}",
        '1:43 unknown key "contain" in a header; did you mean "contains"?',
    ),
    "no name": (
        "- balance: {capture: {a-b: balance}}",
        '1:23 "a-b" cannot name what is captured; use letters',
    ),
    "a name with a meaning": (
        "- balance: {capture: {run: balance}}",
        "1:23 ${run} has a meaning already; choose",
    ),
    "a misspelt capture": (
        '- balance: {capture: {before: balance}}\n- send: {body: "${befor}"}',
        '2:16 ${befor}: the scenario has no column "befor"; did you mean "before"?',
    ),
    "captured later": (
        '- send: {body: "${b}"}\n- balance: {capture: {b: balance}}',
        "1:3 ${b} is captured by a later step only",
    ),
    "in parallel": (
        "- parallel: [balance: {capture: {b: balance}}]",
        "1:14 nothing can be captured inside parallel: your wallet decides the order",
    ),
    "a reply that is not read": (
        "- bet: {amount: 1, fault: lost_reply, capture: {b: balance}}",
        "1:48 nothing can be captured: lost_reply keeps the reply from being read",
    ),
    "a name that is taken": (
        "- balance: {capture: balance}",
        "1:22 ${balance} has a meaning already; choose another name: capture: {my_",
    ),
    "an amount": (
        "- balance: {capture: b}\n- bet: ${b}",
        "2:8 ${b} is captured by the run, and can stand in body,",
    ),
}


@pytest.mark.parametrize(("text", "problem"), SLIPS.values(), ids=SLIPS.keys())
def test_a_slip_in_them_is_told_in_its_place(text: str, problem: str) -> None:
    """Once, and nothing that follows from it."""
    (found,) = step_problems(text)
    assert found.startswith(problem), found


# --- once for all ---------------------------------------------------------------------------------


def amounts(text: str, **files: str) -> list[int]:
    return [
        int(step.amount.money)  # type: ignore[union-attr]
        for scenario in load(text, **files)
        for step in scenario.steps
        if isinstance(step, Bet)
    ]


USED = "defaults: {stake: 2.00}\nsteps: [{bet: '${stake}'}]\n"


def test_defaults_stand_where_nothing_else_is_given() -> None:
    """In the file itself, in a row without the column, and in a use."""
    assert amounts(USED) == [200]
    assert amounts("defaults: {n: 1}\ncases: {a: {}, b: {n: 3}}\nsteps: [bet: '${n}']\n") == [100, 300]
    uses = "steps:\n  - use: _u.yaml\n  - use: {file: _u.yaml, with: {stake: 5.00}}\n"
    assert amounts(uses, _u_yaml=USED) == [200, 500]


def test_a_default_that_nothing_uses_and_one_that_does_not_fit_are_told() -> None:
    (unused,) = problems("defaults: {n: 1}\nsteps: [balance]\n")
    assert 'the column "n" is used nowhere' in unused.message
    (unfit,) = problems("defaults: {n: one}\nsteps: [{bet: '${n}'}]\n")
    assert (unfit.place.line, unfit.place.column, '"one" is not an amount' in unfit.message) == (1, 15, True)


def test_a_timeout_fails_a_scenario_that_takes_longer_and_ends_it(tmp_path: Path) -> None:
    """What stands under finally is still sent."""
    text = "timeout: 1ms\nsteps: [wait: 20ms, bet: 1.00, bet: 2.00, bet: 4.00]\nfinally: [bet: 8.00]\n"
    shown = told(tmp_path, text, 1, "-j1", "--report", "ndjson:r.ndjson")
    assert "the scenario has taken 0." in shown
    assert "its timeout is 0.001 s" in shown
    lines = map(json.loads, (tmp_path / "r.ndjson").read_text().splitlines())
    bets = [
        each["amount"] for each in lines if each.get("label") != "preflight" and each.get("purpose") == "step"
    ]
    assert bets == ["8.00"]
    told(tmp_path, "timeout: 30s\nsteps: [bet: 1.00]\n", 0)


def test_a_folders_tags_are_those_of_all_scenarios_below(tmp_path: Path) -> None:
    """Wherever the path begins; the file itself is none of them."""
    deep = tmp_path / "suite" / "refunds" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "suite" / "_folder.yaml").write_text("tags: [nightly]\n")
    (tmp_path / "suite" / "refunds" / "_folder.yaml").write_text("tags: [money]\n")
    (deep / "a.yaml").write_text("tags: [own]\nsteps: [balance]\n")
    (tmp_path / "suite" / "b.yaml").write_text("steps: [balance]\n")
    shown = in_process("list", "suite", folder=tmp_path).stdout
    assert "industry  #own  #money  #nightly" in shown
    assert "industry  #nightly" in shown
    assert "#nightly" in in_process("list", "a.yaml", "-t", "money", folder=deep).stdout
    (tmp_path / "suite" / "_folder.yaml").write_text("tgas: [nightly]\n")
    done = in_process("check", "suite", folder=tmp_path)
    assert (
        'suite/_folder.yaml:1:1: unknown key "tgas" in the file of a folder; did you mean "tags"?'
        in done.stdout
    )
    assert "1 problem in 1 file" in done.stdout
