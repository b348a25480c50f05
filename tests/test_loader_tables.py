"""Files of several scenarios, tables of cases, and steps that one file uses from another."""

from __future__ import annotations

import pytest

from scenario_texts import load, problems
from simulator.core.money import Money, Written
from simulator.core.steps import Bet, Resend, Send, Win
from simulator.scenario import shapes as draft

TABLE = """\
name: Bets around the balance
cases:
  below: {stake: 99.99, want: accepted}
  above:
    stake: 100.01
    want: refused
steps:
  - bet: {amount: "${stake}", expect: "${want}"}
"""


def test_a_table_makes_one_test_a_row() -> None:
    """Ids carry the row's name; a report points at the row."""
    below, above = load(TABLE, "scenarios/funds.yaml")
    assert (below.id, above.id) == ("scenarios/funds.yaml[below]", "scenarios/funds.yaml[above]")
    assert (below.name, above.name) == ("Bets around the balance [below]", "Bets around the balance [above]")
    assert [bet.amount for bet in (*below.steps, *above.steps) if isinstance(bet, Bet)] == [
        Written(Money(9999), "99.99"),
        Written(Money(10001), "100.01"),
    ]
    assert (below.place.line, above.place.line) == (3, 4)
    assert (below.row_lines, above.row_lines) == ((3, 3), (4, 6))
    assert below.steps[0].place.line == 8


def test_a_table_may_be_a_list() -> None:
    """Rows are then named by their `name`, or by number."""
    first, second = load("cases:\n  - {name: one, n: 1.00}\n  - {n: 2.00}\nsteps: [bet: '${n}']\n")
    assert (first.id, second.id) == ("x.yaml[one]", "x.yaml[2]")


def test_a_column_is_any_value() -> None:
    """Numbers, texts in quotes, mappings and lists keep what they are."""
    found = load(
        """
cases:
  number: {value: 1.10}
  text: {value: "1.10"}
  mapping: {value: {a: [1, null]}}
steps:
  - send: {json: {v: "${value}"}}
"""
    )
    bodies = [step.body for scenario in found for step in scenario.steps if isinstance(step, Send)]
    assert bodies == [b'{"v":1.10}', b'{"v":"1.10"}', b'{"v":{"a":[1,null]}}']


def test_a_column_is_a_whole_value() -> None:
    """There is no templating within text, and a slip is not sent as it stands."""
    (problem,) = problems("cases: {a: {n: 1}}\nsteps: [{send: {body: 'amount ${n}'}}]\n")
    assert problem.message.startswith("${n} stands within other text; a column is a whole value")


def test_a_column_that_a_row_lacks_is_told_once() -> None:
    """Not also as an amount that cannot be read."""
    (problem,) = problems("cases: {a: {n: 1.00}, b: {}}\nsteps: [bet: '${n}']\n")
    assert problem.message == '${n}: the row "b" has no column "n"'


def test_a_slip_in_a_row_is_told_at_the_row() -> None:
    """Not at the place where the column stands."""
    (problem,) = problems("cases:\n  a: {n: 1.005}\nsteps: [bet: '${n}']\n")
    assert (problem.place.line, problem.place.column) == (2, 10)


def test_a_slip_outside_the_columns_is_told_once_for_all_rows() -> None:
    """A table of a hundred rows does not tell it a hundred times."""
    rows = ", ".join(f"r{number}: {{n: 1.00}}" for number in range(100))
    (problem,) = problems(f"cases: {{{rows}}}\nsteps: [bet: '${{n}}', bte: 1.00]\n")
    assert 'unknown step "bte"' in problem.message


def test_placeholders_of_the_run_stay_in_rows() -> None:
    """`${run}` in a column reaches the step as it is."""
    (scenario,) = load(
        "cases: {a: {id: '${run}-x'}}\nsteps: [{bet: {amount: 1.00, raw: {transaction_id: '${id}'}}}]\n"
    )
    (step,) = scenario.steps
    assert isinstance(step, Bet)
    assert step.raw == {"transaction_id": "${run}-x"}


# --- several scenarios -----------------------------------------------------------------------------


def test_documents_are_scenarios_told_apart_by_name() -> None:
    """An empty document between two is none."""
    one, two = load("name: one\nsteps: [balance]\n---\n---\nname: two\nsteps: [balance]\n")
    assert (one.id, two.id) == ("x.yaml#one", "x.yaml#two")
    assert (one.lines, two.lines) == ((1, 4), (5, 6))


def test_scenarios_of_one_file_need_names_of_their_own() -> None:
    """Else a report could not tell which."""
    found = problems("name: one\nsteps: [balance]\n---\nsteps: [balance]\n---\nname: one\nsteps: [balance]\n")
    assert [(problem.place.line, problem.message) for problem in found] == [
        (4, 'one of several scenarios needs a "name"'),
        (6, 'another scenario of this file is named "one"'),
    ]


# --- use -------------------------------------------------------------------------------------------

DEPOSIT = """\
name: deposit
steps:
  - bet: {amount: 0.01, id: b1}
  - win: {amount: "${amount}", player: "${who}"}
  - resend: b1
"""


def test_used_steps_stand_where_they_are_used() -> None:
    """With their values, their places in their own file, and labels behind the file's name."""
    (scenario,) = load(
        """
players: {guest: }
steps:
  - use: {file: shared/deposit.yaml, with: {amount: 5.00, who: guest}}
  - use: {file: shared/deposit.yaml, with: {amount: 6.00, who: player}}
  - resend: deposit.b1
""",
        "suite/x.yaml",
        suite__shared__deposit_yaml=DEPOSIT,
    )
    first, win, again, second, *_, last = scenario.steps
    assert isinstance(first, Bet)
    assert isinstance(second, Bet)
    assert (first.label, second.label) == ("deposit.b1", "deposit2.b1")
    assert first.place.file == "suite/shared/deposit.yaml"
    assert scenario.source_of(first.place.file) == tuple(DEPOSIT.splitlines())
    assert isinstance(win, Win)
    assert (win.amount, win.player) == (Written(Money(500), "5.00"), "guest")
    assert isinstance(again, Resend)
    assert isinstance(last, Resend)
    assert again.of == last.of == "deposit.b1"


def test_one_of_several_scenarios_is_used_by_its_name() -> None:
    """Also of the same file."""
    text = "name: main\nsteps: [use: '#part']\n---\nname: part\nsteps: [balance]\n"
    main, part = load(text)
    assert main.steps == part.steps


USES = {
    "no such file": ("use: none.yaml", "none.yaml cannot be read: No such file or directory"),
    "which of them": ("use: two.yaml", "two.yaml holds 2 scenarios; add which: #one"),
    "misspelt name": (
        "use: 'two.yaml#tow'",
        'two.yaml has no scenario named "tow"; did you mean "two"?',
    ),
    "nothing in it": ("use: empty.yaml", "empty.yaml holds no scenario that can be used"),
    "itself": ("use: x.yaml", "x.yaml uses itself"),
    "label of a used step": (
        "use: {file: deposit.yaml, with: {who: player, amount: 1.00}}}, {resend: Deposit.b1",
        'no step is called "Deposit.b1"; did you mean "deposit.b1"?',
    ),
    "each other": ("use: back.yaml", "x.yaml uses itself"),
    "missing column": (
        "use: {file: deposit.yaml, with: {who: player}}",
        '${amount}: with has no column "amount"; valid: who',
    ),
    "column too many": (
        "use: {file: deposit.yaml, with: {who: player, amount: 1.00, nope: 1}}",
        'no value is ${nope}; the column "nope" is used nowhere',
    ),
    "no file": ("use: {with: {}}", 'use needs "file"'),
}  # fmt: skip


@pytest.mark.parametrize(("step", "expected"), USES.values(), ids=USES)
def test_a_use_that_cannot_be_meant_is_told(step: str, expected: str) -> None:
    """What is used is read as strictly as what uses it."""
    found = problems(
        f"steps: [{{{step}}}]\n",
        two_yaml="name: one\nsteps: [balance]\n---\nname: two\nsteps: [balance]\n",
        empty_yaml="# nothing\n",
        back_yaml="steps: [use: x.yaml]\n",
        deposit_yaml=DEPOSIT,
    )
    assert expected in [problem.message for problem in found]


def test_a_wrong_value_is_told_where_it_is_given() -> None:
    """The file that is used is right; the one that uses it is wrong."""
    (problem,) = problems(
        "steps:\n  - use: {file: deposit.yaml, with: {amount: 1.005, who: player}}\n", deposit_yaml=DEPOSIT
    )
    assert (problem.place.file, problem.place.line, problem.place.column) == ("x.yaml", 2, 46)


def test_a_slip_in_a_used_file_is_told_there() -> None:
    """In its own frame."""
    (problem,) = problems("steps: [use: y.yaml]\n", y_yaml="steps:\n  - bte: 1.00\n")
    assert (problem.place.file, problem.source_line) == ("y.yaml", "  - bte: 1.00")


def test_files_that_use_each_other_again_and_again_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file uses the next one twice: a million steps of a few lines are over the limit."""
    monkeypatch.setattr(draft, "STEPS_MAX", 10_000)
    files = {
        f"f{number}_yaml": f"steps: [use: f{number + 1}.yaml, use: f{number + 1}.yaml]"
        for number in range(18)
    }
    found = problems("steps: [use: f0.yaml]", f18_yaml="steps: [balance]", **files)
    assert any("a file holds at most" in problem.message for problem in found)
