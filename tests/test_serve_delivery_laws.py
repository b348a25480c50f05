"""Whatever is played, and whatever goes wrong on the way: the wallet ends with what the rounds add up to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from serve_play import SessionInTest, money_at, playing, wallet
from simulator.core.calls import FaultKind
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.money import ZERO, Money
from simulator.core.rounds import Spin
from simulator.core.webhooks import Method
from simulator.errors import UsageError
from simulator.serve.by_hand import RoundTrouble
from simulator.serve.calls import Delivered
from simulator.serve.delivery import RoundDelivery
from simulator.serve.entries import Filter

OPENING = Money(10000)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a person does on the page."""

    kind: str
    stake: Money = ZERO
    factor: int = 0
    fault: FaultKind = FaultKind.LOST_REPLY


spins = st.builds(
    Action,
    kind=st.just("spin"),
    stake=st.integers(1, 6000).map(Money),
    factor=st.sampled_from([0, 0, 50, 100, 200, 337]),
)
faults = st.builds(
    Action,
    kind=st.sampled_from(["fault on a bet", "fault on a win", "fault on a refund", "fault on any"]),
    fault=st.sampled_from([FaultKind.LOST_REPLY, FaultKind.RESET, FaultKind.DUPLICATE, FaultKind.CHUNKED]),
)
others = st.builds(Action, kind=st.sampled_from(["refund last", "again", "refund first", "open", "read"]))
stories = st.lists(st.lists(spins | faults | others, max_size=8), min_size=1, max_size=3)


class Person:
    """Plays, and keeps count of what the wallet should have when all is delivered."""

    def __init__(self) -> None:
        self.balance = OPENING
        self.refundable = ZERO

    def act(self, delivery: RoundDelivery, session: SessionInTest, action: Action) -> None:
        """Do one thing, and reckon with it."""
        match action.kind:
            case "spin":
                self._spin(delivery, session, action)
            case "fault on any":
                delivery.trouble.disturb_next(session.id, action.fault)
            case "refund first":
                delivery.trouble.disturb_round(session.id, RoundTrouble.REFUND_BEFORE_BET)
            case "open":
                delivery.open_wallet(session)
            case "read":
                delivery.read_balance(session)
            case "refund last":
                self._try(lambda: delivery.by_hand.refund_last_bet(session))
                self.balance, self.refundable = Money(self.balance + self.refundable), ZERO
            case "again":
                self._try(lambda: delivery.by_hand.send_last_again(session))
            case _:
                method = {"bet": Method.BET, "win": Method.WIN, "refund": Method.REFUND}
                delivery.trouble.disturb_next(
                    session.id, action.fault, method[action.kind.rpartition(" ")[2]]
                )

    def _spin(self, delivery: RoundDelivery, session: SessionInTest, action: Action) -> None:
        result = delivery.play(session, action.stake, drawn=Spin(action.factor))
        self.refundable = ZERO
        if result.outcome is Outcome.ACCEPTED and not result.refunded:
            self.balance = Money(self.balance - result.stake + result.win)
            self.refundable = result.stake

    def _try(self, attempt: Callable[[], Delivered]) -> None:
        """There may be nothing yet to do it with."""
        with suppress(UsageError):
            attempt()


@settings(max_examples=60)
@given(stories)
def test_the_wallet_ends_with_what_the_rounds_add_up_to(story: list[list[Action]]) -> None:
    """Each part of the story is a run of the simulator on the same folder."""
    with wallet() as server, TemporaryDirectory() as folder:
        person = Person()
        for part in story:
            with playing(server.endpoint, folder=Path(folder)) as play:
                for action in part:
                    person.act(play.delivery, play.session(), action)
                assert play.delivery.drained(20)
                assert play.delivery.undelivered() == []
                wrong = play.delivery.journal.latest(Filter(verdict=CallVerdict.WRONG))
                assert wrong == [], [each.findings for each in wrong]
                assert play.delivery.referees.balances(("demo", "1000")) in ((), (money_at(server),))
        assert money_at(server) == person.balance
