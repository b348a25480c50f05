"""What an author can get wrong in a scenario: each slip is told at its place, with what was meant."""

from __future__ import annotations

import pytest

from scenario_texts import load, problems, step_problems
from simulator.scenario.yaml import PROBLEMS_MAX, SHOWN_MAX, ScenarioFileError

STEP_SLIPS = {
    "misspelt key": (
        "- bet: {amuont: 10.00}",
        '1:9 unknown key "amuont" in bet; did you mean "amount"?',
    ),
    "misspelt step": ("- bte: 1.00", '1:3 unknown step "bte"; did you mean "bet"?'),
    "nothing like a step": (
        "- 7",
        '1:3 unknown step "7"; valid: details, balance, bet, win, refund, resend, round, play, parallel, '
        "repeat, send, restart, block, wait, use",
    ),
    "duplicate key": ("- bet: {amount: 1.00, amount: 2.00}", '1:23 duplicate key "amount" in bet'),
    "missing key": ("- bet: {id: b1}", '1:3 bet needs "amount"'),
    "missing value": ("- bet: {amount: }", '1:9 "amount" has no value'),
    "bare bet": ("- bet", '1:3 bet needs its "amount" or a mapping of amount, id, game, player, fault, '
                          "expect, within, capture, raw, omit"),
    "a field beside its step": (
        "- bet: 1.00\n  fault: reset",
        '2:3 a step has one key; write "fault" inside: bet: {amount: …, fault: …}',
    ),
    "two steps in one": (
        "- bet: 1.00\n  win: 2.00",
        '2:3 a step has one key; begin "win" with a dash of its own',
    ),
    "a list as a step": ("- [bet]", "1:3 a step is written `kind: value`; found a list"),
    "a list as a kind": ("- {[bet]: 1.00}", "1:4 the kind of a step is one word; found a list"),
    "a mapping for an amount": ("- bet: {amount: {a: 1}}", "1:17 expected an amount, found a mapping"),
    "a list for a bet": (
        "- bet: [1.00]",
        '1:8 bet needs its "amount" or a mapping of amount, id, game, player, fault, expect, within, '
        "capture, raw, omit; found a list",
    ),
    "three decimals": (
        "- bet: 10.005",
        '1:8 "10.005" has 3 decimals; money has two, rounding hides cents',
    ),
    "negative amount": (
        "- bet: -5.00",
        '1:8 amount must be at least 0.00, found "-5.00"; to send it all the same, replace the value: '
        'raw: {amount: "-5.00"}',
    ),
    "hexadecimal amount": (
        "- bet: 0x10",
        '1:8 "0x10" is not an amount; write it like 10.00, x2.40, ~5.00, 0.10..5.00, all, all+0.01',
    ),
    "grouped amount": (
        "- win: 1_000",
        '1:8 "1_000" is not an amount; write it like 10.00, x2.40, ~5.00, 0.10..5.00, all',
    ),
    "exponent": (
        "- balance: 1e3",
        '1:12 "1e3" is not an amount; write it like 10.00',
    ),
    "clock time": (
        "- bet: 12:30",
        '1:8 "12:30" is not an amount; write it like 10.00, x2.40, ~5.00, 0.10..5.00, all, all+0.01',
    ),
    "range backwards": (
        "- bet: 5.00..1.00",
        '1:8 "5.00..1.00" runs backwards: 5.00 is more than the end',
    ),
    "no more than all": ("- bet: all+0.00", '1:8 "all+0.00" is no more than all; write all'),
    "win of more than the limit": (
        "- win: limit+0.01",
        '1:8 "limit+0.01" can only be the amount of a bet',
    ),
    "limit and no more": ("- bet: limit+0.00", '1:8 "limit+0.00" is no more than limit; write limit'),
    "refund of the limit": (
        "- bet: {amount: 1.00, id: b}\n- refund: {of: b, amount: limit}",
        '2:27 "limit" cannot stand here; only a bet or a win is of your wallet\'s limit',
    ),
    "win of more than all": ("- win: all+0.01", '1:8 "all+0.01" can only be the amount of a bet'),
    "refund of all": (
        "- refund: {transaction_id: x, amount: all}",
        '1:39 "all" cannot stand here; only a bet or a win is of all the player has',
    ),
    "multiple of no bet": (
        "- win: x2.00",
        '1:8 "x2.00" is a multiple of the last bet, and no bet stands before',
    ),
    "unit forgotten": ("- wait: 3", '1:9 "3" has no unit; write 3s or 3ms'),
    "no duration": ("- wait: soon", '1:9 "soon" is not a duration; write it like 250ms, 3s or 2m'),
    "too long a wait": ("- wait: 9999m", '1:9 "9999m" is longer than a day'),
    "restart with a value": ("- restart: now", '1:12 restart takes no value; found "now"'),
    "misspelt word": (
        "- bet: {amount: 1.00, expect: acepted}",
        '1:31 unknown word "acepted"; did you mean "accepted"?',
    ),
    "misspelt fault": (
        "- bet: {amount: 1.00, fault: lost_replay}",
        '1:30 unknown word "lost_replay"; did you mean "lost_reply"?',
    ),
    "delay without its time": (
        "- bet: {amount: 1.00, fault: delay}",
        "1:30 delay needs its time: {delay: 500ms}",
    ),
    "misspelt label": (
        "- bet: {amount: 1.00, id: first}\n- resend: frist",
        '2:11 no step is called "frist"; did you mean "first"?',
    ),
    "no label at all": (
        "- bet: 1.00\n- refund: b1",
        '2:11 no step is called "b1"; no step has an id: write bet: {amount: 10.00, id: b1}',
    ),
    "misspelt last": (
        "- bet: {amount: 1.00, id: b1}\n- resend: lst",
        '2:11 no step is called "lst"; did you mean "last"?',
    ),
    "a step without its colon": ("- bet 10.00", '1:3 a colon is missing: write "bet: 10.00"'),
    "a dash alone": ("- balance\n-", "2:2 a dash without a step after it"),
    "label by line": (
        "- bet: 1.00\n- resend: bet@2",
        '2:11 "bet@2" is no label; give the step that you mean an id',
    ),
    "resend of a later step": (
        "- resend: b1\n- bet: {amount: 1.00, id: b1}",
        '1:11 resend of a later step: "b1" stands on line 3',
    ),
    "last of nothing": (
        "- balance\n- resend: last",
        "2:11 no bet, win or refund stands before; there is nothing to send again",
    ),
    "label taken": (
        "- bet: {amount: 1.00, id: b1}\n- win: {amount: 1.00, id: b1}",
        '2:27 the label "b1" is taken by the bet of line 2; choose another',
    ),
    "label named last": (
        "- bet: {amount: 1.00, id: last}",
        '1:27 "last" means the step before; choose another label',
    ),
    "label with blanks": (
        "- bet: {amount: 1.00, id: my bet}",
        '1:27 "my bet" is no label; use up to 40 letters, digits, "_" and "-"',
    ),
    "refund of a refund": (
        "- bet: {amount: 1.00, id: b}\n- refund: {of: b, id: r}\n- refund: r",
        '3:11 "r" is a refund; what can be refunded is a bet',
    ),
    "refund of two things": (
        "- bet: {amount: 1.00, id: b}\n- refund: {of: b, transaction_id: x}",
        '2:11 refund needs either "of" or "transaction_id"; both are there',
    ),
    "refund of nothing": (
        "- refund: {amount: 1.00}",
        '1:11 refund needs either "of" or "transaction_id"; neither is there',
    ),
    "refund of an unknown id without an amount": (
        "- refund: {transaction_id: x}",
        '1:11 refund of a transaction_id that no step has needs "amount"',
    ),
    "unknown player": (
        "- balance: {player: gost}",
        '1:21 unknown player "gost"; name it under players:',
    ),
    "raw of no field": (
        "- bet: {amount: 1.00, raw: {amont: 1}}",
        '1:29 transaction_bet has no field "amont"; did you mean "amount"?',
    ),
    "raw of another method's field": (
        "- refund: {transaction_id: x, amount: 1.00, raw: {game_id: 1}}",
        '1:51 refund has no field "game_id"; valid: method, user_id, amount, transaction_id',
    ),
    "omit of no field": (
        "- bet: {amount: 1.00, omit: [balance]}",
        '1:30 unknown word "balance"; valid: method, user_id, amount, transaction_id, game_id',
    ),
    "replaced and left out": (
        "- bet: {amount: 1.00, raw: {amount: 1}, omit: [amount]}",
        '1:8 "amount" is both replaced by raw and left out by omit',
    ),
    "an id that the second run would meet again": (
        "- bet: {amount: 1.00, raw: {transaction_id: abc}}",
        '1:45 the transaction_id "abc" is the same in every run, and a wallet takes it once only; '
        'write "${run}-abc"',
    ),
    "such an id as a number": (
        "- win: {amount: 1.00, raw: {transaction_id: 77}}",
        '1:45 the transaction_id "77" is the same in every run, and a wallet takes it once only; '
        'write "${run}-77"',
    ),
    "such an id in a copied call": (
        """- send: {body: '{"method":"transaction_bet","transaction_id":"T1"}'}""",
        '1:16 the transaction_id "T1" is the same in every run, and a wallet takes it once only; '
        'write "${id}"',
    ),
    "such an id in a call written as JSON": (
        "- send: {json: {method: transaction_win, transaction_id: T1}}",
        '1:58 the transaction_id "T1" is the same in every run, and a wallet takes it once only; '
        'write "${id}"',
    ),
    "body twice": ("- send: {body: a, json: {}}", '1:9 send has both "body" and "json"'),
    "body that is no text": (
        "- send: {body: {a: 1}}",
        "1:16 body is text, sent as it stands; for a mapping write json:",
    ),
    "header over two lines": (
        '- send: {headers: {X: "a\\r\\nY: b"}}',
        "1:23 the value of a header is printable ASCII, on one line",
    ),
    "lower-case method": (
        "- send: {method: post}",
        '1:18 expected an HTTP method such as POST, found "post"',
    ),
    "within twice": (
        "- bet: {amount: 1.00, within: 1s, expect: {within: 2s}}",
        '1:8 "within" stands twice: in the step and in its expect',
    ),
    "wait among parallel steps": (
        "- parallel: [bet: 1.00, wait: 1s]",
        "1:25 wait cannot be used inside parallel; only single calls can",
    ),
    "no steps": ("- repeat: {times: 2, steps: []}", "1:29 there is no step in the list"),
    "no times": (
        "- repeat: {times: 0, steps: [balance]}",
        "1:19 expected a number from 1 to 1,000,000, found 0",
    ),
    "times with a zero before": (
        "- repeat: {times: 010, steps: [balance]}",
        '1:19 expected a whole number, found "010"',
    ),
    "merge key": (
        "- bet: {<<: {amount: 1.00}}",
        "1:9 merge keys are not supported; share steps with use:, and values with cases:",
    ),
    "tag": (
        "- bet: !!float 1.00",
        "1:8 the tag tag:yaml.org,2002:float has no meaning in a scenario; leave it out",
    ),
    "nothing in raw": (
        "- bet: {amount: 1.00, raw: {amount: }}",
        '1:37 no value; write null or ""',
    ),
    "column without a table": ("- bet: ${stake}", '1:8 ${stake}: the scenario has no column "stake"'),
    "environment variable": (
        "- bet: ${STAKE}",
        '1:8 ${STAKE}: the scenario has no column "STAKE"; no environment variable is read here: '
        'give the value to the run, as in --player "$STAKE", or in a table under "cases"',
    ),
    "no-break space": (
        "- bet:\u00a010.00",
        "1:3 column 9 holds a no-break space (U+00A0), which is no blank in YAML; "
        "put a normal space in its place",
    ),
    "no-break space in braces": (
        "- bet: {amount:\u00a010.00}",
        "1:9 column 18 holds a no-break space (U+00A0), which is no blank in YAML; "
        "put a normal space in its place",
    ),
    "placeholder in a wrong place": (
        "- bet: {amount: 1.00, game: '${player}'}",
        "1:29 ${player} is filled in by the run, and only in body, json",
    ),
    "misspelt placeholder": (
        "- send: {body: 'user ${plyer}'}",
        '1:16 ${plyer}: the scenario has no column "plyer"; did you mean "player"?',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), STEP_SLIPS.values(), ids=STEP_SLIPS)
def test_a_slip_in_a_step_is_told(text: str, expected: str) -> None:
    """One slip, one problem, at its line and column, with what was probably meant."""
    assert step_problems(text) == [expected]


SCENARIO_SLIPS = {
    "misspelt key": ("tag: [a]", '1:1 unknown key "tag" in a scenario; did you mean "tags"?'),
    "unknown rule": ("covers: [IDE-99]", '1:10 no rule has the id "IDE-99"; did you mean "IDE-09"?'),
    "rule in lower case": ("covers: ide-01", '1:9 no rule has the id "ide-01"; did you mean "IDE-01"?'),
    "rule twice": ("covers: [IDE-01, IDE-01]", '1:18 "IDE-01" stands twice in covers'),
    "level": ("level: documentd", '1:8 unknown word "documentd"; did you mean "documented"?'),
    "knob": ("policy: {zero_bat: any}", '1:10 unknown key "zero_bat" in policy; did you mean "zero_bet"?'),
    "knob's value": (
        "policy: {zero_bet: yes}",
        '1:20 unknown word "yes"; valid: accepted, refused, any',
    ),
    "need": ("needs: [restrat]", '1:9 unknown word "restrat"; did you mean "restart"?'),
    "player's key": ("player: {balanse: 1}", '1:10 unknown key "balanse" in player; did you mean "balance"?'),
    "negative balance": ("player: {balance: -1}", '1:19 amount must be at least 0.00, found "-1"'),
    "flag": ("players: {g: {exists: no}}", '1:23 expected true or false, found "no"'),
    "ghost with money": (
        "players: {g: {exists: false, balance: 1}}",
        "1:14 a player that does not exist is neither blocked nor has a balance",
    ),
    "player twice": ("players: {g: , g: }", '1:16 duplicate key "g" in players'),
    "main player among others": (
        "players: {player: }",
        '1:11 the first player is described under "player:", beside "players:"',
    ),
    "skip without a reason": ("skip: true", '1:7 say why, in words; found "true"'),
    "empty name": ('name: " "', "1:7 the text is empty"),
    "list as a name": ("name: [a]", "1:7 expected text, found a list"),
    "column unused": (
        "cases: {a: {stake: 1.00}}",
        '1:20 the column "stake" is used nowhere; write "${stake}"',
    ),
    "no rows": ("cases: []", "1:8 cases has no rows"),
    "rows of text": ("cases: [a]", "1:9 expected a mapping of columns to values, found \"a\""),
    "rows alike": ("cases: {a: {}, a: {}}", '1:16 two rows are named "a"'),
    "column's name": (
        "cases: {a: {my stake: 1}}",
        '1:13 "my stake" cannot name a column; use letters, digits and "_"',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SCENARIO_SLIPS.values(), ids=SCENARIO_SLIPS)
def test_a_slip_in_a_scenarios_own_keys_is_told(text: str, expected: str) -> None:
    """The keys beside the steps are as strict as the steps."""
    found = problems(f"{text}\nsteps: [balance]\n")
    shown = [f"{problem.place.line}:{problem.place.column} {problem.message}" for problem in found]
    assert expected in shown
    assert all("used nowhere" in line for line in shown if line != expected)


def test_a_scenario_needs_steps() -> None:
    """The first key shows where they are missing."""
    (problem,) = problems("name: nothing happens\n")
    assert (problem.place.line, problem.message) == (1, 'a scenario needs "steps"')


def test_all_problems_are_told_at_once_in_the_order_of_lines() -> None:
    """Nobody mends a file one error at a time."""
    found = problems(
        "tag: x\nname: one\nsteps:\n  - bet: -1\n  - bte: 1\n  - resend: b9\nlevel: low\n"
        "---\nname: 7\nstep: []\n"
    )
    assert [problem.place.line for problem in found] == [1, 4, 5, 6, 7, 10]


def test_the_frame_shows_the_line_and_a_caret() -> None:
    """As a compiler's error does."""
    (problem,) = problems("name: x\nsteps:\n  - bet: {amuont: 10.00}\n", "scenarios/x.yaml")
    assert str(problem) == (
        'error: scenarios/x.yaml:3:11: unknown key "amuont" in bet; did you mean "amount"?\n'
        "   |\n"
        " 3 |   - bet: {amuont: 10.00}\n"
        "   |           ^^^^^^"
    )


def test_a_frame_of_a_long_line_shows_the_part_that_matters() -> None:
    """A terminal is not flooded, and the caret stands under the word."""
    (problem,) = problems(f"steps: [balance, {'balance, ' * 500} bte: 1.00]\n")
    shown, carets = str(problem).splitlines()[2:4]
    assert len(shown) < 200
    assert shown[carets.index("^") :].startswith("bte")


def test_what_a_terminal_would_act_on_is_not_printed() -> None:
    """A file cannot colour or clear the terminal through an error."""
    (problem,) = problems('steps: [balance]\nname: "a\u202eb"\nlevel: "\u202e"\n')
    assert "\u202e" not in str(problem).split("\n", 1)[1]


def test_one_slip_many_times_is_not_told_for_ever() -> None:
    """The reading stops after so many problems, and the message shows the first of them."""
    with pytest.raises(ScenarioFileError) as caught:
        load("steps:\n" + "  - bte: 1.00\n" * 5000)
    assert len(caught.value.problems) == PROBLEMS_MAX
    assert str(caught.value).count("error: ") == SHOWN_MAX
    assert str(caught.value).endswith(f"… and {PROBLEMS_MAX - SHOWN_MAX} more problems")
