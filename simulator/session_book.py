"""Sessions written down, a line of JSON each, so that a restarted server knows its game URLs.

Only whoever may read the folder may read the file: a token is a player's secret.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.agents import Agent, Agents
from simulator.core.catalogue import Catalogue
from simulator.errors import UsageError
from simulator.sessions import Lang, Launch, Session, SessionKind

if TYPE_CHECKING:
    from simulator.delivery.round_delivery import RoundDelivery

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
