"""The agents (accounts with credentials, a webhook URL and a wire profile), and the game sessions of players.

An agent may be replaced at run time. One launch makes one session, whose token is the secret in its game URL;
with a data folder, sessions are kept in a file, so that a restarted server knows its game URLs.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import secrets
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from simulator.core.languages import Lang
from simulator.core.profiles import WireProfile
from simulator.core.secrets import Secrets
from simulator.core.values import Frozen
from simulator.errors import ConfigurationError, SimulatorError, UsageError
from simulator.serve.catalogue import Catalogue, Game
from simulator.serve.store import make_private_folder
from simulator.settings import AgentSettings, ServeSettings
from simulator.settings.load import wire_profile

if TYPE_CHECKING:
    from simulator.serve.delivery import RoundDelivery
    from simulator.wire.target import Target

_log = logging.getLogger(__name__)


class Agent(Frozen):
    """One account. `target` is its checked webhook URL; with None it plays DEMO only.

    `zero_wins` tells whether a lost round ends in a win of 0.00.
    """

    code: str
    token: str = field(repr=False)
    secret_key: str = field(repr=False)
    wire: WireProfile = field(repr=False)
    target: Target | None = None
    zero_wins: bool = True

    @property
    def secrets(self) -> Secrets:
        """Return what is masked wherever the agent's calls are shown."""
        return _secrets(self)


@lru_cache(maxsize=256)
def _secrets(agent: Agent) -> Secrets:
    pair = b64encode(f"{agent.token}:{agent.secret_key}".encode()).decode("ascii")
    texts = [agent.token, agent.secret_key, pair]
    target, headers = agent.target, agent.wire.headers
    if target is None:
        return Secrets(headers=headers, texts=texts)
    if target.proxy is not None:
        headers = (*headers, ("Proxy-Authorization", target.proxy.authorization))
    return Secrets(headers=(*headers, *target.headers), urls=[target.url], texts=texts)


def make_agent(account: AgentSettings, settings: ServeSettings) -> Agent:
    """Return the agent of an account; options that apply to the calls of all agents come from the settings.

    Raises UsageError or EndpointUnreachable if its webhook URL may not or cannot be called, and
    ConfigurationError for its wire profile.
    """
    target = None if account.webhook_url is None else _target(account, account.webhook_url, settings)
    zero_wins = settings.zero_wins if account.zero_wins is None else account.zero_wins
    return Agent(
        account.code, account.token, account.secret_key, wire_profile(account.wire), target, zero_wins
    )


def reach_wallet(agent: Agent, webhook_url: str, settings: ServeSettings) -> Target:
    """Return the target that a webhook URL would be for this agent.

    Raises UsageError or EndpointUnreachable if it may not or cannot be called.
    """
    headers = agent.target.headers if agent.target else ()
    account = AgentSettings(code=agent.code, token=agent.token, secret_key=agent.secret_key, headers=headers)
    return _target(account, webhook_url, settings)


def _target(account: AgentSettings, webhook_url: str, settings: ServeSettings) -> Target:
    # Importing the HTTP library takes most of a start; a server without a webhook URL does without it.
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
    """The present agents. Thread-safe."""

    def __init__(self, agents: Iterable[Agent]) -> None:
        """Keep these agents. Raises ConfigurationError for two agents with one code or one token."""
        self._by_code: dict[str, Agent] = {}
        self._changing = threading.Lock()
        for agent in agents:
            if agent.code in self._by_code:
                raise ConfigurationError(f'two agents have the code "{agent.code}"; each needs its own')
            self.put(agent)

    def put(self, agent: Agent) -> None:
        """Add an agent, or replace the one with its code. Raises ConfigurationError for another's token."""
        with self._changing:
            others = [other for code, other in self._by_code.items() if code != agent.code]
            if any(other.token == agent.token for other in others):
                raise ConfigurationError(
                    f'the agent "{agent.code}" has the agent_token of another one; each needs its own'
                )
            # A new dict, so that readers see the agents either before or after the change.
            self._by_code = {**self._by_code, agent.code: agent}

    def remove(self, code: str) -> None:
        """Remove an agent, whose tokens become invalid. Raises KeyError for an unknown one."""
        with self._changing:
            left = dict(self._by_code)
            del left[code]
            self._by_code = left

    def all(self) -> tuple[Agent, ...]:
        """Return every agent, in the order in which they were added."""
        return tuple(self._by_code.values())

    def of_code(self, code: str) -> Agent | None:
        """Return the agent with that code, or None."""
        return self._by_code.get(code)

    def with_credentials(self, token: str, secret_key: str) -> Agent | None:
        """Return the agent with both, or None. Takes equally long whichever of them is wrong."""
        found: Agent | None = None
        for agent in self._by_code.values():
            token_fits = same_text(agent.token, token)
            if same_text(agent.secret_key, secret_key) & token_fits:
                found = agent
        return found


def same_text(secret: str, given: str) -> bool:
    """Return whether the secret was given, compared in constant time."""
    return hmac.compare_digest(secret.encode(), given.encode("utf-8", "surrogatepass"))


# --- the file of sessions -------------------------------------------------------------------------

FILE_NAME = "sessions.ndjson"

KEPT_MAX = 20_000

_KEYS = frozenset({"id", "number", "token", "agent", "player", "game", "kind", "started_s", "expires_s"})


class SessionFile:
    """The sessions of a data folder, one line of JSON each. Raises UsageError for an unusable folder.

    Only the file's owner may read it: a session's token is a secret. `counts` are the highest numbers of the
    sessions of each agent, those of sessions that are hidden included.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._hidden: list[bytes] = []
        self.counts: dict[str, int] = {}
        try:
            make_private_folder(folder)
            open(self._path, "ab", opener=_for_owner).close()
        except OSError as error:
            raise UsageError(f"--data {folder}: {error.strerror or error}") from None

    def sessions(
        self, agents: Agents, catalogue: Catalogue, open_delivery: Callable[[Agent], RoundDelivery]
    ) -> list[Session]:
        """Return the latest sessions, oldest first, without those of agents and games that are not there.

        These are hidden: they stay in the file, for a start with their agent and game.
        """
        self._hidden.clear()
        read: list[Session] = []
        for line, record in list(self._records())[-KEPT_MAX:]:
            agent, number = str(record.get("agent")), record.get("number")
            if isinstance(number, int):
                self.counts[agent] = max(self.counts.get(agent, 0), number)
            session = _session(record, agents, catalogue, open_delivery)
            if session is not None:
                read.append(session)
            elif record.keys() >= _KEYS:
                self._hidden.append(line)
        return read

    def add(self, session: Session) -> None:
        """Append a session."""
        with open(self._path, "ab", opener=_for_owner) as file:
            file.write(_line(session))

    def rewrite(self, sessions: Iterable[Session], *, with_hidden: bool = True) -> None:
        """Replace the file by one with these sessions; after a crash in between the old file remains."""
        if not with_hidden:
            self._hidden.clear()
        new = self._path.with_suffix(".new")
        with open(new, "wb", opener=_for_owner) as file:
            file.writelines(self._hidden)
            file.writelines(map(_line, sessions))
        new.replace(self._path)

    def _records(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    # Mostly half a line: the server was killed while writing.
                    _log.warning("%s:%d is no session of this server and is left out", self._path, number)
                    continue
                if isinstance(record, dict):
                    yield line, record


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
        "zero_wins": launch.zero_wins,
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
        zero_wins = record.get("zero_wins")
        settled = zero_wins if isinstance(zero_wins, bool) else None
        launch = Launch(agent, player, user_name, game, Lang(record["lang"]), kind, settled)
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
        # Not a line that this server wrote.
        return None


# --- sessions -------------------------------------------------------------------------------------

LIFETIME_S = 4 * 3600

SESSIONS_MAX = 100_000

Now = Callable[[], float]
"""A function that returns Unix time in seconds; the server's clock can be moved ahead."""


class SessionKind(StrEnum):
    """Whether a session plays with the wallet's money or with play money (reference, game_launch, `type`)."""

    CHARGED = "CHARGED"
    DEMO = "DEMO"


class Launch(Frozen):
    """The checked parameters of a launch. `player` is the wallet's user_id.

    `zero_wins` None follows the agent.
    """

    agent: Agent
    player: str
    user_name: str
    game: Game
    lang: Lang
    kind: SessionKind
    zero_wins: bool | None = None


class Session(Frozen):
    """One launched game. `id` is shown in journal and console, so it is no secret; `number` counts the
    sessions of an agent from 1, so that (seed, agent, number, round) determines a spin.

    `delivery` is None exactly for DEMO: play money never reaches a wallet.
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
    """Raised for a game URL without a session that can be played."""


class UnknownSession(NoSession):
    """Raised for a token that this server never issued, or whose session it forgot."""


class EndedSession(NoSession):
    """Raised for a session that is over."""


class SessionBook(Protocol):
    """The file of sessions as the store uses it: a session is written before it can be played."""

    def add(self, session: Session) -> None:
        """Append a session."""

    def rewrite(self, sessions: Iterable[Session], *, with_hidden: bool = True) -> None:
        """Replace all sessions by these. Those of agents and games that are not there stay `with_hidden`."""


class SessionStore:
    """The game sessions of one server. Thread-safe. `key` (32 bytes) signs their tokens."""

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
        """Start a session; a CHARGED one gets its agent's delivery."""
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

    def restore(self, sessions: Iterable[Session], counts: Mapping[str, int] | None = None) -> None:
        """Add sessions from the file; new sessions continue their numbers, and those in `counts`."""
        with self._changing:
            self._counts.update(counts or {})
            for session in sessions:
                code = session.launch.agent.code
                self._counts[code] = max(self._counts.get(code, 0), session.number)
                self._keep(session)

    def find(self, token: str) -> Session:
        """Return the session with this token. Raises UnknownSession or EndedSession."""
        secret, _, rest = token.partition(".")
        expires_text = rest.partition(".")[0]
        if not (expires_text.isascii() and expires_text.isdigit() and len(expires_text) <= 12):
            raise UnknownSession("this is no game URL of ours")
        if not same_text(self._signed(secret, int(expires_text)), token):
            raise UnknownSession("this is no game URL of ours")
        session = self._by_secret.get(secret)
        # A session may have ended early; a forgotten one ends at the time in its token.
        if self._now() >= (int(expires_text) if session is None else session.expires_s):
            raise EndedSession("this game session is over; launch the game again")
        if session is None:
            raise UnknownSession("this game session is no longer known; launch the game again")
        return session

    def all(self) -> tuple[Session, ...]:
        """Return every session, oldest first, ended ones included until they are forgotten."""
        with self._changing:
            return tuple(self._by_secret.values())

    def end(self, session_id: str) -> None:
        """End a session at once. Raises KeyError for an unknown one."""
        with self._changing:
            for secret, session in self._by_secret.items():
                if session.id == session_id:
                    self._by_secret[secret] = replace(session, expires_s=self._now())
                    self._write_down()
                    return
        raise KeyError(session_id)

    def clear(self) -> None:
        """Forget every session, and number new ones from 1 again."""
        with self._changing:
            self._by_secret.clear()
            self._counts.clear()
            if self._book is not None:
                self._book.rewrite((), with_hidden=False)

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
