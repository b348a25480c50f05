"""A dry run finds the claims that no right wallet can meet, and only those."""

from __future__ import annotations

import pytest

from scenario_texts import SUITE, load, problems, steps
from simulator.scenario.dry_run import CALLS_MAX

CONTRADICTIONS = {
    "balance after a bet": (
        "steps: [bet: 20.00, balance: 90.00]",
        "balance 90.00 contradicts the ledger: it holds 80.00 here (100.00 → bet 20.00 → 80.00)",
    ),
    "balance after a resend": (
        "steps: [bet: 20.00, resend: last, balance: 60.00]",
        "balance 60.00 contradicts the ledger: it holds 80.00 here (100.00 → bet 20.00 → 80.00)",
    ),
    "balance after a refund": (
        "steps: [{bet: {amount: 20.00, id: b1}}, refund: b1, refund: b1, balance: 120.00]",
        "balance 120.00 contradicts the ledger: it holds 100.00 here "
        "(100.00 → bet 20.00 → 80.00 → refund 20.00 → 100.00)",
    ),
    "balance after a multiple": (
        "steps: [bet: 0.33, win: x2.50, balance: 100.50]",
        "balance 100.50 contradicts the ledger: it holds 100.49 here "
        "(100.00 → bet 0.33 → 99.67 → win 0.82 → 100.49)",
    ),
    "more than all accepted": (
        "steps: [bet: {amount: all+0.01, expect: accepted}]",
        "expect accepted contradicts the ledger: a bet of 100.01 can only be refused here (100.00)",
    ),
    "payable bet refused": (
        "player: {balance: 5.00}\nsteps: [bet: {amount: 5.00, expect: refused}]",
        "expect refused contradicts the ledger: a bet of 5.00 can only be accepted here (5.00)",
    ),
    "answer's balance": (
        "steps: [bet: {amount: 1.00, expect: {balance: 100.00}}]",
        "balance 100.00 contradicts the ledger: it holds 99.00 here (100.00)",
    ),
    "player that does not exist": (
        "players: {ghost: {exists: false}}\nsteps: [bet: {amount: 1.00, player: ghost, expect: accepted}]",
        "expect accepted contradicts the ledger: a bet of 1.00 can only be refused here (no such player)",
    ),
    "blocked player": (
        "players: {b: {blocked: true}}\nsteps: [bet: {amount: 1.00, player: b, expect: accepted}]",
        "expect accepted contradicts the ledger: a bet of 1.00 can only be refused here (blocked, 100.00)",
    ),
    "balance after a lost reply": (
        "steps: [{bet: {amount: 5.00, fault: lost_reply}}, balance: 100.00]",
        "balance 100.00 contradicts the ledger: it holds 95.00 here (100.00 → bet 5.00 → 95.00)",
    ),
    "balance after a call that may not arrive": (
        "steps: [{bet: {amount: 5.00, fault: reset}}, balance: 1.00]",
        "balance 1.00 contradicts the ledger: it holds 95.00 or 100.00 here "
        "(100.00 → lost bet 5.00 → 95.00 or 100.00)",
    ),
    "balance after a bet sent twice": (
        "steps: [{bet: {amount: 5.00, fault: duplicate}}, balance: 90.00]",
        "balance 90.00 contradicts the ledger: it holds 95.00 here (100.00 → bet 5.00 → 95.00)",
    ),
    "balance after either": (
        "steps: [{bet: {amount: 5.00, expect: either}}, balance: 1.00]",
        "balance 1.00 contradicts the ledger: it holds 95.00 or 100.00 here "
        "(100.00 → bet 5.00 → 95.00 or 100.00)",
    ),
    "balance after an odd amount": (
        "steps: [{bet: {amount: 5.00, raw: {amount: 5}}}, balance: 1.00]",
        "balance 1.00 contradicts the ledger: it holds 95.00 or 100.00 here "
        "(100.00 → bet 5.00 → 95.00 or 100.00)",
    ),
    "balance after what is no webhook": (
        "steps: [{send: {body: 'x'}}, balance: 1.00]",
        "balance 1.00 contradicts the ledger: it holds 100.00 here (100.00)",
    ),
    "two claims that exclude each other": (
        "steps: [win: {amount: 5.00, expect: accepted}, balance: 100.00]",
        "balance 100.00 contradicts the ledger: it holds 105.00 here (100.00 → win 5.00 → 105.00)",
    ),
    "balance after repeated steps": (
        "steps: [repeat: {times: 3, steps: [bet: 1.00]}, balance: 99.00]",
        "balance 99.00 contradicts the ledger: it holds 97.00 here "
        "(… → 99.00 → bet 1.00 → 98.00 → bet 1.00 → 97.00)",
    ),
    "balance after written rounds": (
        "steps: [round: {bet: 2.00, win: 5.00, spins: 2}, balance: 103.00]",
        "balance 103.00 contradicts the ledger: it holds 106.00 here "
        "(… → 103.00 → bet 2.00 → 101.00 → win 5.00 → 106.00)",
    ),
    "balance after a session with its own seed": (
        "steps: [play: {rounds: 1, stake: 1.00, seed: 1}, balance: 1.00]",
        "balance 1.00 contradicts the ledger: it holds 99.00 here "
        "(100.00 → bet 1.00 → 99.00 → win 0.00 → 99.00)",
    ),
    "a read refused": (
        "steps: [balance: {expect: refused}]",
        "expect refused contradicts the ledger: a balance read can only be accepted here (100.00)",
    ),
    "a claim in finally": (
        "steps: [bet: 1.00]\nfinally: [balance: 100.00]",
        "balance 100.00 contradicts the ledger: it holds 99.00 here (100.00 → bet 1.00 → 99.00)",
    ),
    "what the policy pins": (
        "policy: {zero_bet: refused}\nsteps: [bet: {amount: 0.00, expect: accepted}]",
        "expect accepted contradicts the policy: a bet of 0.00 can only be refused here (100.00)",
    ),
    "a player whose other player is raced": (
        "players: {o: {}}\nsteps: [parallel: [bet: {amount: 1.00, player: o}], balance: 1.00]",
        "balance 1.00 contradicts the ledger: it holds 100.00 here (100.00)",
    ),
    "long story": (
        "steps: [bet: 1.00, bet: 1.00, bet: 1.00, balance: 1.00]",
        "balance 1.00 contradicts the ledger: it holds 97.00 here "
        "(… → 99.00 → bet 1.00 → 98.00 → bet 1.00 → 97.00)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_told_with_what_the_ledger_holds(text: str, expected: str) -> None:
    """At the step that claims it."""
    (problem,) = problems(text)
    assert problem.message == expected


OPEN_QUESTIONS = {
    "drawn amount": "steps: [bet: ~5.00, balance: 1.00]",
    "lost reply": "steps: [{bet: {amount: 5.00, fault: lost_reply}}, balance: 95.00]",
    "reset, and it arrived": "steps: [{bet: {amount: 5.00, fault: reset}}, balance: 95.00]",
    "reset, and it did not arrive": "steps: [{bet: {amount: 5.00, fault: reset}}, balance: 100.00]",
    "reset, and it arrived late": (
        "steps: [{bet: {amount: 5.00, fault: timeout}}, balance: 100.00, balance: 95.00]"
    ),
    "chunked": "steps: [{bet: {amount: 5.00, fault: chunked, expect: refused}}, balance: 100.00]",
    "either, accepted": "steps: [{bet: {amount: 5.00, expect: either}}, balance: 95.00]",
    "either, refused": "steps: [{bet: {amount: 5.00, expect: either}}, balance: 100.00]",
    "raw, accepted": "steps: [{bet: {amount: 5.00, raw: {amount: 5}}}, balance: 95.00]",
    "raw, refused": "steps: [{bet: {amount: 5.00, raw: {amount: 5}}}, balance: 100.00]",
    "raw, rounded up": "steps: [{bet: {amount: 5.00, raw: {amount: '5.001'}}}, balance: 94.99]",
    "another id, accepted first": (
        "steps: [win: {amount: 1.00, raw: {transaction_id: '${run}-x'}}, "
        "bet: {amount: 1.00, raw: {transaction_id: '${run}-x'}, expect: refused}]"
    ),
    "all of an unclear balance": "steps: [win: 5.00, bet: all, balance: 1.00]",
    "multiple of an unclear bet": (
        "steps: [bet: 5.00, bet: {amount: 1.00, game: NOPE}, win: x2, balance: 1.00]"
    ),
    "lost over and over": (
        "steps: [repeat: {times: 20, steps: [bet: {amount: 1.00, fault: reset}]}, balance: 1.00]"
    ),
    "a call that a raced one precedes": (
        "steps: [parallel: [{bet: {amount: 5.00, id: b}}], refund: b, balance: 1.00]"
    ),
    "another's call again, whose amount is the wallet's to read": (
        "players: {o: {balance: 9.00}}\nsteps: ["
        "bet: {amount: 5.00, id: b, player: o, raw: {amount: '5.001'}}, "
        "resend: {step: b, fault: reset}, balance: {is: 9.00, player: o}]"
    ),
    "an id of another wallet's player": (
        "players: {o: {}}\n"
        "steps: [bet: {amount: 5.00, raw: {user_id: '1001'}}, balance: {is: 100.00, player: o}]"
    ),
    "a win after a bet that may have been over the balance": (
        "steps: [win: 5.00, bet: 102.00, win: {amount: 1.00, expect: refused}]"
    ),
    "over the limit": "steps: [bet: {amount: limit, expect: refused}, balance: 1.00]",
    "policy any": "policy: {zero_bet: any}\nsteps: [bet: {amount: 0.00, expect: refused}]",
    "parallel": "steps: [parallel: [bet: 5.00], balance: 1.00]",
    "round": "steps: [round: {bet: 5.00}, balance: 1.00]",
    "win without a bet refused": "steps: [win: {amount: 5.00, expect: refused}, balance: 100.00]",
    "win without a bet accepted": "steps: [win: {amount: 5.00, expect: accepted}, balance: 105.00]",
    "refused win swallowed": "steps: [win: 5.00, balance: 100.00]",
    "unknown game refused": "steps: [bet: {amount: 5.00, game: NOPE, expect: refused}, balance: 100.00]",
    "limits": "needs: [limits]\nsteps: [bet: {amount: 5.00, expect: refused}]",
    "zero bet refused": "steps: [bet: {amount: 0.00, expect: refused}, balance: 100.00]",
    "repeat refused": "steps: [bet: 5.00, resend: {step: last, expect: refused}, balance: 95.00]",
    "repeat accepted": "steps: [bet: 5.00, resend: {step: last, expect: accepted}, balance: 95.00]",
    "refund overtakes": "steps: [refund: b, bet: {amount: 5.00, id: b, expect: refused}, balance: 100.00]",
    "other player": "players: {o: {balance: 7.00}}\nsteps: [bet: 5.00, balance: {is: 7.00, player: o}]",
}


@pytest.mark.parametrize("text", OPEN_QUESTIONS.values(), ids=OPEN_QUESTIONS)
def test_what_a_right_wallet_may_do_is_no_contradiction(text: str) -> None:
    """What is drawn, raced, disturbed, or the operator's own choice is for the run to see."""
    assert load(text)


def test_no_bundled_scenario_contradicts_the_ledger() -> None:
    """The suite loads, so the law and its claims agree."""
    for path in SUITE.rglob("*.yaml"):
        assert load(path.read_text("utf-8"), path.as_posix())


def test_only_the_first_claim_that_fails_is_told() -> None:
    """All later ones follow from it."""
    found = problems("steps: [bet: 1.00, balance: 100.00, bet: 1.00, balance: 99.00]")
    assert len(found) == 1


def test_a_long_scenario_is_followed_only_so_far() -> None:
    """A file of ten thousand claims must not load slowly."""
    far = "- bet: 0.01\n" * CALLS_MAX
    assert len(steps(far + "- balance: 1.00\n")) == CALLS_MAX + 1


def test_a_claim_in_a_used_file_is_told_there() -> None:
    """It is that file's line."""
    (problem,) = problems("steps: [bet: 1.00, use: y.yaml]\n", y_yaml="steps:\n  - balance: 100.00\n")
    assert (problem.place.file, problem.place.line) == ("y.yaml", 2)
