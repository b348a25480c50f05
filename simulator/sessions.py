"""Game sessions: who plays which game, for which agent, until when. One launch makes one session.

The session's token is its game URL's secret. Serving the game is play's, calling the wallet delivery's.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from simulator.agents import Agent, same_text
from simulator.core.catalogue import Game
from simulator.core.frozen import Frozen
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.delivery.round_delivery import RoundDelivery

LIFETIME_S = 4 * 3600
SESSIONS_MAX = 100_000

Now = Callable[[], float]
"""The clock: Unix time in seconds. It is virtual, since a test moves it."""


class SessionKind(StrEnum):
    """What is played for (reference, game_launch, `type`)."""

    CHARGED = "CHARGED"
    DEMO = "DEMO"


class Lang(StrEnum):
    """The languages that games are in; the value is the page's language tag."""

    TURKISH = "tr"
    PORTUGUESE = "pt-BR"
    ENGLISH = "en"


def lang_of(code: str) -> Lang:
    """The language of tr_TR, pt_BR and the like; English for one that no game speaks."""
    match code.strip().replace("_", "-").casefold().partition("-")[0]:
        case "tr":
            return Lang.TURKISH
        case "pt":
            return Lang.PORTUGUESE
        case _:
            return Lang.ENGLISH


class Launch(Frozen):
    """What a launch asks for, checked. `player` is the operator's user_id."""

    agent: Agent
    player: str
    user_name: str
    game: Game
    lang: Lang
    kind: SessionKind


class Session(Frozen):
    """One launch that may be played. `id` is for journal and console and no secret; `number` counts an
    agent's sessions from 1, so that (seed, agent, number, round) names a spin.

    `delivery` is None for DEMO and only for DEMO: play money has no way to a wallet.
    """

    id: str
    number: int
    token: str = field(repr=False)
    launch: Launch
    started_s: float
    expires_s: float
    delivery: RoundDelivery | None = field(repr=False)

    def __post_init__(self) -> None:
        assert (self.delivery is None) is (self.launch.kind is SessionKind.DEMO)


class NoSession(SimulatorError):
    """A game URL leads to no session that can be played."""


class UnknownSession(NoSession):
    """The token was never given out by this server, or the session was forgotten."""


class EndedSession(NoSession):
    """The session is over."""


class SessionBook(Protocol):
    """Where sessions are written down, each before anyone can play it."""

    def add(self, session: Session) -> None:
        """One more."""

    def rewrite(self, sessions: Iterable[Session]) -> None:
        """These and no others."""


class SessionStore:
    """The game sessions of one server. Safe to use from any thread. `key` signs tokens (32 bytes)."""

    def __init__(
        self,
        key: bytes,
        now: Now,
        open_delivery: Callable[[Agent], RoundDelivery],
        book: SessionBook | None = None,
    ) -> None:
        self._key = key
        self._now = now
        self._open_delivery = open_delivery
        self._book = book
        self._by_secret: dict[str, Session] = {}
        self._counts: dict[str, int] = {}
        self._changing = threading.Lock()

    def open(self, launch: Launch) -> Session:
        """Start a session. A CHARGED one gets its agent's delivery."""
        delivery = None if launch.kind is SessionKind.DEMO else self._open_delivery(launch.agent)
        started_s = self._now()
        expires_s = started_s + LIFETIME_S
        token = self._signed(secrets.token_urlsafe(16), int(expires_s))
        with self._changing:
            number = self._counts.get(launch.agent.code, 0) + 1
            self._counts[launch.agent.code] = number
            session_id = f"{launch.agent.code}-{number}"
            session = Session(session_id, number, token, launch, started_s, expires_s, delivery)
            self._keep(session)
            if self._book is not None:
                self._book.add(session)
        return session

    def restore(self, sessions: Iterable[Session]) -> None:
        """Take back sessions that were written down; numbers go on after theirs."""
        with self._changing:
            for session in sessions:
                code = session.launch.agent.code
                self._counts[code] = max(self._counts.get(code, 0), session.number)
                self._keep(session)

    def find(self, token: str) -> Session:
        """The session that a game URL's token belongs to; raises UnknownSession or EndedSession."""
        secret, _, rest = token.partition(".")
        expires_text = rest.partition(".")[0]
        if not (expires_text.isascii() and expires_text.isdigit() and len(expires_text) <= 12):
            raise UnknownSession("this is no game URL of ours")
        if not same_text(self._signed(secret, int(expires_text)), token):
            raise UnknownSession("this is no game URL of ours")
        session = self._by_secret.get(secret)
        # A session may have been ended early; a forgotten one is over when its token says so.
        if self._now() >= (int(expires_text) if session is None else session.expires_s):
            raise EndedSession("this game session is over; launch the game again")
        if session is None:
            raise UnknownSession("this game session is not known any more; launch the game again")
        return session

    def all(self) -> tuple[Session, ...]:
        """Every session, the oldest first; ended ones among them until they are forgotten."""
        with self._changing:
            return tuple(self._by_secret.values())

    def end(self, session_id: str) -> None:
        """End a session at once; KeyError where there is none."""
        with self._changing:
            for secret, session in self._by_secret.items():
                if session.id == session_id:
                    self._by_secret[secret] = replace(session, expires_s=self._now())
                    self._write_down()
                    return
        raise KeyError(session_id)

    def clear(self) -> None:
        """Forget every session, and count from 1 again."""
        with self._changing:
            self._by_secret.clear()
            self._counts.clear()
            self._write_down()

    def _write_down(self) -> None:
        if self._book is not None:
            self._book.rewrite(self._by_secret.values())

    def _keep(self, session: Session) -> None:
        while len(self._by_secret) >= SESSIONS_MAX:
            del self._by_secret[next(iter(self._by_secret))]
        self._by_secret[session.token.partition(".")[0]] = session

    def _signed(self, secret: str, expires_s: int) -> str:
        text = f"{secret}.{expires_s}"
        mac = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")[:16]
        return f"{text}.{urlsafe_b64encode(mac).rstrip(b'=').decode('ascii')}"
