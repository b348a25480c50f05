"""Where a session's money is: play money in memory, or the operator's wallet. Showing it is `seats`'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from simulator.core.findings import Outcome
from simulator.core.money import ZERO, Money
from simulator.core.outcomes import VOLATILITIES, Spin, spin
from simulator.core.webhooks import Method
from simulator.delivery.journal_entry import Filter
from simulator.delivery.player_queues import PlayerBusy
from simulator.errors import SimulatorError
from simulator.play.problems import Error, PlayError, Problem
from simulator.play.stakes import stake_ladder
from simulator.sessions import Session

if TYPE_CHECKING:
    from simulator.delivery.round_delivery import RoundDelivery
    from simulator.delivery.round_driver import RoundResult

PLAY_MONEY = Money(100_000)
_POINTS = 10


class Standing(StrEnum):
    """How a round stands. PENDING: a win or a refund of it has no answer yet."""

    PAID = "paid"
    REFUSED = "refused"
    REFUNDED = "refunded"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known as the page opens. `balance` is None where it cannot be read."""

    balance: Money | None
    name: str


@dataclass(frozen=True, slots=True)
class Owed:
    """A win or a refund that has no answer yet."""

    method: Method
    transaction_id: str


@dataclass(frozen=True, slots=True)
class Played:
    """One round. `win` is what was won, 0.00 unless the bet was accepted.

    `owed` is what is pending.
    """

    number: int
    spin: Spin
    win: Money
    balance: Money | None
    standing: Standing
    problem: Problem | None = None
    owed: Owed | None = None


class Purse(Protocol):
    """The money that a session plays with. Every method raises PlayError where it cannot be asked."""

    def open(self) -> Opened:
        """The player arrives."""

    def play(self, stake: Money) -> Played:
        """One round, one at a time."""

    def balance(self) -> Money | None:
        """The latest balance that is known; nothing is asked for it."""

    def settled(self, owed: Owed, /) -> bool:
        """Whether what was pending has been answered."""

    def pending(self) -> bool:
        """Whether anything of this session will be sent yet."""


class PlayMoney:
    """A DEMO session's purse. It has no way to a wallet, and needs none."""

    def __init__(self, session: Session, seed: int) -> None:
        self._name = session.launch.user_name
        self._model = VOLATILITIES[session.launch.game.volatility]
        self._key = (seed, session.launch.agent.code, session.number)
        self._stake_min = stake_ladder(session.launch.lang)[0]
        self._balance = PLAY_MONEY
        self._rounds = 0

    def open(self) -> Opened:
        """Whoever has played it all away gets new play money."""
        if self._balance < self._stake_min:
            self._balance = PLAY_MONEY
        return Opened(self._balance, self._name)

    def play(self, stake: Money) -> Played:
        """One round; the spins are those that the session would have against a wallet."""
        if stake > self._balance:
            raise PlayError(Error.MONEY)
        self._rounds += 1
        drawn = spin(self._model, *self._key, self._rounds)
        win = drawn.payout(stake)
        self._balance = Money(self._balance - stake + win)
        return Played(self._rounds, drawn, win, self._balance, Standing.PAID)

    def balance(self) -> Money | None:
        """What is left."""
        return self._balance

    def settled(self, _: Owed, /) -> bool:
        """Always."""
        return True

    def pending(self) -> bool:
        """Never."""
        return False


class WalletMoney:
    """A CHARGED session's purse: the operator's wallet, by way of delivery."""

    def __init__(self, session: Session, delivery: RoundDelivery) -> None:
        self._session = session
        self._delivery = delivery
        self._agent = session.launch.agent.code

    def open(self) -> Opened:
        """account_details, then user_balance (provider behaviour)."""
        with _answered():
            opening = self._delivery.open_wallet(self._session)
        name = opening.details.get("name_jogador") or self._session.launch.user_name
        return Opened(opening.balance, name)

    def play(self, stake: Money) -> Played:
        """Bet, then win, by the provider's rules."""
        volatility = self._session.launch.game.volatility
        with _answered():
            result = self._delivery.play(self._session, stake, volatility=volatility)
            standing, problem = self._read(result)
            owed = self._owed(result) if standing is Standing.PENDING else None
            # A refusal need not say the balance: then it is what it was.
            balance = self.balance() if result.balance is None else result.balance
        return Played(result.round, result.spin, result.win, balance, standing, problem, owed)

    def balance(self) -> Money | None:
        """The last one the wallet answered, in whichever session of the player."""
        points = self._delivery.journal.balances(self._agent, self._session.launch.player, limit=_POINTS)
        return next((point.answered for point in reversed(points) if point.answered is not None), None)

    def settled(self, owed: Owed, /) -> bool:
        """Whether the journal has an answer to it."""
        wanted = Filter(agent=self._agent, method=owed.method.value, transaction_id=owed.transaction_id)
        return any(
            entry.outcome is not Outcome.UNKNOWN for entry in self._delivery.journal.latest(wanted, limit=5)
        )

    def pending(self) -> bool:
        """Whether the ladder goes on with anything of this session."""
        return any(
            owed.session == self._session.id and owed.agent == self._agent
            for owed in self._delivery.pending()
        )

    def _read(self, result: RoundResult) -> tuple[Standing, Problem | None]:
        if result.refunded:
            if not self.settled(Owed(Method.REFUND, result.bet_id)):
                return Standing.PENDING, Problem.BET_PENDING
            return Standing.REFUNDED, Problem.BET_REFUNDED
        if result.outcome is Outcome.REFUSED:
            return Standing.REFUSED, Problem.BET_REFUSED
        if result.pending:
            return Standing.PENDING, Problem.WIN_PENDING
        if result.win > ZERO and self._last_was_refused(result):
            return Standing.REFUSED, Problem.WIN_REFUSED
        return Standing.PAID, None

    def _last_was_refused(self, result: RoundResult) -> bool:
        entry = self._delivery.journal.entry(result.numbers[-1])
        return entry is not None and entry.outcome is Outcome.REFUSED

    def _owed(self, result: RoundResult) -> Owed | None:
        if result.refunded:
            return Owed(Method.REFUND, result.bet_id)
        entry = self._delivery.journal.entry(result.numbers[-1])
        return None if entry is None else Owed(Method.WIN, entry.transaction_id)


@contextmanager
def _answered() -> Iterator[None]:
    """What keeps delivery from calling at all, in the page's words."""
    try:
        yield
    except PlayerBusy as error:
        raise PlayError(Error.BUSY, str(error)) from error
    except SimulatorError as error:
        raise PlayError(Error.SERVER, str(error)) from error
