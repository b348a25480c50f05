"""Who sits at which game: a seat for each session that is played, with its purse and its rounds."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from simulator.core.findings import Outcome
from simulator.core.money import ZERO, Money
from simulator.core.rounds import VOLATILITIES, Spin, spin
from simulator.core.values import Frozen
from simulator.core.webhooks import Method
from simulator.errors import SimulatorError
from simulator.serve.accounts import Lang, Session
from simulator.serve.answers import Denied, ErrorCode, PlayProblem
from simulator.serve.journal import Filter
from simulator.serve.play.reels import Picture, picture_of
from simulator.serve.turns import PlayerBusy

if TYPE_CHECKING:
    from simulator.serve.delivery import RoundDelivery
    from simulator.serve.rounds import RoundResult

SEATS_MAX = 10_000

ROUNDS_MAX = 200


class PlayedRound(Frozen):
    """A round as the player sees it. `at_ms` is Unix time; `picture` is None where the bet did not stand."""

    number: int
    at_ms: int
    stake: Money
    win: Money
    balance: Money | None
    standing: Standing
    problem: PlayProblem | None
    picture: Picture | None
    owed: Owed | None


class Seat:
    """One session at play; for any threads, one round at a time."""

    def __init__(self, session: Session, purse: Purse, now_ms: Callable[[], int]) -> None:
        self.session = session
        self.purse = purse
        self.stakes = stake_ladder(session.launch.lang)
        self._now_ms = now_ms
        self._rounds: deque[PlayedRound] = deque(maxlen=ROUNDS_MAX)
        self._playing = threading.Lock()

    @property
    def resting(self) -> Picture:
        """What the reels show: the last round, or something that wins nothing."""
        for played in reversed(self._rounds.copy()):
            if played.picture is not None:
                return played.picture
        return picture_of(ZERO, self.stakes[0], feature=False, key=f"{self.session.number} at rest")

    def open(self) -> Opened:
        """The player arrives, once more perhaps; not while a round is played."""
        with self._alone():
            return self.purse.open()

    def spin(self, stake: Money) -> PlayedRound:
        """Play one round. Raises Denied: BUSY while another one is played, STAKE, MONEY, SERVER."""
        if stake not in self.stakes:
            raise Denied(ErrorCode.STAKE)
        with self._alone():
            played = self.purse.play(stake)
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
            )
            self._rounds.append(found)
            return found

    def rounds(self) -> list[PlayedRound]:
        """The latest rounds, newest first, as they stand now."""
        return [self._now(played) for played in reversed(self._rounds.copy())]

    def _picture(self, played: Played, stake: Money) -> Picture | None:
        if played.problem is not None and played.problem.calls_off:
            return None
        key = f"{self.session.launch.agent.code} {self.session.number} {played.number}"
        return picture_of(played.win, stake, feature=played.spin.feature, key=key)

    def _now(self, played: PlayedRound) -> PlayedRound:
        if played.owed is None or not self.purse.settled(played.owed):
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
    """The seats of one server, the longest unused left to others beyond SEATS_MAX; for any threads."""

    def __init__(self, make_purse: Callable[[Session], Purse], now_ms: Callable[[], int]) -> None:
        self._make_purse = make_purse
        self._now_ms = now_ms
        self._by_token: OrderedDict[str, Seat] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, session: Session) -> Seat:
        """The session's seat, a new one when it has none."""
        with self._lock:
            seat = self._by_token.get(session.token)
            if seat is None:
                seat = Seat(session, self._make_purse(session), self._now_ms)
                self._by_token[session.token] = seat
            self._by_token.move_to_end(session.token)
            while len(self._by_token) > SEATS_MAX:
                self._by_token.popitem(last=False)
            return seat


# --- purses ---------------------------------------------------------------------------------------
# Where a session's money is: play money in memory, or the operator's wallet. Showing it is `seats`'.

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
    problem: PlayProblem | None = None
    owed: Owed | None = None


class Purse(Protocol):
    """The money that a session plays with. Every method raises Denied where it cannot be asked."""

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
            raise Denied(ErrorCode.MONEY)
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
        latest = self._delivery.journal.latest(wanted, limit=5)
        return any(entry.call.outcome is not Outcome.UNKNOWN for entry in latest)

    def pending(self) -> bool:
        """Whether the ladder goes on with anything of this session."""
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
        if result.pending:
            return Standing.PENDING, PlayProblem.WIN_PENDING
        if result.win > ZERO and self._last_was_refused(result):
            return Standing.REFUSED, PlayProblem.WIN_REFUSED
        return Standing.PAID, None

    def _last_was_refused(self, result: RoundResult) -> bool:
        entry = self._delivery.journal.entry(result.numbers[-1])
        return entry is not None and entry.call.outcome is Outcome.REFUSED

    def _owed(self, result: RoundResult) -> Owed | None:
        if result.refunded:
            return Owed(Method.REFUND, result.bet_id)
        entry = self._delivery.journal.entry(result.numbers[-1])
        return None if entry is None else Owed(Method.WIN, entry.request.transaction_id or "")


@contextmanager
def _answered() -> Iterator[None]:
    """What keeps delivery from calling at all, in the page's words."""
    try:
        yield
    except PlayerBusy as error:
        raise Denied(ErrorCode.ROUND_RUNS, str(error)) from error
    except SimulatorError as error:
        raise Denied(ErrorCode.SERVER, str(error)) from error


# --- stakes ---------------------------------------------------------------------------------------
# What a player may stake: a ladder for each language, since no currency is on the wire.
# The steps are those of the conformance catalogue, §6.

# fmt: off
_BASE = tuple(Money(amount) for amount in (20, 40, 60, 80, 100, 200, 300, 400, 500, 1000, 2000, 5000, 10_000))

# fmt: on
# Hundredths of the base ladder: the smallest stake is then 1.00 lira, 0.50 real.
_FACTORS = {Lang.TURKISH: 500, Lang.PORTUGUESE: 250, Lang.ENGLISH: 100}

FIRST = 4
"""Where on the ladder a player begins."""


def stake_ladder(lang: Lang) -> tuple[Money, ...]:
    """The stakes there are, the smallest first."""
    return tuple(Money(stake * _FACTORS[lang] // 100) for stake in _BASE)
