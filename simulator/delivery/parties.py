"""What delivery needs to know of agents and game sessions, whoever keeps them."""

from __future__ import annotations

from typing import Protocol

from simulator.core.wire import WireProfile
from simulator.delivery.target import Target


class Agent(Protocol):
    """An operator's account: where its webhooks go, and in which words. `target` None: nowhere yet."""

    @property
    def code(self) -> str: ...

    @property
    def target(self) -> Target | None: ...

    @property
    def wire(self) -> WireProfile: ...


class Game(Protocol):
    """A game of the catalogue."""

    @property
    def id(self) -> str: ...


class Launch(Protocol):
    """What was launched. `kind` is CHARGED or DEMO."""

    @property
    def agent(self) -> Agent: ...

    @property
    def player(self) -> str: ...

    @property
    def game(self) -> Game: ...

    @property
    def kind(self) -> str: ...


class GameSession(Protocol):
    """One launch that is played. `number` counts an agent's sessions: it is part of a spin's seed."""

    @property
    def id(self) -> str: ...

    @property
    def number(self) -> int: ...

    @property
    def launch(self) -> Launch: ...


DEMO = "DEMO"


def is_demo(session: GameSession) -> bool:
    """Whether play money is played for."""
    return session.launch.kind == DEMO
