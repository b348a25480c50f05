"""The referee names each mistake as often as it is made, and never believes a wrong wallet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from referee_driver import GAME, Driver, MemoryWallet
from simulator.core.calls import Call
from simulator.core.findings import CallVerdict, Outcome, Severity
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.judge.rulings import (
    PlayerStanding,
    Policy,
    ReadBalance,
    Reads,
)
from simulator.law.likeness import resembles

SERVING = Policy(own_players=False, after_silence=False, unanswered_max=8, calls_max=2000, players_max=100)
POLICIES = pytest.mark.parametrize("policy", [Policy(), SERVING], ids=["run", "serve"])

# --- the same mistake, again and again -------------------------------------------------------------


class PaysRefundsAgain(MemoryWallet):
    """Pays a refund each time it comes."""

    def refund(self, id_: str, amount: int) -> bool:  # noqa: ARG002  # for overriding
        self.balance += amount
        return True


@POLICIES
def test_ten_refunds_paid_again_are_ten_findings_and_a_difference_of_ten_stakes(policy: Policy) -> None:
    play = Driver(PaysRefundsAgain(), policy)
    play.bet(1000, "b1")
    assert play.refund(1000, "b1").verdict is CallVerdict.RIGHT
    for _ in range(10):
        assert play.refund(1000, "b1").verdict is CallVerdict.WRONG
    assert play.causes == ["repeated-refund-credited-again"] * 10
    assert play.standing == PlayerStanding((Money(1000_00),), Money(1100_00), Money(100_00), 10, 3)


class CreditsWinsTwice(MemoryWallet):
    """Credits each win twice."""

    def win(self, id_: str, amount: int) -> bool:  # noqa: ARG002  # as above
        self.balance += 2 * amount
        return True


class ChargesCentMore(MemoryWallet):
    """Takes a cent more than the stake."""

    def bet(self, id_: str, amount: int) -> bool:
        return super().bet(id_, amount + 1)


class TakesNoBets(MemoryWallet):
    """Accepts bets and takes nothing."""

    def bet(self, id_: str, amount: int) -> bool:  # noqa: ARG002  # as above
        return True


class PaysNoWins(MemoryWallet):
    """Accepts wins and pays nothing."""

    def win(self, id_: str, amount: int) -> bool:  # noqa: ARG002  # as above
        return True


class ChargesRepeats(MemoryWallet):
    """Charges a bet that comes again."""

    def bet(self, id_: str, amount: int) -> bool:  # noqa: ARG002  # as above
        self.balance -= amount
        return True


@POLICIES
@pytest.mark.parametrize(
    ("wallet", "method", "cause", "each"),
    [
        (CreditsWinsTwice(), Method.WIN, "win-wrong-amount", 700),
        (ChargesCentMore(), Method.BET, "cent-off", -1),
        (TakesNoBets(), Method.BET, "bet-not-taken", 700),
        (PaysNoWins(), Method.WIN, "win-not-credited", -700),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, MemoryWallet) else str(each),
)
def test_a_mistake_in_every_call_is_found_in_every_call(
    policy: Policy, wallet: MemoryWallet, method: Method, cause: str, each: int
) -> None:
    play = Driver(type(wallet)(), policy)
    for number in range(5):
        play.send(WebhookRequest(method, "p1", Money(700), f"t{number}", GAME))
    assert play.causes == [cause] * 5
    assert (play.standing.difference, play.standing.wrong) == (5 * each, 5)
    assert play.standing.wallet == play.wallet.balance


def test_the_balance_of_the_law_is_what_a_right_wallet_has() -> None:
    """A wrong call does not turn those after it wrong."""
    play = Driver(ChargesRepeats())
    for call in (play.bet(1000, "b1"), play.bet(1000, "b1"), play.win(300, "w1"), play.bet(200, "b2")):
        assert call.outcome is Outcome.ACCEPTED
    assert play.causes == ["repeated-bet-taken-again"]
    assert play.standing == PlayerStanding((Money(99100),), Money(98100), Money(-1000), 1, 2)


# --- what a later call puts right ------------------------------------------------------------------


class PaysUnknownRefunds(MemoryWallet):
    """Pays a refund whose bet it has not seen, and takes the bet when it comes."""

    def refund(self, id_: str, amount: int) -> bool:
        if id_ not in self.refunds:
            self.balance += amount
        self.refunds[id_] = amount
        return True

    def bet(self, id_: str, amount: int) -> bool:
        if id_ not in self.bets:
            self.balance -= amount
        self.bets[id_] = amount
        return True


@POLICIES
def test_an_unknown_refund_that_is_paid_is_found_once_and_its_bet_makes_up_for_it(policy: Policy) -> None:
    play = Driver(PaysUnknownRefunds(), policy)
    play.refund(1000, "b1")
    assert (play.causes, play.standing.difference) == (["unknown-refund-credited"], 1000)
    play.bet(1000, "b1")
    assert (len(play.causes), play.standing.difference) == (1, 0)
    play.refund(1000, "b1")
    assert len(play.causes) == 1
    assert play.standing.law == (Money(1000_00),)


class TakesNoBetButRefundsIt(TakesNoBets):
    """Gives back what it has never taken."""

    def refund(self, id_: str, amount: int) -> bool:  # noqa: ARG002  # as above
        self.balance += amount
        return True


@POLICIES
@pytest.mark.parametrize(("kind", "left"), [(TakesNoBets, 0), (TakesNoBetButRefundsIt, 1000)])
def test_the_refund_of_a_bet_that_was_not_taken_is_right_either_way(
    policy: Policy, kind: type[MemoryWallet], left: int
) -> None:
    """Paid, the stake stays too much in the wallet; not paid, all is as it should be again."""
    play = Driver(kind(), policy)
    play.bet(1000, "b1")
    play.refund(1000, "b1")
    assert play.causes == ["bet-not-taken"]
    assert play.standing.difference == left


class TakesAndRefuses(MemoryWallet):
    """Takes the stake and refuses the bet."""

    def bet(self, id_: str, amount: int) -> bool:
        super().bet(id_, amount)
        return False


@POLICIES
def test_a_refund_may_give_back_what_a_refused_bet_took(policy: Policy) -> None:
    play = Driver(TakesAndRefuses(), policy)
    play.bet(1000, "b1")
    assert (play.causes, play.standing.difference) == (["bet-refused-but-taken"], -1000)
    play.refund(1000, "b1")
    assert (len(play.causes), play.standing.difference) == (1, 0)


class RefusesFirst(MemoryWallet):
    """Refuses every win and refund when it first comes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, str]] = set()

    def _first(self, kind: str, id_: str) -> bool:
        first = (kind, id_) not in self.seen
        self.seen.add((kind, id_))
        return first

    def win(self, id_: str, amount: int) -> bool:
        return False if self._first("win", id_) else super().win(id_, amount)

    def refund(self, id_: str, amount: int) -> bool:
        return False if self._first("refund", id_) else super().refund(id_, amount)


@POLICIES
def test_what_is_refused_although_it_is_due_stays_owed_until_it_is_paid(policy: Policy) -> None:
    play = Driver(RefusesFirst(), policy)
    play.bet(1000, "b1")
    play.refund(1000, "b1")
    assert (play.causes, play.standing.difference) == (["refund-refused"], -1000)
    play.refund(1000, "b1")
    assert play.standing.difference == 0
    play.bet(1000, "b2")
    play.win(500, "w2")
    assert (play.causes[1:], play.standing.difference) == (["win-refused"], -500)
    play.win(500, "w2")
    assert (len(play.causes), play.standing.difference) == (2, 0)


class AcceptsOverdrafts(MemoryWallet):
    """Takes more than there is."""

    def bet(self, id_: str, amount: int) -> bool:
        if id_ not in self.bets:
            self.bets[id_] = amount
            self.balance -= amount
        return True


@POLICIES
def test_an_overdraft_is_money_that_the_wallet_lacks(policy: Policy) -> None:
    play = Driver(AcceptsOverdrafts(balance=10000), policy)
    play.bet(15000, "b1")
    assert (play.causes, play.standing.difference) == (["overdraft"], -15000)
    play.win(20000, "w1")
    assert (len(play.causes), play.standing.law) == (1, (Money(30000),))


def test_a_refused_bet_was_not_placed() -> None:
    """Refusing is a mistake, but nobody has too much or too little."""

    class RefusesBets(MemoryWallet):
        def bet(self, id_: str, amount: int) -> bool:  # noqa: ARG002  # as above
            return False

    play = Driver(RefusesBets())
    play.bet(1000, "b1")
    assert (play.causes, play.standing.difference) == (["bet-refused"], 0)


# --- reads and answers that are wrong --------------------------------------------------------------


@POLICIES
def test_reads_that_lag_are_named_and_accuse_no_money(policy: Policy) -> None:
    play = Driver(MemoryWallet(), policy)
    play.bet(500, "b0")
    stale = play.wallet.balance
    play.lag = lambda _: stale
    play.bet(1000, "b1")
    play.bet(1000, "b1")
    assert set(play.causes) == {"stale-read"}
    assert play.standing.difference == 0
    assert play.standing.law == (Money(play.wallet.balance),)


class ReadsForLong(Driver):
    """Whatever caches the reads does so for longer than anybody waits."""

    def _answer(self, wanted: ReadBalance) -> Call:  # noqa: ARG002  # overrides
        return self.shown()


def test_a_read_that_shows_what_was_answered_before_the_call_is_late_again() -> None:
    """The first read was believed; the next answer, and the read after it, go on from what it denied."""
    behind = {600_00: 1000_00, 200_00: 600_00}
    play = ReadsForLong(MemoryWallet(), Policy(reads=Reads.ALWAYS), lag=behind.__getitem__)
    play.bet(400_00, "b1")
    play.bet(400_00, "b2")
    believed, late = play.findings
    assert "stale-read" in {other.cause for other in believed.may_be}
    assert late.cause == "stale-read"


def test_an_answer_that_goes_on_from_the_one_before_a_denying_read_may_be_right() -> None:
    """All reads show another player's balance; a call of nothing shows what the bet had left."""
    play = ReadsForLong(MemoryWallet(), Policy(reads=Reads.ALWAYS), lag=lambda _: 555_55)
    play.bet(400_00, "b1")
    play.win(0, "w1")
    assert len(play.findings) > 1
    for finding in play.findings:
        assert {finding.cause, *(other.cause for other in finding.may_be)} & {
            "read-contradicts-answers",
            "stale-read",
        }


class AnswersBalanceBefore(MemoryWallet):
    """Answers with the balance from before the call."""

    def call(self, request: WebhookRequest) -> Money | None:
        before = Money(self.balance)
        return None if super().call(request) is None else before


@POLICIES
def test_answers_that_show_another_balance_than_the_wallet_has_are_no_wrong_money(policy: Policy) -> None:
    play = Driver(AnswersBalanceBefore(), policy)
    for number in range(4):
        play.bet(1000, f"b{number}")
    assert play.causes == ["answer-balance-wrong"] * 4
    assert play.standing.difference == 0


class ForgetsToCharge(MemoryWallet):
    """Answers the bet `b1` as if it had been taken."""

    def call(self, request: WebhookRequest) -> Money | None:
        answer = super().call(request)
        if request.transaction_id == "b1":
            self.balance += request.amount or 0
        return answer


@POLICIES
def test_a_missing_effect_is_laid_to_the_call_that_lacks_it(policy: Policy) -> None:
    """The answer of the bet was right; the next answer shows the gap."""
    play = Driver(ForgetsToCharge(), policy)
    play.bet(1000, "b1")
    assert play.causes == []
    play.win(300, "w1")
    assert play.causes == ["bet-not-taken"]
    assert "bet b1" in play.findings[0].message
    assert play.standing.difference == 1000


class PaysWinsWithNextBet(MemoryWallet):
    """Wins wait until the player bets again."""

    owed = 0

    def win(self, id_: str, amount: int) -> bool:  # noqa: ARG002  # overrides
        self.owed += amount
        return True

    def bet(self, id_: str, amount: int) -> bool:
        self.balance += self.owed
        self.owed = 0
        return super().bet(id_, amount)


def test_an_effect_that_comes_with_the_next_call_is_no_mistake_of_that_call() -> None:
    play = Driver(PaysWinsWithNextBet())
    play.bet(10_00, "b1")
    play.win(3_00, "w1")
    play.bet(5_00, "b2")
    missing, late = play.findings
    assert missing.cause == "win-not-credited"
    assert {"win-not-credited", "stale-read"} <= {other.cause for other in late.may_be}


class FoldsCase(MemoryWallet):
    """Takes ids for one another that differ in case."""

    def bet(self, id_: str, amount: int) -> bool:
        return super().bet(id_.lower(), amount)


@POLICIES
def test_a_call_that_is_taken_for_another_one_with_a_similar_id_is_called_so(policy: Policy) -> None:
    play = Driver(FoldsCase(), policy)
    play.bet(1000, "Bet-x")
    play.bet(1000, "bet-X")
    play.read()
    assert play.causes == ["shared-id-swallowed"]


# --- somebody else ---------------------------------------------------------------------------------


def test_somebody_else_who_moves_the_player_is_noted_and_the_law_goes_along() -> None:
    play = Driver(MemoryWallet(), SERVING)
    play.bet(1000, "b1")
    play.wallet.balance = 33333
    assert play.bet(1000, "b2").verdict is CallVerdict.NOTED
    assert play.findings[0].severity is Severity.NOTE
    assert "someone else uses this player" in play.findings[0].message
    play.bet(500, "b3")
    play.wallet.balance += 4711
    play.read()
    assert {finding.severity for finding in play.findings} == {Severity.NOTE}
    assert play.standing == PlayerStanding((Money(play.wallet.balance),), Money(play.wallet.balance))


def test_the_same_change_twice_in_a_row_is_no_other_hand() -> None:
    class TakesHalfMore(MemoryWallet):
        def bet(self, id_: str, amount: int) -> bool:
            return super().bet(id_, amount + amount // 2)

    play = Driver(TakesHalfMore(), SERVING)
    play.bet(1000, "b1")
    play.bet(1000, "b2")
    assert [finding.severity for finding in play.findings] == [Severity.NOTE, Severity.ERROR]
    assert play.causes[1] == "bet-wrong-amount"


# --- laws ------------------------------------------------------------------------------------------

ids = st.sampled_from(["a", "b", "c"])
amounts = st.sampled_from([Money(0), Money(10), Money(2500), Money(9000)])
methods = st.sampled_from([Method.BET, Method.WIN, Method.REFUND])
calls = st.builds(WebhookRequest, methods, st.just("p1"), amounts, ids, st.just(GAME))


@settings(max_examples=200)
@given(st.lists(st.tuples(calls, st.booleans()), max_size=14), st.sampled_from([Policy(), SERVING]))
def test_a_right_wallet_is_never_accused(sent: list[tuple[WebhookRequest, bool]], policy: Policy) -> None:
    """Whatever is sent and whichever answers are lost, nothing is found: the law has what the wallet has."""
    play = Driver(MemoryWallet(), policy)
    losses = 0
    for request, lost in sent:
        losses += lost
        play.send(request, lost=lost and losses <= 4)
        play.read()
    assert play.findings == []
    assert play.standing == PlayerStanding((Money(play.wallet.balance),), Money(play.wallet.balance))


AMOUNT_OF = {"a": Money(10), "b": Money(2500), "c": Money(9000)}
plain_calls = st.builds(
    lambda method, id_: WebhookRequest(method, "p1", AMOUNT_OF[id_], f"{method is Method.WIN}-{id_}", GAME),
    methods,
    ids,
)
"""Calls that a right wallet can only do one thing with: other amounts for one id leave it a choice."""


class SometimesWrong(MemoryWallet):
    """Right, but after some calls there is money too much or too little."""

    def __init__(self) -> None:
        super().__init__(1_000_000)
        self.off = 0

    def call(self, request: WebhookRequest) -> Money | None:
        answer = super().call(request)
        self.balance += self.off
        return None if answer is None else Money(self.balance)


@settings(max_examples=200)
@given(st.lists(st.tuples(plain_calls, st.sampled_from([0, 0, 0, 7, -13, 5001])), max_size=12))
def test_the_law_never_follows_a_wrong_wallet(sent: list[tuple[WebhookRequest, int]]) -> None:
    """What a right wallet would have is known after every call, and each wrong call is found by itself."""
    right, wallet = MemoryWallet(1_000_000), SometimesWrong()
    play = Driver(wallet)
    wrong = 0
    for request, off in sent:
        wallet.off = off
        wrong += off != 0
        right.call(request)
        play.send(request)
        assert play.standing.law == (Money(right.balance),)
        assert play.standing.wallet == wallet.balance
        assert play.standing.difference == wallet.balance - right.balance
    assert play.standing.wrong == len(play.findings) <= wrong


# --- one mistake, one name -------------------------------------------------------------------------


class RefusesRefunds(MemoryWallet):
    """Refuses each refund."""

    def refund(self, id_: str, amount: int) -> bool:  # noqa: ARG002  # for overriding
        return False


def test_a_refused_repeat_that_shows_a_missing_refund_is_not_paid_again() -> None:
    """The first refund got no answer and nothing was paid: no repeat of it pays again."""
    play = Driver(RefusesRefunds())
    play.bet(1000, "b1")
    play.refund(1000, "b1", lost=True)
    play.refund(1000, "b1")
    play.refund(1000, "b1")
    assert set(play.causes) == {"refund-refused"}


class TakesNoBetAtAll(MemoryWallet):
    """Accepts bets, shows what it would have left, and takes nothing."""

    def call(self, request: WebhookRequest) -> Money | None:
        taken = request.amount or 0 if request.method is Method.BET else 0
        answered = super().call(request)
        self.balance += taken
        return answered


def test_a_mistake_that_was_seen_explains_what_comes_after_it() -> None:
    """A refund of a bet that was answered and not taken pays the stake: not more than the stake."""
    play = Driver(TakesNoBetAtAll())
    play.bet(500, "b0")
    play.read()
    play.bet(1000, "b1")
    play.refund(1000, "b1")
    assert play.causes == ["bet-not-taken", "bet-not-taken"]


@pytest.mark.parametrize("user_id", ["12345abc", "12345.0", " 12345", "0012345"])
def test_a_user_id_that_resembles_a_players_is_told_as_such(user_id: str) -> None:
    assert resembles(user_id, "12345")


@pytest.mark.parametrize("user_id", ["12345", "123456", "1234", "54321"])
def test_another_id_is_another_player(user_id: str) -> None:
    assert not resembles(user_id, "12345")


def test_when_books_hold_too_many_calls_the_player_who_was_away_for_longest_is_closed() -> None:
    """Memory is bounded: the account is opened again when the player comes back."""
    policy = Policy(own_players=False, players_max=100, calls_kept_max=10)
    away, busy = Driver(MemoryWallet(), policy), Driver(MemoryWallet(), policy, player="p9")
    busy.referee = away.referee
    for number in range(6):
        away.bet(100, f"a{number}")
    assert away.referee.knows(away.player)
    for number in range(20):
        busy.bet(100, f"b{number}")
    assert not busy.referee.knows(away.player)
    assert busy.referee.knows("p9")
    assert away.bet(100, "c").outcome is Outcome.ACCEPTED
