"""What a mistake costs an author: one answer, at its place, with its cause and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenario_texts import problems
from simulator.scenario.files import Loaded

MISTAKES: dict[str, tuple[str, str, str, str]] = {
    # what was broken: (the file, what the caret underlines, the cause, the cure)
    "a misspelt key": (
        "steps:\n  - bet: {amuont: 5.00, id: b1}\n  - refund: b1\n  - win: x2\n",
        *("amuont", "unknown key", 'did you mean "amount"?'),
    ),
    "a misspelt step": (
        "steps:\n  - bte: {amount: 1.00, id: b1}\n  - refund: b1\n  - resend: last\n  - win: x2\n",
        *("bte", "unknown step", 'did you mean "bet"?'),
    ),
    "a misspelt key of the scenario": (
        "step:\n  - bet: 1.00\n",
        *("step", "unknown key", 'did you mean "steps"?'),
    ),
    "a misspelt player": (
        "players: {guest: {}}\nsteps:\n  - bet: {amount: 1.00, player: gest}\n",
        *("gest", "unknown player", 'did you mean "guest"?'),
    ),
    "a misspelt key of a player": (
        "players: {guest: {balnce: 5.00}}\nsteps:\n  - bet: {amount: 1.00, player: guest}\n",
        *("balnce", "unknown key", 'did you mean "balance"?'),
    ),
    "a label that is taken": (
        "steps:\n  - bet: {amount: 5.00, id: b1}\n  - win: {amount: 5.00, id: b1}\n  - resend: b1\n",
        *("b1", "is taken by the bet of line 2", "choose another"),
    ),
    "a label that no step has": (
        "steps:\n  - bet: {amount: 5.00, id: first}\n  - refund: frist\n",
        *("frist", "no step is called", 'did you mean "first"?'),
    ),
    "an amount for a label": (
        "steps:\n  - bet: 5.00\n  - refund: 5.00\n",
        *("5.00", "it names a step by its id, not by an amount", "then refund: b1"),
    ),
    "a refund of a refund": (
        "steps:\n  - bet: {amount: 5.00, id: b1}\n  - refund: {of: b1, id: r1}\n  - refund: r1\n",
        *("r1", "is a refund", "what can be refunded is a bet"),
    ),
    "a resend before its step": (
        "steps:\n  - resend: b1\n  - bet: {amount: 5.00, id: b1}\n",
        *("b1", "resend of a later step", "stands on line 3"),
    ),
    "an outcome that no right wallet has": (
        "steps:\n  - bet: {amount: 500.00, id: b1, expect: accepted}\n  - refund: b1\n",
        *("accepted", "contradicts the ledger", "can only be refused here (100.00)"),
    ),
    "a balance that no right wallet has": (
        "steps:\n  - bet: {amount: 5.00, expect: {outcome: accepted, balance: 90.00}}\n  - balance: 85.00\n",
        *("90.00", "contradicts the ledger", "it holds 95.00 here"),
    ),
    "a read that no right wallet answers": (
        "steps:\n  - balance: 90.00\n",
        *("90.00", "contradicts the ledger", "it holds 100.00 here"),
    ),
    "a mapping for the list of steps": (
        "steps:\n  bet: 5.00\n  win: 6.00\n",
        *("bet: 5.00", "expected a list of steps", 'such as "- bet: …"'),
    ),
    "a mapping for the list of parallel": (
        "steps:\n  - parallel: {bet: {amount: 5.00, id: b1}, win: 5.00}\n  - refund: b1\n",
        *("{bet: {amount: 5.00, id: b1}, win: 5.00}", "expected a list of steps", 'such as "- bet: …"'),
    ),
    "a list for repeat": (
        "steps:\n  - repeat:\n      - bet: 1.00\n",
        *("- bet: 1.00", "repeat needs a mapping of times, steps", "this list belongs under its steps:"),
    ),
    "a step beside its dash": (
        "steps:\n  - bet: 5.00\n    win: 6.00\n",
        *("win", "a step has one key", 'begin "win" with a dash of its own'),
    ),
    "a key beside its step": (
        "steps:\n  - bet: 5.00\n    id: b1\n",
        *("id", "a step has one key", "bet: {amount: …, id: …}"),
    ),
    "a key with a dash": (
        "steps:\n  - bet: 1.00\n  - expect: accepted\n",
        *("expect", "unknown step", "it is a key of a step: bet: {…, expect: …}"),
    ),
    "a colon that is missing": (
        "steps:\n  - bet 5.00\n",
        *("bet 5.00", "a colon is missing", 'write "bet: 5.00"'),
    ),
    "a word of another tool": (
        "steps:\n  - set: {balance: 50.00}\n  - bet: 1.00\n",
        *("set", "unknown step", "player: {balance: 50.00}"),
    ),
    "a condition": (
        "steps:\n  - if: {balance: 5.00}\n    then: [bet: 1.00]\n",
        *("if", "unknown step", "expect: either"),
    ),
    "a field of the reply among what is expected": (
        "steps:\n  - bet: {amount: 5.00, expect: {status: 1}}\n",
        *("status", "unknown key", "body: {status: 1}"),
    ),
    "a win that names its bet": (
        "steps:\n  - bet: {amount: 5.00, id: b1}\n  - win: {amount: 5.00, of: b1}\n",
        *("of", "unknown key", "a win names no bet"),
    ),
    "a fault with several keys": (
        "steps:\n  - bet: {amount: 5.00, fault: {kind: delay, ms: 300}}\n",
        *("{kind: delay, ms: 300}", "fault has one key", "{delay: 500ms}"),
    ),
    "a fault by its kind": (
        "steps:\n  - bet: {amount: 5.00, fault: {kind: reset}}\n",
        *("kind", "unknown key", "a fault is one word"),
    ),
    "a column without braces": (
        "steps:\n  - bet: $amount\n",
        *("$amount", "is not an amount", "a column is written ${amount}"),
    ),
    "a list of players": (
        "players: [alice, bob]\nsteps: [balance]\n",
        *("[alice, bob]", "expected a mapping of names", "such as {guest: {}}"),
    ),
    "steps without their key": (
        "- bet: 5.00\n- balance\n",
        *("- bet: 5.00", "a scenario is a mapping with steps", 'write "steps:" above it'),
    ),
    "a comma that is missing": (
        "steps:\n  - bet: {amount: 5.00 id: b1}\n",
        *(":", "not valid YAML", "a comma is missing"),
    ),
    "a colon that the line above lacks": (
        "name A bet\nsteps: [balance]\n",
        *(":", "not valid YAML", "a missing colon in the one above"),
    ),
    "a label where no step has one": (
        "steps:\n  - bet: 5.00\n  - refund: b1\n",
        *("b1", "no step has an id", "bet: {amount: 10.00, id: b1}"),
    ),
    "a word of a bank": (
        "steps:\n  - withdraw: 5.00\n",
        *("withdraw", "unknown step", "money is taken by bet: 10.00"),
    ),
    "a comma in an amount": (
        "steps:\n  - bet: 5,00\n",
        *("5,00", "is not an amount", "write it like 10.00"),
    ),
    "a comma in an amount in braces": (
        "steps:\n  - bet: {amount: 5,00, id: b1}\n  - refund: b1\n",
        *("00", "unknown key", "amounts have a point, as in 5.00"),
    ),
    "three decimals": (
        "steps:\n  - bet: 1.005\n",
        *("1.005", "has 3 decimals", "money has two"),
    ),
    "a negative amount": (
        "steps:\n  - bet: -5.00\n",
        *("-5.00", "must be at least 0.00", 'raw: {amount: "-5.00"}'),
    ),
    "a balance for an outcome": (
        "steps:\n  - bet: {amount: 5.00, expect: 95.00}\n",
        *("95.00", "is no outcome", "write expect: {balance: 95.00}"),
    ),
    "a status for an outcome": (
        "steps:\n  - bet: {amount: 5.00, expect: 200}\n",
        *("200", "is no outcome", "write expect: {http: 200}"),
    ),
    "a user id for a player": (
        "player: 1000\nsteps: [balance]\n",
        *("1000", "a player is written {balance: 100.00}", "--player"),
    ),
    "a balance for a player": (
        "players: {bob: 50.00}\nsteps: [balance]\n",
        *("50.00", "a player is a mapping", "write {balance: 50.00}"),
    ),
    "a text that is sent": (
        "steps:\n  - send: '{'\n",
        *("'{'", "a text to send is its body", "write send: {body: …}"),
    ),
    "a label for an amount": (
        "steps:\n  - bet: {amount: 10.00, id: b1}\n  - bet: b1\n",
        *("b1", "is not an amount", "a call that is sent again is resend: b1"),
    ),
    "a comparison within the body": (
        "steps:\n  - bet: {amount: 1.00, expect: {body: {error: {contains: FUNDS}}}}\n",
        *("{contains: FUNDS}", "body compares whole values", "write contains: {error: …} beside it"),
    ),
    "a captured value for an amount": (
        "steps:\n  - bet: {amount: 1.00, capture: {b: balance}}\n  - balance: ${b}\n",
        *(
            "${b}",
            "is captured by the run",
            "can stand in body, contains, headers, json, raw, transaction_id only",
        ),
    ),
    "a duration without a unit": (
        "steps:\n  - wait: 5\n",
        *("5", "has no unit", "write 5s or 5ms"),
    ),
    "a file that is not there": (
        "steps:\n  - use: {file: _depsoit.yaml, with: {a: 1}}\n  - refund: depsoit.b1\n",
        *("_depsoit.yaml", "cannot be read", "No such file or directory"),
    ),
    "a column of a use that is misspelt": (
        "steps:\n  - use: {file: _used.yaml, with: {amuont: 5.00}}\n  - resend: used.b1\n",
        *("5.00", "has no ${amuont}", 'did you mean "amount"?'),
    ),
    "a column that is misspelt": (
        'cases: {a: {stake: 1.00}}\nsteps:\n  - bet: "${steak}"\n',
        *('"${steak}"', "has no column", 'did you mean "stake"?'),
    ),
    "a column within a text": (
        'name: Bet of ${x}\ncases: {a: {x: 1.00}}\nsteps:\n  - bet: "${x}"\n',
        *("Bet of ${x}", "stands within other text", "give each row the whole text"),
    ),
    "an id that is the same in every run": (
        "steps:\n  - bet: {amount: 1.00, raw: {transaction_id: abc}}\n",
        *("abc", "is the same in every run", 'write "${run}-abc"'),
    ),
    "a rule that is not there": (
        "covers: [IDE-1]\nsteps: [balance]\n",
        *("IDE-1", "no rule has the id", 'did you mean "IDE-01"?'),
    ),
    "wrong indentation": (
        "steps:\n  - bet: 5.00\n - win: 6.00\n",
        *("-", "not valid YAML", "look at the indentation of this line and the one above"),
    ),
    "a bracket that is not closed": (
        "steps:\n  - bet: {amount: 5.00\n  - win: 6.00\n",
        *(":", "not valid YAML", "a bracket that begins in a line above is not closed"),
    ),
    "a colon in a name": (
        "name: Refund: twice\nsteps: [balance]\n",
        *(":", "not valid YAML", 'text with ": " in it needs quotes'),
    ),
    "a tab": (
        "steps:\n\t- bet: 5.00\n",
        *("\t", "not valid YAML", "YAML indents with spaces"),
    ),
}

USED = 'steps:\n  - bet: {amount: "${amount}", id: b1}\n'


@pytest.mark.parametrize(("text", "marked", "cause", "cure"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_has_one_answer_with_its_place_its_cause_and_its_cure(
    text: str, marked: str, cause: str, cure: str
) -> None:
    """What refers to a step that cannot be read is no second mistake."""
    (found,) = problems(text, _used_yaml=USED)
    line, place = found.source_line or "", found.place
    assert line[place.column - 1 :][: place.width] == marked
    assert cause in found.message
    assert cure in found.message


def test_a_misspelt_file_is_named_as_it_is_called(tmp_path: Path) -> None:
    """The nearest name in its folder."""
    (tmp_path / "_deposit.yaml").write_text("steps: [balance]\n")
    (tmp_path / "x.yaml").write_text("steps:\n  - use: _depsoit.yaml\n")
    (found,) = Loaded([str(tmp_path / "x.yaml")]).problems
    assert found.message.endswith('did you mean "_deposit.yaml"?')
