"""What a scenario file means: every key and every form of a step, as typed values."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenario_texts import EVERY_FORM, load, steps
from simulator.core.calls import FaultKind, FaultSpec
from simulator.core.findings import Level, Place
from simulator.core.money import AllOf, Amount, Drawn, Money, OfLimit, TimesBet, Written, format_money
from simulator.core.steps import (
    MAIN_PLAYER,
    Balance,
    Bet,
    Expect,
    Expected,
    Parallel,
    Play,
    PlayerSpec,
    Refund,
    Repeat,
    Resend,
    Round,
    Send,
    Wait,
    Win,
)

SECOND_NS = 1_000_000_000


def test_every_form_loads() -> None:
    """The sample with every key and every form of every step is one scenario."""
    (scenario,) = load(EVERY_FORM)
    assert scenario.name == "Every form"
    assert scenario.description == "Folded text, over two lines.\n"
    assert scenario.tags == ("all", "2.0", "7")
    assert scenario.level is Level.DOCUMENTED
    assert scenario.covers == ("IDE-01", "REF-03")
    assert scenario.policy == {"zero_bet": "refused", "refusal_http": "4xx", "money_type": "any"}
    assert (scenario.skip, scenario.xfail) == ("not today", "known to fail")
    assert scenario.players == {
        MAIN_PLAYER: PlayerSpec(Money(5000)),
        "ghost": PlayerSpec(exists=False),
        "guest": PlayerSpec(Money(0)),
        "banned": PlayerSpec(blocked=True),
        "plain": PlayerSpec(),
    }
    assert [type(step).__name__ for step in scenario.finally_] == ["Balance", "Resend"]
    assert scenario.source == tuple(EVERY_FORM.splitlines())


def test_what_steps_and_players_need_is_known_without_naming_it() -> None:
    """A restart, a blocked player, a second player and the limit need something of the target."""
    (scenario,) = load(EVERY_FORM)
    assert scenario.needs == {"seeding", "restart", "blocked_player", "two_players", "limits"}
    (alone,) = load("players: {ghost: {exists: false}}\nsteps: [balance]")
    assert not alone.needs
    assert load("steps: [bet: 1.00, block]")[0].needs == {"blocked_player"}
    assert load("steps: [bet: limit]")[0].needs == {"limits"}


def test_the_least_scenario_has_the_documented_defaults() -> None:
    """Steps are all that is needed; the name is the file's."""
    (scenario,) = load("steps: [balance]", "some/late-win.yaml")
    assert (scenario.id, scenario.name) == ("some/late-win.yaml", "late-win")
    assert scenario.level is Level.INDUSTRY
    assert scenario.players == {MAIN_PLAYER: PlayerSpec(Money(100_00))}
    assert scenario.place == Place("some/late-win.yaml", 1, 1)


def test_a_place_is_the_kind_of_the_step() -> None:
    """A report underlines `resend`, in its line and column."""
    found = load("steps:\n  - bet: 1.00\n  -   resend: last\n")[0].steps[1]
    assert found.place == Place("x.yaml", 3, 7, len("resend"))


AMOUNTS: list[tuple[str, Amount]] = [
    ("10.00", Written(Money(1000), "10.00")),
    ('"10.00"', Written(Money(1000), "10.00")),
    ("10", Written(Money(1000), "10")),
    ("10.5", Written(Money(1050), "10.5")),
    ("0.00", Written(Money(0), "0.00")),
    ("007.10", Written(Money(710), "007.10")),
    ("99999999999999999999.99", Written(Money(9999999999999999999999), "99999999999999999999.99")),
    ("all", AllOf()),
    ("all+0.01", AllOf(Money(1))),
    ("limit", OfLimit()),
    ("limit+0.01", OfLimit(Money(1))),
    ("~5.00", Drawn(Money(250), Money(750))),
    ("~0.01", Drawn(Money(1), Money(1))),
    ("~5.01", Drawn(Money(251), Money(751))),
    ("0.10..5.00", Drawn(Money(10), Money(500))),
    ("1..2", Drawn(Money(100), Money(200))),
]


@pytest.mark.parametrize(("text", "amount"), AMOUNTS, ids=[text for text, _ in AMOUNTS])
def test_an_amount_is_read_from_its_text(text: str, amount: Amount) -> None:
    """No float is ever made of it."""
    (step,) = steps(f"- bet: {text}")
    assert isinstance(step, Bet)
    assert step.amount == amount


def test_a_multiple_is_of_the_last_bet() -> None:
    """The factor is exact."""
    _, win = steps("- bet: 1.00\n- win: x2.40")
    assert isinstance(win, Win)
    assert win.amount == TimesBet(Fraction(12, 5))


@given(st.integers(min_value=0, max_value=10**28))
def test_money_keeps_its_text_and_its_cents(cents: int) -> None:
    """What an author writes as money is that money, to the cent, and is shown as written."""
    text = format_money(Money(cents))
    # After a drawn amount no claim can be ruled out.
    _, bet, read = steps(f"- bet: ~5.00\n- bet: {text}\n- balance: {text}")
    assert isinstance(bet, Bet)
    assert bet.amount == Written(Money(cents), text)
    assert isinstance(read, Balance)
    assert read.is_ == cents


def test_bets_and_wins_carry_what_is_written() -> None:
    """Each field of the mapping has its place in the step."""
    bet, win = steps(
        """
- bet: {amount: 2.00, id: b1, game: 012, player: other, fault: reset, expect: accepted, within: 2s}
- win: {amount: 3.00, raw: {amount: 1.10, user_id: "1.10", game_id: [true, null, {a: -1e2}]}, omit: [method]}
"""
    )
    place = Place("x.yaml", 3, 5, 3)
    assert bet == Bet(
        place=place,
        label="b1",
        amount=Written(Money(200), "2.00"),
        game="012",
        player="other",
        fault=FaultSpec(FaultKind.RESET),
        expect=Expect(outcome=Expected.ACCEPTED, within_ns=2 * SECOND_NS),
    )
    raw = {"amount": Decimal("1.10"), "user_id": "1.10", "game_id": [True, None, {"a": Decimal("-1E+2")}]}
    assert isinstance(win, Win)
    assert win.raw == raw
    assert str(win.raw["amount"]) == "1.10"
    assert win.omit == {"method"}
    assert win.label == "win@4"


def test_refunds_name_a_step_or_an_id_no_step_has() -> None:
    """`of` may name a later bet."""
    overtaking, unknown, _ = steps(
        "- refund: b1\n- refund: {transaction_id: never-seen, amount: 1.00}\n- bet: {amount: 1.00, id: b1}"
    )
    assert isinstance(overtaking, Refund)
    assert (overtaking.of, overtaking.amount, overtaking.transaction_id) == ("b1", None, None)
    assert isinstance(unknown, Refund)
    assert (unknown.of, unknown.transaction_id) == (None, "never-seen")


def test_resends_name_a_step_or_the_last() -> None:
    """`last` is resolved by the run."""
    _, named, last = steps(
        "- bet: {amount: 1.00, id: b1}\n"
        "- resend: {step: b1, times: 3, amount: 2.00, player: other}\n"
        "- resend: last"
    )
    assert isinstance(named, Resend)
    assert (named.of, named.times, named.player) == ("b1", 3, "other")
    assert isinstance(last, Resend)
    assert (last.of, last.times) == (None, 1)


def test_rounds_plays_repeats_and_waits() -> None:
    """The steps that stand for many calls, or none."""
    found = steps(
        """
- round: {bet: 1.00, win: all, spins: 2}
- play: {rounds: 9, stake: 0.20}
- repeat: {times: 3, steps: [bet: 1.00]}
- parallel: {steps: [bet: 1.00, balance], times: 5}
- wait: 1.5s
"""
    )
    spin, play, repeat, parallel, wait = found
    assert isinstance(spin, Round)
    assert (spin.win, spin.spins) == (AllOf(), 2)
    assert isinstance(play, Play)
    assert (play.rounds, play.volatility, play.seed) == (9, "medium", None)
    assert isinstance(repeat, Repeat)
    assert (repeat.times, len(repeat.steps)) == (3, 1)
    assert isinstance(parallel, Parallel)
    assert (parallel.times, parallel.in_flight, len(parallel.steps)) == (5, 100, 2)
    assert isinstance(wait, Wait)
    assert wait.duration_ns == 1_500_000_000


def test_a_send_is_exact_text_or_compact_json() -> None:
    """Numbers keep their digits, texts their characters, placeholders stay for the run."""
    text, value, empty, null = steps(
        """
- send: {body: '{"a": 1.10 ', content_type: text/plain, method: DELETE, headers: {X-A: b}}
- send: {json: {a: 1.10, b: "1.10", c: [true, null, ü], "${d}": "${player}"}}
- send: {method: GET}
- send: {json: null}
""".replace('"${d}"', "d")
    )
    assert isinstance(text, Send)
    assert (text.body, text.content_type, text.http_method) == (b'{"a": 1.10 ', "text/plain", "DELETE")
    assert text.headers == (("X-A", "b"),)
    assert isinstance(value, Send)
    assert value.body == b'{"a":1.10,"b":"1.10","c":[true,null,"\\u00fc"],"d":"${player}"}'
    assert isinstance(empty, Send)
    assert empty.body == b""
    assert isinstance(null, Send)
    assert null.body == b"null"


def test_expectations_in_full() -> None:
    """Outcome, balance, HTTP, latency and parts of the body."""
    (step,) = steps(
        "- balance: {player: other, expect: {outcome: either, balance: 5.00, http: 4xx, within: 2m, "
        "body: {s: 1.0}}}"
    )
    assert isinstance(step, Balance)
    assert step.expect == Expect(Expected.EITHER, Money(500), "4xx", 120 * SECOND_NS, {"s": Decimal("1.0")})


def test_labels_that_are_not_given_are_made() -> None:
    """Each step has its own, also on one line."""
    found = load("steps: [bet: 1.00, bet: 1.00, win: 1.00]")[0].steps
    assert [step.label for step in found if isinstance(step, Bet | Win)] == ["bet@1", "bet@1.2", "win@1"]
