"""The games in play: a seat for each session, with its rounds, its stakes, and its money or play money."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from simulator.core.findings import Outcome
from simulator.core.languages import Lang
from simulator.core.money import ZERO, Money
from simulator.core.rounds import VOLATILITIES, Spin, spin
from simulator.core.values import Frozen
from simulator.core.webhooks import Method
from simulator.errors import SimulatorError
from simulator.serve.accounts import Session
from simulator.serve.answers import Denied, ErrorCode, PlayProblem
from simulator.serve.entries import Filter
from simulator.serve.play.reels import Picture, picture_of
from simulator.serve.turns import PlayerBusy

if TYPE_CHECKING:
    from simulator.serve.delivery import RoundDelivery
    from simulator.serve.rounds import RoundResult

SEATS_MAX = 10_000

ROUNDS_MAX = 200


class PlayedRound(Frozen):
    """A round as the player sees it. `at_ms` is Unix time; `picture` is None if the bet was not accepted."""

    number: int
    at_ms: int
    stake: Money
    win: Money
    balance: Money | None
    standing: Standing
    problem: PlayProblem | None
    picture: Picture | None
    owed: Owed | None
    exchanges: tuple[int, ...] = ()


class Seat:
    """One session in play, one round at a time. Thread-safe."""

    def __init__(self, session: Session, funds: Funds, now_ms: Callable[[], int]) -> None:
        self.session = session
        self.funds = funds
        self.stakes = stake_ladder(session.launch.lang)
        self._now_ms = now_ms
        self._rounds: deque[PlayedRound] = deque(maxlen=ROUNDS_MAX)
        self._playing = threading.Lock()

    @property
    def resting(self) -> Picture:
        """Return the reels of the last round; before the first, reels that win nothing."""
        for played in reversed(self._rounds.copy()):
            if played.picture is not None:
                return played.picture
        return picture_of(ZERO, self.stakes[0], feature=False, key=f"{self.session.number} at rest")

    def open(self) -> Opened:
        """Open the wallet for the player, perhaps again; not while a round is played."""
        with self._alone():
            return self.funds.open()

    def spin(self, stake: Money, drawn: Spin | None = None) -> PlayedRound:
        """Play one round, of a spin that is drawn unless given.

        Raises Denied: BUSY while another one is played, MONEY, SERVER.
        """
        with self._alone():
            played = self.funds.play(stake, drawn)
            found = PlayedRound(
                number=played.number,
                at_ms=self._now_ms(),
                stake=stake,
                win=played.win,
                balance=played.balance,
                standing=played.standing,
                problem=played.problem,
                picture=self._picture(played, stake),
                owed=played.owed,
                exchanges=played.exchanges,
            )
            self._rounds.append(found)
            return found

    def rounds(self) -> list[PlayedRound]:
        """Return the latest rounds in their present state, newest first."""
        return [self._now(played) for played in reversed(self._rounds.copy())]

    def _picture(self, played: Played, stake: Money) -> Picture | None:
        if played.problem is not None and played.problem.calls_off:
            return None
        key = f"{self.session.launch.agent.code} {self.session.number} {played.number}"
        return picture_of(played.win, stake, feature=played.spin.feature, key=key)

    def _now(self, played: PlayedRound) -> PlayedRound:
        if played.owed is None or not self.funds.settled(played.owed):
            return played
        is_win = played.owed.method is Method.WIN
        return replace(played, standing=Standing.PAID if is_win else Standing.REFUNDED, owed=None)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._playing.acquire(blocking=False):
            raise Denied(ErrorCode.ROUND_RUNS)
        try:
            yield
        finally:
            self._playing.release()


class Seats:
    """The seats of one server; beyond SEATS_MAX, the longest unused is dropped. Thread-safe."""

    def __init__(self, make_funds: Callable[[Session], Funds], now_ms: Callable[[], int]) -> None:
        self._make_funds = make_funds
        self._now_ms = now_ms
        self._by_token: OrderedDict[str, Seat] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, session: Session) -> Seat:
        """Return the seat of a session, a new one if it has none."""
        with self._lock:
            seat = self._by_token.get(session.token)
            if seat is None:
                seat = Seat(session, self._make_funds(session), self._now_ms)
                self._by_token[session.token] = seat
            self._by_token.move_to_end(session.token)
            while len(self._by_token) > SEATS_MAX:
                self._by_token.popitem(last=False)
            return seat


def make_seats(seed: int, now_ms: Callable[[], int]) -> Seats:
    """Return the seats of a server that draws the spins of DEMO sessions from that seed."""

    def funds_of(session: Session) -> Funds:
        # A DEMO session has no delivery, so it cannot reach a wallet.
        if session.delivery is None:
            return PlayMoney(session, seed)
        return WalletMoney(session, session.delivery)

    return Seats(funds_of, now_ms)


# --- the money of a session: play money, or a wallet ----------------------------------------------

PLAY_MONEY = Money(100_000)

_POINTS = 10


class Standing(StrEnum):
    """The state of a round. PENDING: its win or refund has no answer yet."""

    PAID = "paid"
    REFUSED = "refused"
    REFUNDED = "refunded"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Opened:
    """The player's name and balance when the page opens. `balance` is None if it cannot be read.

    `refusal` is the wallet's answer to a call of the launch that it did not accept, as it wrote it; `refused`
    says whether that is a refusal of the player.
    """

    balance: Money | None
    name: str
    refusal: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Owed:
    """A win or a refund that has no answer yet."""

    method: Method
    transaction_id: str


@dataclass(frozen=True, slots=True)
class Played:
    """One round. `win` is 0.00 unless the bet was accepted; `owed` is the call that is pending.

    `exchanges` are the numbers of its calls in the journal.
    """

    number: int
    spin: Spin
    win: Money
    balance: Money | None
    standing: Standing
    problem: PlayProblem | None = None
    owed: Owed | None = None
    exchanges: tuple[int, ...] = ()


class Funds(Protocol):
    """The money that a session plays with. Every method raises Denied if it cannot be reached."""

    def open(self) -> Opened:
        """Read the player's name and balance."""

    def play(self, stake: Money, drawn: Spin | None = None) -> Played:
        """Play one round, of a spin that is drawn unless given; calls do not overlap."""

    def balance(self) -> Money | None:
        """Return the latest known balance, without a call."""

    def settled(self, owed: Owed, /) -> bool:
        """Return whether the pending call was answered."""

    def pending(self) -> bool:
        """Return whether any call of this session is still to be sent."""


class PlayMoney:
    """The play money of a DEMO session, which never calls a wallet."""

    def __init__(self, session: Session, seed: int) -> None:
        self._name = session.launch.user_name
        self._model = VOLATILITIES[session.launch.game.volatility]
        self._key = (seed, session.launch.agent.code, session.number)
        self._stake_min = stake_ladder(session.launch.lang)[0]
        self._balance = PLAY_MONEY
        self._rounds = 0

    def open(self) -> Opened:
        """Return the balance, with new play money once it is less than the smallest stake."""
        if self._balance < self._stake_min:
            self._balance = PLAY_MONEY
        return Opened(self._balance, self._name)

    def play(self, stake: Money, drawn: Spin | None = None) -> Played:
        """Play one round, with the same spins as the session would have against a wallet."""
        if stake > self._balance:
            raise Denied(ErrorCode.MONEY)
        self._rounds += 1
        drawn = drawn or spin(self._model, *self._key, self._rounds)
        win = drawn.payout(stake)
        self._balance = Money(self._balance - stake + win)
        return Played(self._rounds, drawn, win, self._balance, Standing.PAID)

    def balance(self) -> Money | None:
        """Return the play money that is left."""
        return self._balance

    def settled(self, _: Owed, /) -> bool:
        """Return True: play money is never pending."""
        return True

    def pending(self) -> bool:
        """Return False: play money is never pending."""
        return False


class WalletMoney:
    """The money of a CHARGED session, in the player's wallet."""

    def __init__(self, session: Session, delivery: RoundDelivery) -> None:
        self._session = session
        self._delivery = delivery
        self._agent = session.launch.agent.code

    def open(self) -> Opened:
        """Send account_details, then user_balance (provider behaviour)."""
        with _answered():
            opening = self._delivery.open_wallet(self._session)
        name = opening.details.get("name_jogador") or self._session.launch.user_name
        return Opened(opening.balance, name, opening.refusal, opening.refused)

    def play(self, stake: Money, drawn: Spin | None = None) -> Played:
        """Send the bet, then the win, as a provider does."""
        volatility = self._session.launch.game.volatility
        with _answered():
            result = self._delivery.play(self._session, stake, volatility=volatility, drawn=drawn)
            standing, problem = self._read(result)
            owed = self._owed(result) if standing is Standing.PENDING else None
            # A refusal need not show the balance, which then is the last known one.
            balance = self.balance() if result.balance is None else result.balance
        return Played(result.round, result.spin, result.win, balance, standing, problem, owed, result.numbers)

    def balance(self) -> Money | None:
        """Return the last balance in an answer of the wallet, from any session of the player."""
        points = self._delivery.journal.balances(self._agent, self._session.launch.player, limit=_POINTS)
        return next((point.answered for point in reversed(points) if point.answered is not None), None)

    def settled(self, owed: Owed, /) -> bool:
        """Return whether the journal has an answer to the call."""
        wanted = Filter(agent=self._agent, method=owed.method.value, transaction_id=owed.transaction_id)
        latest = self._delivery.journal.latest(wanted, limit=5)
        return any(entry.call.outcome is not Outcome.UNKNOWN for entry in latest)

    def pending(self) -> bool:
        """Return whether a call of this session will be retried."""
        return any(
            owed.session == self._session.id and owed.agent == self._agent
            for owed in self._delivery.pending()
        )

    def _read(self, result: RoundResult) -> tuple[Standing, PlayProblem | None]:
        if result.refunded:
            if not self.settled(Owed(Method.REFUND, result.bet_id)):
                return Standing.PENDING, PlayProblem.BET_PENDING
            return Standing.REFUNDED, PlayProblem.BET_REFUNDED
        if result.outcome is Outcome.REFUSED:
            return Standing.REFUSED, PlayProblem.BET_REFUSED
        if result.win == ZERO:
            # A win of 0.00 settles a lost round between provider and wallet; the player has lost either way.
            return (Standing.PENDING if result.pending else Standing.PAID), None
        if result.pending:
            return Standing.PENDING, PlayProblem.WIN_PENDING
        if result.win_outcome is Outcome.REFUSED:
            return Standing.REFUSED, PlayProblem.WIN_REFUSED
        return Standing.PAID, None

    def _owed(self, result: RoundResult) -> Owed:
        if result.refunded:
            return Owed(Method.REFUND, result.bet_id)
        return Owed(Method.WIN, result.win_id)


@contextmanager
def _answered() -> Iterator[None]:
    """Turn errors that keep delivery from calling into errors of the page."""
    try:
        yield
    except PlayerBusy as error:
        raise Denied(ErrorCode.ROUND_RUNS, str(error)) from error
    except SimulatorError as error:
        raise Denied(ErrorCode.SERVER, str(error)) from error


# --- stakes: a ladder for each language, since webhooks have no currency --------------------------

# fmt: off
_BASE = tuple(Money(amount) for amount in (20, 40, 60, 80, 100, 200, 300, 400, 500, 1000, 2000, 5000, 10_000))

# fmt: on
# Percent of the base ladder: the smallest stake is 1.00 lira, 0.50 real or 0.20.
_FACTORS = {Lang.TURKISH: 500, Lang.PORTUGUESE: 250, Lang.ENGLISH: 100}

FIRST = 4
"""The index of the stake with which a player begins."""


def stake_ladder(lang: Lang) -> tuple[Money, ...]:
    """Return the possible stakes, the smallest first."""
    return tuple(Money(stake * _FACTORS[lang] // 100) for stake in _BASE)
