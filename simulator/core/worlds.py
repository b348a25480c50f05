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


class Games:
    """What a player's games are at: how many accepted bets are open, and when the last win was sent."""

    def __init__(self) -> None:
        self._open_bets: dict[str | None, int] = {}
        self._last_win: dict[str | None, int] = {}

    def bet(self, game: str | None) -> None:
        """A bet was accepted."""
        self._open_bets[game] = self._open_bets.get(game, 0) + 1

    def refund(self, game: str | None) -> None:
        """A bet was given back."""
        if self._open_bets.get(game):
            self._open_bets[game] -= 1

    def win(self, game: str | None, order: int) -> None:
        """A win was sent, at that place of the player's order."""
        self._last_win[game] = order

    def open_bets(self, game: str | None) -> int:
        """How many are open."""
        return self._open_bets.get(game, 0)

    def last_win(self, game: str | None) -> int:
        """The place of the last win, -1 where there was none."""
        return self._last_win.get(game, -1)

    def all(self) -> dict[str | None, tuple[int, int]]:
        """By game: the open bets, and the place of the last win."""
        names = {*self._open_bets, *self._last_win}
        return {name: (self.open_bets(name), self.last_win(name)) for name in names}


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
