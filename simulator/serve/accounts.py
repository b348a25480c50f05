"""Agents: the operators' accounts with us, each with its credentials, its webhook URL and its wire profile.

What is sent to an agent's wallet, and what became of it, is delivery's; who plays is `sessions`'.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from simulator.core.profiles import WireProfile
from simulator.core.values import Frozen
from simulator.errors import ConfigurationError, SimulatorError, UsageError
from simulator.serve.catalogue import Catalogue, Game
from simulator.settings import AgentSettings, ServeSettings
from simulator.settings.wire import wire_profile

if TYPE_CHECKING:
    from simulator.serve.delivery import RoundDelivery
    from simulator.wire.target import Target


class Agent(Frozen):
    """One operator's account. `target` is its checked webhook URL; None lets it play DEMO only."""

    code: str
    token: str = field(repr=False)
    secret_key: str = field(repr=False)
    wire: WireProfile = field(repr=False)
    target: Target | None = None


def make_agent(account: AgentSettings, settings: ServeSettings) -> Agent:
    """The agent of that account; what concerns every agent's calls comes from the settings.

    Raises UsageError or EndpointUnreachable where its webhook URL may not or cannot be called,
    ConfigurationError for its wire profile.
    """
    target = None if account.webhook_url is None else _target(account, account.webhook_url, settings)
    return Agent(account.code, account.token, account.secret_key, wire_profile(account.wire), target)


def _target(account: AgentSettings, webhook_url: str, settings: ServeSettings) -> Target:
    # The HTTP library behind it costs most of a start, which a server without a webhook URL is spared.
    from simulator.wire.target import make_target

    return make_target(
        webhook_url,
        allow_hosts=settings.allow_hosts,
        headers=account.headers,
        timeout_s=settings.timeout_s,
        connect_timeout_s=settings.timeout_s,
        cacert=None if settings.cacert is None else str(settings.cacert),
        insecure=settings.insecure,
        proxy=settings.proxy,
    )


class Agents:
    """The agents that there are now. Safe to use from any thread; an agent may be replaced at run time."""

    def __init__(self, agents: Iterable[Agent]) -> None:
        """ConfigurationError for two agents with one code or one token."""
        self._by_code: dict[str, Agent] = {}
        self._changing = threading.Lock()
        for agent in agents:
            if agent.code in self._by_code:
                raise ConfigurationError(f'two agents have the code "{agent.code}"; each needs its own')
            self.put(agent)

    def put(self, agent: Agent) -> None:
        """Add an agent, or replace the one of that code. ConfigurationError for another agent's token."""
        with self._changing:
            others = [other for code, other in self._by_code.items() if code != agent.code]
            if any(other.token == agent.token for other in others):
                raise ConfigurationError(
                    f'the agent "{agent.code}" has the agent_token of another one; each needs its own'
                )
            # A copy, so that whoever is reading sees the agents before or after, never between.
            self._by_code = {**self._by_code, agent.code: agent}

    def remove(self, code: str) -> None:
        """Forget an agent; its tokens are worth nothing from now on. KeyError where there is none."""
        with self._changing:
            left = dict(self._by_code)
            del left[code]
            self._by_code = left

    def all(self) -> tuple[Agent, ...]:
        """Every agent, the first one first."""
        return tuple(self._by_code.values())

    def of_code(self, code: str) -> Agent | None:
        """The agent of that code."""
        return self._by_code.get(code)

    def with_credentials(self, token: str, secret_key: str) -> Agent | None:
        """The agent that both belong to. Takes equally long whichever of them is wrong."""
        found: Agent | None = None
        for agent in self._by_code.values():
            token_fits = same_text(agent.token, token)
            if same_text(agent.secret_key, secret_key) & token_fits:
                found = agent
        return found


def same_text(secret: str, given: str) -> bool:
    """Whether a secret was given, compared in constant time."""
    return hmac.compare_digest(secret.encode(), given.encode("utf-8", "surrogatepass"))


# --- session_book ---------------------------------------------------------------------------------
# Sessions written down, a line of JSON each, so that a restarted server knows its game URLs.
# Only whoever may read the folder may read the file: a token is a player's secret.

FILE_NAME = "sessions.ndjson"

KEPT_MAX = 20_000


class SessionFile:
    """The sessions of a data folder. UsageError where the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            open(self._path, "ab", opener=_for_owner).close()
        except OSError as error:
            raise UsageError(f"--data {folder}: {error.strerror or error}") from None

    def sessions(
        self, agents: Agents, catalogue: Catalogue, open_delivery: Callable[[Agent], RoundDelivery]
    ) -> list[Session]:
        """The latest sessions, the oldest of them first; without those of agents and games that are gone."""
        found = list(self._records())[-KEPT_MAX:]
        read = (_session(record, agents, catalogue, open_delivery) for record in found)
        return [session for session in read if session is not None]

    def add(self, session: Session) -> None:
        """Write one more to the end."""
        with open(self._path, "ab", opener=_for_owner) as file:
            file.write(_line(session))

    def rewrite(self, sessions: Iterable[Session]) -> None:
        """Let the file hold these and no others; after a crash in the middle it holds the former ones."""
        new = self._path.with_suffix(".new")
        with open(new, "wb", opener=_for_owner) as file:
            file.writelines(map(_line, sessions))
        new.replace(self._path)

    def _records(self) -> Iterator[dict[str, Any]]:
        with self._path.open("rb") as file:
            for line in file:
                try:
                    record = json.loads(line)
                except ValueError:
                    # Half a line: the server was killed while it wrote.
                    continue
                if isinstance(record, dict):
                    yield record


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _line(session: Session) -> bytes:
    launch = session.launch
    record = {
        "id": session.id,
        "number": session.number,
        "token": session.token,
        "agent": launch.agent.code,
        "player": launch.player,
        "user_name": launch.user_name,
        "game": launch.game.id,
        "lang": launch.lang.value,
        "kind": launch.kind.value,
        "started_s": session.started_s,
        "expires_s": session.expires_s,
    }
    return json.dumps(record).encode() + b"\n"


def _session(
    record: dict[str, Any],
    agents: Agents,
    catalogue: Catalogue,
    open_delivery: Callable[[Agent], RoundDelivery],
) -> Session | None:
    try:
        agent, game = agents.of_code(record["agent"]), catalogue.game(record["game"])
        if agent is None or game is None:
            return None
        kind = SessionKind(record["kind"])
        player, user_name = str(record["player"]), str(record["user_name"])
        launch = Launch(agent, player, user_name, game, Lang(record["lang"]), kind)
        return Session(
            id=str(record["id"]),
            number=int(record["number"]),
            token=str(record["token"]),
            launch=launch,
            started_s=float(record["started_s"]),
            expires_s=float(record["expires_s"]),
            delivery=None if kind is SessionKind.DEMO else open_delivery(agent),
        )
    except (KeyError, TypeError, ValueError):
        # Somebody else's line.
        return None


# --- sessions -------------------------------------------------------------------------------------
# Game sessions: who plays which game, for which agent, until when. One launch makes one session.
# The session's token is its game URL's secret. Serving the game is play's, calling the wallet delivery's.

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
