"""Who sits at which game: a seat for each session that is played, with its purse and its rounds."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from simulator.core.frozen import Frozen
from simulator.core.money import ZERO, Money
from simulator.core.webhooks import Method
from simulator.play.problems import Error, PlayError, Problem
from simulator.play.purses import Opened, Owed, Played, Purse, Standing
from simulator.play.reels import Picture, picture_of
from simulator.play.stakes import stake_ladder
from simulator.sessions import Session

SEATS_MAX = 10_000
ROUNDS_MAX = 200


class Round(Frozen):
    """A round as the player sees it. `at_ms` is Unix time; `picture` is None where the bet did not stand."""

    number: int
    at_ms: int
    stake: Money
    win: Money
    balance: Money | None
    standing: Standing
    problem: Problem | None
    picture: Picture | None
    owed: Owed | None


class Seat:
    """One session at play; for any threads, one round at a time."""

    def __init__(self, session: Session, purse: Purse, now_ms: Callable[[], int]) -> None:
        self.session = session
        self.purse = purse
        self.stakes = stake_ladder(session.launch.lang)
        self._now_ms = now_ms
        self._rounds: deque[Round] = deque(maxlen=ROUNDS_MAX)
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

    def spin(self, stake: Money) -> Round:
        """Play one round. Raises PlayError: BUSY while another one is played, STAKE, MONEY, SERVER."""
        if stake not in self.stakes:
            raise PlayError(Error.STAKE)
        with self._alone():
            played = self.purse.play(stake)
            found = Round(
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

    def rounds(self) -> list[Round]:
        """The latest rounds, newest first, as they stand now."""
        return [self._now(played) for played in reversed(self._rounds.copy())]

    def _picture(self, played: Played, stake: Money) -> Picture | None:
        if played.problem is not None and played.problem.calls_off:
            return None
        key = f"{self.session.launch.agent.code} {self.session.number} {played.number}"
        return picture_of(played.win, stake, feature=played.spin.feature, key=key)

    def _now(self, played: Round) -> Round:
        if played.owed is None or not self.purse.settled(played.owed):
            return played
        is_win = played.owed.method is Method.WIN
        return replace(played, standing=Standing.PAID if is_win else Standing.REFUNDED, owed=None)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._playing.acquire(blocking=False):
            raise PlayError(Error.BUSY)
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
