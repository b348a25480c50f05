"""Rounds against a reference operator in tests: agents, sessions and a delivery on memory or a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from simulator.core.money import Money
from simulator.core.profiles import WireProfile
from simulator.core.rounds import Spin
from simulator.core.secrets import NO_SECRETS, Secrets
from simulator.reference_operator.server import OperatorServer
from simulator.reference_operator.settings import OperatorSettings
from simulator.serve.clock import LADDERS, Pace, kept_clock
from simulator.serve.delivery import RoundDelivery
from simulator.serve.journal import Journal
from simulator.serve.store import JournalStore
from simulator.wire.profiles import BETRONTECH
from simulator.wire.target import Target, make_target

STAKE = Money(1000)
GAMES = frozenset({"SLOT_001", "SLOT_002"})
LOSS, DOUBLE = Spin(0), Spin(200)


@dataclass(frozen=True, slots=True)
class AgentInTest:
    """An agent, as delivery sees one."""

    code: str = "demo"
    target: Target | None = None
    wire: WireProfile = BETRONTECH
    secrets: Secrets = NO_SECRETS
    zero_wins: bool = False


@dataclass(frozen=True, slots=True)
class GameInTest:
    """A game, as delivery sees one."""

    id: str = "SLOT_001"


@dataclass(frozen=True, slots=True)
class LaunchInTest:
    """A launch, as delivery sees one."""

    agent: AgentInTest
    player: str = "1000"
    game: GameInTest = field(default_factory=GameInTest)
    kind: str = "CHARGED"
    zero_wins: bool | None = None


@dataclass(frozen=True, slots=True)
class SessionInTest:
    """A session, as delivery sees one."""

    launch: LaunchInTest
    number: int = 1

    @property
    def id(self) -> str:
        """As the server names it."""
        return f"{self.launch.agent.code}-{self.number}"


@dataclass(frozen=True, slots=True)
class Play:
    """A delivery that plays against one wallet."""

    delivery: RoundDelivery
    agents: dict[str, AgentInTest]

    def session(self, player: str = "1000", number: int = 1, kind: str = "CHARGED") -> SessionInTest:
        """A session of that player."""
        return SessionInTest(LaunchInTest(self.agents["demo"], player, kind=kind), number)


@contextmanager
def playing(
    url: str,
    *,
    folder: Path | None = None,
    ladder: str = "ci",
    pace: Pace = Pace.REAL,
    timeout_s: float = 5.0,
    exchanges_max: int = 100_000,
) -> Iterator[Play]:
    """A delivery that is running, stopped at the end."""
    store = JournalStore(folder)
    agent = AgentInTest(target=make_target(url, timeout_s=timeout_s))
    agents = {agent.code: agent}
    journal = Journal(store, exchanges_max=exchanges_max)
    delivery = RoundDelivery(
        store, journal, kept_clock(store, pace), LADDERS[ladder], agents.get, seed=1, games=GAMES
    )
    delivery.start()
    try:
        yield Play(delivery, agents)
    finally:
        delivery.stop()
        store.close()


@contextmanager
def wallet(*defects: str, dialects: tuple[str, ...] = ()) -> Iterator[OperatorServer]:
    """A reference operator whose players 1000.. have 100.00 each."""
    settings = OperatorSettings(opening_balance="100.00", defects=defects, dialects=dialects)
    with OperatorServer(settings) as server:
        yield server


def money_at(server: OperatorServer, player: str = "1000") -> Money:
    """What the operator's own database says."""
    found = server.operator.find_player(player)
    assert found is not None
    return Money(found[0].balance)
