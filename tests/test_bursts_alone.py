"""A mistake of single calls is no race: where concurrent calls contradict, calls like them are sent alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from simulator import OperatorServer
from simulator.cli import main
from simulator.core.calls import Operation, Reading, Why, recorded_call
from simulator.core.findings import Finding, Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.errors import ExitCode
from simulator.history.check import check_history
from simulator.judge.findings import Findings
from simulator.judge.recorded import first_mistake
from simulator.judge.referee import Referee
from simulator.judge.rulings import Policy
from simulator.law.situations import Situation
from simulator.reference_operator import OperatorSettings
from small_wallet import Fields, Refusal, SmallWallet
from suite_runs import causes, played

TRIES = 20

CONCURRENCY = Path(__file__).parent.parent / "scenarios" / "concurrency"


def errors_of(defect: str, folder: Path, *scenarios: Path) -> dict[str, int]:
    """The causes, with their counts, that scenarios of concurrent calls alone name for a defect."""
    report = folder / "run.json"
    with OperatorServer(OperatorSettings(defects=(defect,), seed=1)) as wallet:
        hook = f"{wallet.base_url}/_operator/players"
        arguments = [
            "run",
            *map(str, scenarios),
            "--endpoint",
            wallet.endpoint,
            "--seed-hook",
            hook,
            "--quiet",
        ]
        for _ in range(TRIES):
            # A race is not met each time.
            if main([*arguments, "--seed", "1", "--report", f"json:{report}"]) == 1:
                break
    told = json.loads(report.read_text("utf-8"))["causes"]
    return {each["cause"]: each["count"] for each in told if each["severity"] == "error"}


SINGLE = {
    "unknown-refund-credited": ("bet-and-its-refund", "unknown-refund-credited"),
    "refund-swallowed-as-duplicate": ("refunds-of-many-bets", "refund-not-credited"),
    "bet-charged-again": ("one-bet-twenty-times", "repeated-bet-taken-again"),
    "win-paid-twice": ("one-win-twenty-times", "repeated-win-credited-again"),
    "refund-paid-twice": ("one-refund-twenty-times", "repeated-refund-credited-again"),
    "win-answered-not-paid": ("many-wins", "win-not-credited"),
    "refund-without-tombstone": ("bet-and-its-refund", "late-bet-taken"),
    "refund-pays-last-stake": ("refunds-of-many-bets", "refund-wrong-amount"),
    "drift": ("fifty-bets", "cent-off"),
    "insufficient-answered-success": ("two-bets-one-balance", "overdraft"),
}


@pytest.mark.parametrize(("defect", "scenario"), [(name, row[0]) for name, row in SINGLE.items()])
def test_what_one_call_does_wrong_is_named_by_that_call(defect: str, scenario: str, tmp_path: Path) -> None:
    assert list(errors_of(defect, tmp_path, CONCURRENCY / f"{scenario}.yaml")) == [SINGLE[defect][1]]


@pytest.mark.parametrize(
    ("defect", "scenario", "cause"),
    [
        ("lost-update-on-bets", "fifty-bets", "lost-update"),
        ("repeated-bet-race", "one-bet-twenty-times", "double-effect"),
        ("repeated-refund-race", "one-refund-twenty-times", "double-effect"),
    ],
)
def test_what_only_calls_at_once_do_wrong_stays_a_race(
    defect: str, scenario: str, cause: str, tmp_path: Path
) -> None:
    assert list(errors_of(defect, tmp_path, CONCURRENCY / f"{scenario}.yaml")) == [cause]


def test_a_win_less_its_stake_is_one_cause_although_nothing_is_left_of_small_wins(tmp_path: Path) -> None:
    """The bet came before the burst: a win that is sent alone is compared with its stake, too."""
    scenarios = [CONCURRENCY / f"{name}.yaml" for name in ("many-wins", "one-win-twenty-times")]
    assert list(errors_of("win-credited-net", tmp_path, *scenarios)) == ["win-wrong-amount"]


@pytest.mark.parametrize(
    ("shown", "cause"),
    [(107, Situation.UNKNOWN_REFUND_CREDITED), (93, Situation.LOST_UPDATE)],
)
def test_the_answer_to_the_bet_tells_a_refund_paid_before_it_from_a_race(
    shown: int, cause: Situation
) -> None:
    """A record cannot be tried alone: the bet moved nothing, or its charge was overwritten."""
    operations = [
        Operation(0, "p", Method.REFUND, "b1", Money(700), "g", 0, 40, Outcome.ACCEPTED, Money(10700)),
        Operation(1, "p", Method.BET, "b1", Money(700), "g", 10, 50, Outcome.ACCEPTED, Money(100 * shown)),
        Operation(2, "p", Method.BALANCE, None, None, None, 60, 70, Outcome.ACCEPTED, Money(10700)),
    ]
    assert check_history(Money(10000), operations).situation is cause


def test_a_bet_charged_although_its_refund_was_answered_several_times_is_a_late_bet() -> None:
    """All copies of the refund did nothing: that is no update that another one overwrote."""
    shown = Outcome.ACCEPTED
    operations = [
        Operation(0, "p", Method.BET, "b1", Money(700), None, 0, 30, shown, Money(9300)),
        Operation(1, "p", Method.REFUND, "b1", Money(700), None, 5, 20, shown, Money(10000)),
        Operation(2, "p", Method.REFUND, "b1", Money(700), None, 25, 40, shown, None),
        Operation(3, "p", Method.REFUND, "b1", Money(700), None, 65, 70, shown, None),
        Operation(4, "p", Method.BALANCE, None, None, None, 80, 90, shown, Money(9300)),
    ]
    assert check_history(Money(10000), operations).situation is Situation.LATE_BET_TAKEN


@pytest.mark.parametrize(("balance", "cause"), [(10000, "bet-refused"), (1000, None)])
def test_a_bet_that_is_refused_while_another_is_in_flight_needs_no_order_if_there_is_money_for_all(
    balance: int, cause: str | None
) -> None:
    """A lock that refuses instead of waiting; a balance that pays for one of two is another matter."""
    after = Money(balance - 700)
    operations = [
        Operation(0, "p", Method.BET, "b1", Money(700), "g", 0, 40, Outcome.ACCEPTED, after),
        Operation(1, "p", Method.BET, "b2", Money(700), "g", 10, 50, Outcome.REFUSED, None),
        Operation(2, "p", Method.BALANCE, None, None, None, 60, 70, Outcome.ACCEPTED, after),
    ]
    named = first_mistake(Money(balance), operations)
    assert (None if named is None else named.finding.cause) == cause


ACCEPTED, REFUSED = Outcome.ACCEPTED, Outcome.REFUSED


@pytest.mark.parametrize(
    ("outcomes", "after", "cause"),
    [
        ((REFUSED, ACCEPTED), 500, "repeat-of-refused-wrong"),
        ((ACCEPTED, REFUSED), 500, "repeat-of-refused-wrong"),
        ((ACCEPTED, ACCEPTED), 500, "overdraft"),
        ((ACCEPTED, ACCEPTED), -200, "overdraft"),
        ((ACCEPTED, ACCEPTED), 0, "overdraft"),
        ((REFUSED, REFUSED), -200, "overdraft-refused-but-taken"),
        ((REFUSED, REFUSED), 500, None),
    ],
)
def test_a_bet_that_no_order_can_pay_for_needs_no_race(
    outcomes: tuple[Outcome, Outcome], after: int, cause: str | None
) -> None:
    """The balance is 5.00 and nothing is credited, so a bet of 7.00 is refused whichever copy comes first."""
    balance = Money(after)
    operations = [
        Operation(0, "p", Method.BET, "b1", Money(700), "g", 0, 40, outcomes[0], _shown(outcomes[0], after)),
        Operation(1, "p", Method.BET, "b1", Money(700), "g", 10, 50, outcomes[1], _shown(outcomes[1], after)),
        Operation(2, "p", Method.BALANCE, None, None, None, 60, 70, ACCEPTED, balance),
    ]
    named = first_mistake(Money(500), operations)
    assert (None if named is None else named.finding.cause) == cause


def _shown(outcome: Outcome, balance: int) -> Money | None:
    return Money(balance) if outcome is ACCEPTED else None


def test_a_bet_that_a_lock_refuses_is_no_race_although_its_refund_came_beside_it() -> None:
    """That it was taken, and paid back by the refund, would explain the sum as well."""
    operations = [
        Operation(0, "p", Method.BET, "b1", Money(700), "g", 0, 10, Outcome.REFUSED, None),
        Operation(1, "p", Method.BALANCE, None, None, None, 5, 15, Outcome.ACCEPTED, Money(10000)),
        Operation(2, "p", Method.REFUND, "b1", Money(700), "g", 20, 30, Outcome.ACCEPTED, Money(10000)),
        Operation(3, "p", Method.BALANCE, None, None, None, 40, 50, Outcome.ACCEPTED, Money(10000)),
    ]
    assert check_history(Money(10000), operations).situation is Situation.BET_REFUSED


@pytest.mark.parametrize("answered", [True, False])
def test_of_four_refunds_that_started_from_one_balance_only_the_last_one_stays(answered: bool) -> None:
    """Their answers may show it or no balance at all: three effects are missing together."""
    stakes, opening, left = (100, 137, 174, 211), 10_000, 10_000 - 622
    shown = [opening - sum(stakes[: number + 1]) for number in range(4)]
    bets = [
        Operation(
            n, "p", Method.BET, f"b{n}", Money(stakes[n]), "g", 10 * n, 10 * n + 5, ACCEPTED, Money(shown[n])
        )
        for n in range(4)
    ]
    refunds = [
        replace(
            bets[n],
            index=4 + n,
            method=Method.REFUND,
            sent_ns=50 + n,
            answered_ns=90 + n,
            balance=Money(left + stakes[n]) if answered else None,
        )
        for n in range(4)
    ]
    after = Money(left + stakes[-1])
    read = Operation(8, "p", Method.BALANCE, None, None, None, 100, 110, ACCEPTED, after)
    verdict = check_history(Money(opening), [*bets, *refunds, read])
    assert verdict.situation is Situation.LOST_UPDATE
    assert "of 4 accepted calls only refund b3 of 2.11 took effect" in verdict.explanation.lower()


def test_a_call_without_an_answer_hides_no_double_effect() -> None:
    """That the win was booked comes nearer to what is shown, but no mistake explains the rest then."""
    unknown = Operation(0, "p", Method.WIN, "w1", Money(1234), "g", 0, None, Outcome.UNKNOWN, None)
    bet = Operation(1, "p", Method.BET, "b1", Money(811), "g", 20, 30, ACCEPTED, None)
    refunds = [
        replace(bet, index=2 + n, method=Method.REFUND, sent_ns=50 + n, answered_ns=90 + n) for n in range(2)
    ]
    read = Operation(4, "p", Method.BALANCE, None, None, None, 100, 110, ACCEPTED, Money(10_811))
    verdict = check_history(Money(10_000), [unknown, bet, *refunds, read])
    assert verdict.situation is Situation.DOUBLE_EFFECT


FOUR_REFUNDS = """\
name: One refund four times at once
steps:
  - bet: {amount: 10.00, id: b1}
  - parallel:
      - refund: {of: b1, id: r1}
      - resend: {step: r1, times: 3}
"""


def test_a_lane_is_named_by_the_step_that_it_repeats(tmp_path: Path) -> None:
    """``refund r1 again``, not ``refund resend``."""
    file = tmp_path / "four.yaml"
    file.write_text(FOUR_REFUNDS, "utf-8")
    errors_of("repeated-refund-race", tmp_path, file)
    report = json.loads((tmp_path / "run.json").read_text("utf-8"))
    lanes = [lane for each in report["scenarios"][0]["findings"] for lane in each["lanes"]]
    refunds = [lane for lane in lanes if "refund" in lane]
    assert any("refund r1 again of 10.00" in lane for lane in refunds)
    assert all("refund r1 of 10.00" in lane or "refund r1 again of 10.00" in lane for lane in refunds)


class TurnsAway(SmallWallet):
    """Turns every second call away that comes beside others of its player, and takes it when it is alone."""

    def __init__(self, error: str) -> None:
        super().__init__()
        self.sent: Counter[str] = Counter()
        self.error = error

    def call(self, fields: Fields) -> Fields:
        if str(fields.get("amount")) == "3.00":
            self.sent["all"] += 1
            self.sent[str(fields["transaction_id"])] += 1
            if self.sent["all"] % 2 == 0 and self.sent[str(fields["transaction_id"])] == 1:
                raise Refusal(self.error)
        return super().call(fields)


TOGETHER = "steps:\n  - bet: 1.00\n  - parallel: {times: 4, steps: [bet: 3.00, win: 3.00]}\n"


def test_calls_of_which_there_are_too_many_at_once_are_sent_again_alone(tmp_path: Path) -> None:
    """Nothing is wrong with the money; the note says what a provider would have to do."""
    run = played(TurnsAway("TOO_MANY_REQUESTS"), tmp_path, TOGETHER)
    assert (run.exit_code, run.errors) == (ExitCode.PASSED, [])
    assert run.end is not None
    (note,) = (note for note in run.end.notes if "turned away" in note)
    assert "TOO_MANY_REQUESTS" in note


def test_a_refusal_is_a_mistake_although_the_call_came_beside_others(tmp_path: Path) -> None:
    """No provider sends a win again that was refused: the player would never get it."""
    run = played(TurnsAway("ISLEM_DEVAM_EDIYOR"), tmp_path, TOGETHER)
    assert causes(run) <= {"bet-refused", "win-refused"}
    assert run.exit_code is ExitCode.FOUND


def judged_together(
    calls: list[Operation], after: int | None, known: Situation | None = None
) -> list[Finding]:
    """What is found in calls of one player that overlapped, with 100.00 before and a balance after them.

    Without that balance the wallet's reads lag, and only answers are judged.
    """
    request = WebhookRequest(Method.BALANCE, "p")
    shown = None if after is None else Money(after)
    read = recorded_call(request, Reading(Outcome.ACCEPTED, shown), Why(None, ""))
    policy = Policy(answers_only=after is None)
    referee = Referee(Findings(), policy, mistakes=Counter() if known is None else Counter([known]))
    referee.open("p", Money(100_00))
    judging = referee.burst("p", calls, read)
    next(judging)
    while True:
        try:
            judging.send(None if after is None else read)
        except StopIteration as ended:
            return list(ended.value.findings)


@pytest.mark.parametrize(("after", "cause"), [(100_00, "concurrent-wrong"), (93_00, "late-bet-taken")])
def test_a_stake_that_came_back_is_no_late_bet(after: int, cause: str) -> None:
    """A refund answers the balance before it; the money after it shows whether the bet was taken as well."""
    table = [
        (Method.BET, 0, 5, 93_00),
        (Method.REFUND, 4, 20, after),
        (Method.REFUND, 6, 21, 93_00),
        (Method.REFUND, 22, 30, after),
    ]
    calls = [
        Operation(n, "p", method, "b", Money(7_00), "G", sent, answered, Outcome.ACCEPTED, Money(balance))
        for n, (method, sent, answered, balance) in enumerate(table)
    ]
    assert [finding.cause for finding in judged_together(calls, after)] == [cause]


def test_a_late_bet_needs_no_read_where_its_answer_shows_that_it_was_taken() -> None:
    """The refund was answered before the bet was sent."""
    table = [(Method.REFUND, 0, 5, 100_00), (Method.BET, 6, 9, 93_00)]
    calls = [
        Operation(n, "p", method, "b", Money(7_00), "G", sent, answered, Outcome.ACCEPTED, Money(balance))
        for n, (method, sent, answered, balance) in enumerate(table)
    ]
    assert [finding.cause for finding in judged_together(calls, None)] == ["late-bet-taken"]


def test_one_call_of_a_player_is_no_race() -> None:
    """Beside it were calls of others alone: its money is right, and its answer shows another balance."""
    bet = Operation(0, "p", Method.BET, "b", Money(5_00), "G", 0, 9, Outcome.ACCEPTED, Money(77_00))
    assert [finding.cause for finding in judged_together([bet], 95_00)] == ["answer-balance-wrong"]


@pytest.mark.parametrize(("shown", "cause"), [(31_00, "answer-balance-wrong"), (97_00, "concurrent-wrong")])
def test_an_answer_that_shows_what_no_race_leaves_is_wrong_itself(shown: int, cause: str) -> None:
    """Where the money is right: 31.00 is another player's; 97.00 is what one of the two bets leaves."""
    table = [(5_00, 0, 3, shown), (3_00, 1, 9, 92_00)]
    calls = [
        Operation(n, "p", Method.BET, f"b{n}", Money(amount), "G", sent, answered, Outcome.ACCEPTED, Money(b))
        for n, (amount, sent, answered, b) in enumerate(table)
    ]
    assert [finding.cause for finding in judged_together(calls, 92_00)] == [cause]


def test_an_answer_that_contradicts_nothing_but_a_read_may_be_right() -> None:
    """Where reads lag, so may the one with which the calls began."""
    bet = Operation(0, "p", Method.BET, "b", Money(5_00), "G", 0, 9, Outcome.ACCEPTED, Money(77_00))
    (finding,) = judged_together([bet], 95_00)
    assert "stale-read" in {other.cause for other in finding.may_be}


def test_a_cent_that_is_off_in_between_may_have_been_cut() -> None:
    """A wallet that cuts cents may lose one and win it back: only an answer shows it then."""
    calls = [
        Operation(n, "p", Method.BET, f"b{n}", Money(amount), "G", n, 10 + n, Outcome.ACCEPTED, Money(shown))
        for n, (amount, shown) in enumerate([(5_00, 95_01), (3_00, 92_00)])
    ]
    (finding,) = judged_together(calls, 92_00, known=Situation.CENT_OFF)
    assert finding.cause == "cent-off"
    assert {"cents-cut", "money-kept-as-float"} <= {other.cause for other in finding.may_be}
