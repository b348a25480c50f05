"""At the end each player of the pool is brought back to the balance it had."""

from __future__ import annotations

import threading
from random import Random

from simulator.core.findings import Finding
from simulator.core.ledger import Ledger
from simulator.core.money import Money, format_money
from simulator.core.scenario import MAIN_PLAYER, Scenario
from simulator.runner.context import RunContext, Stopped, Why
from simulator.runner.finder import Finder, FormLog
from simulator.runner.judge import Judge
from simulator.runner.opening import CannotReach, Opening
from simulator.runner.preflight import PLACE
from simulator.runner.script import Script

HURRY_S = 2.0
"""How long balances may take to be put back after an interrupt."""


class Restore:
    """Remembers the balances that players had before the run."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._before: dict[str, Money] = {}
        self._back: set[str] = set()
        self._given_up = False

    def remember(self, player: str, balance: Money) -> None:
        """The balance that this player had."""
        self._before[player] = balance

    def left_as_it_is(self) -> list[str]:
        """A note for a run that ended early: who was not put back, and what each had."""
        left = [item for item in self._before.items() if item[0] not in self._back]
        if not left:
            return []
        balances = ", ".join(f"{player} had {format_money(b)}" for player, b in left[:5])
        more = f" and {len(left) - 5} more" if len(left) > 5 else ""
        return [f"the run ended early, so balances were not put back: {balances}{more}"]

    def at_the_end(self, *, hopeless: bool, in_hurry: bool) -> list[str]:
        """Bring every player back if that can be done, in a moment after an interrupt; returns notes."""
        if hopeless or self._context.gone:
            return self.left_as_it_is()
        self._context.ending = True
        return self._hurriedly() if in_hurry else self._all()

    # --- inside ------------------------------------------------------------------------------------

    def _hurriedly(self) -> list[str]:
        """After an interrupt: what is under way when the time is up is given up, and told."""
        timer = threading.Timer(HURRY_S, self._give_up)
        timer.start()
        try:
            notes = self._all()
        except KeyboardInterrupt:
            return self.left_as_it_is()
        finally:
            timer.cancel()
            timer.join()
        return self.left_as_it_is() if self._given_up else notes

    def _all(self) -> list[str]:
        """Bring every player back; returns a note for each that is not."""
        notes = []
        for number, (player, balance) in enumerate(self._before.items()):
            try:
                restored = self._one(player, balance, number)
            except (CannotReach, Stopped) as error:
                notes.append(f"player {player} was not brought back to {format_money(balance)}: {error}")
                continue
            if restored:
                self._back.add(player)
            else:
                notes.append(f"player {player} was not brought back to {format_money(balance)}")
        return notes

    def _give_up(self) -> None:
        self._given_up = True
        self._context.ending = False
        self._context.sender.cancel()

    def _one(self, player: str, balance: Money, number: int) -> bool:
        scenario = Scenario(id="restore", name="Restore", place=PLACE, steps=())
        finder = Finder(self._context, scenario, FormLog(), _told_before)
        judge = Judge(self._context, None, finder, Ledger())
        prefix = f"{self._context.run}z{number:x}"
        script = Script(
            scenario, {MAIN_PLAYER: player}, self._context.profile, self._context.games, prefix, Random(0)
        )
        opening = Opening(self._context, judge, script, Why(None, "restore"), PLACE)
        return opening.reach(player, opening.read(player), balance)


def _told_before(_finding: Finding) -> None:
    """What goes wrong while balances are restored, the scenarios have told already."""
