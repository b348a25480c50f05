"""Possible states of one player's wallet, and what is said of a call by them."""

from __future__ import annotations

from typing import NamedTuple

from simulator.core.frozen import Frozen
from simulator.core.money import Money
from simulator.core.roles import Entry, Role
from simulator.core.webhooks import Method

Key = tuple[Method, str]

MAX_WORLDS = 4096
"""More unknown calls than this many combinations are not followed; the scenario is inconclusive."""


class TooManyWorlds(Exception):
    """The unknown calls of one player combine to more worlds than are followed."""


class World:
    """One possible state of a player's wallet: a balance, and what differs from the other worlds."""

    __slots__ = ("balance", "delta")

    def __init__(self, balance: int, delta: dict[Key, Entry]) -> None:
        self.balance = balance
        self.delta = delta

    def identity(self) -> tuple[int, frozenset[tuple[Key, Entry]]]:
        """Equal for worlds that cannot be told apart."""
        return self.balance, frozenset(self.delta.items())


class Judged(NamedTuple):
    """What the ledger says of one call. `possible` is False when no world allows the answer."""

    possible: bool
    role: Role
    settled: bool
    """Whether one balance is left; if not, a balance read tells the worlds apart."""


class Terms(Frozen):
    """What is known of a player besides the calls: `max_bet` is a limit the operator configured."""

    exists: bool = True
    blocked: bool = False
    max_bet: Money | None = None
