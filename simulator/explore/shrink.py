"""Shrink a session that shows a cause: what the cause does not need goes, one simplification at a time.

A simplification stays only if the simpler session still shows the cause, which the caller finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from simulator.core.money import Money, Written
from simulator.core.steps import (
    MAIN_PLAYER,
    Bet,
    Parallel,
    PlayerSpec,
    Refund,
    Repeat,
    Resend,
    Round,
    Step,
    Win,
    all_steps,
)
from simulator.explore.grammar import SessionPlan, money

Shows = Callable[[SessionPlan], bool]
"""Tells whether a session shows the cause; it may raise to end the shrinking."""

PASSES_MAX = 6
"""So often everything is tried again, since one simplification may make room for another."""


class Shrinking:
    """One session on its way to be small; `best` is the smallest so far that shows the cause."""

    def __init__(self, session: SessionPlan, shows: Shows) -> None:
        self.best = session
        self._shows = shows
        self._refused: set[str] = set()

    def run(self) -> None:
        """Simplify until nothing more can go. What `shows` raises ends it; `best` stays."""
        for _ in range(PASSES_MAX):
            before = self.best
            self._cut()
            for simpler in (_unfolded, _plain, _merged, _players):
                self._try_each(simpler)
            if self.best == before:
                return

    def make_plain(self) -> None:
        """Simplify calls and players, and leave what is repeated as often as it is."""
        self._try_each(_plain)
        self._try_each(_players)

    def _try(self, session: SessionPlan) -> bool:
        """Take the session if it is another one and shows the cause."""
        session = repaired(session)
        key = repr(session)
        if session == self.best or not session.steps or key in self._refused:
            return False
        if not self._shows(session):
            self._refused.add(key)
            return False
        self.best = session
        return True

    def _cut(self) -> None:
        """Remove steps: halves first, then less and less, from the end."""
        size = max(1, len(self.best.steps) // 2)
        while True:
            end = len(self.best.steps)
            while end > 0:
                steps = self.best.steps
                begin = max(0, end - size)
                self._try(replace(self.best, steps=steps[:begin] + steps[end:]))
                # What follows may have gone with it.
                end = min(begin, len(self.best.steps))
            if size == 1:
                return
            size //= 2

    def _try_each(self, simpler: Callable[[SessionPlan], Iterator[SessionPlan]]) -> None:
        """Try the simpler sessions; after each success go on from the one that was taken."""
        while any(self._try(session) for session in simpler(self.best)):
            pass


def repaired(session: SessionPlan) -> SessionPlan:
    """Return the session without the steps that name one which is not there."""
    labels = {step.label for step in all_steps(session.steps) if isinstance(step, Bet | Win | Refund)}
    while True:
        steps = tuple(_kept(session.steps, labels))
        left = {step.label for step in all_steps(steps) if isinstance(step, Bet | Win | Refund)}
        session = replace(session, steps=steps)
        if left == labels:
            return session
        labels = left


def _kept(steps: Sequence[Step], labels: set[str]) -> Iterator[Step]:
    for step in steps:
        if isinstance(step, Repeat | Parallel):
            inner = tuple(_kept(step.steps, labels))
            if inner:
                yield replace(step, steps=inner)
        elif isinstance(step, Resend | Refund) and step.of is not None and step.of not in labels:
            continue
        else:
            yield step


# --- simpler structure ------------------------------------------------------------------------------


def _at(session: SessionPlan, index: int, *steps: Step) -> SessionPlan:
    """Return the session with other steps in the place of one."""
    return replace(session, steps=(*session.steps[:index], *steps, *session.steps[index + 1 :]))


def _unfolded(session: SessionPlan) -> Iterator[SessionPlan]:
    """Yield sessions in which what is repeated, or sent together, is less of it or in a row."""
    for index, step in enumerate(session.steps):
        for steps in _less(step):
            yield _at(session, index, *steps)


def _less(step: Step) -> Iterator[tuple[Step, ...]]:
    match step:
        case Repeat() | Parallel():
            yield step.steps
            for times in _fewer(step.times):
                yield (replace(step, times=times),)
            for index in range(len(step.steps)):
                rest = step.steps[:index] + step.steps[index + 1 :]
                if rest:
                    yield (replace(step, steps=rest),)
            for index, inner in enumerate(step.steps):
                for less in _less(inner):
                    if isinstance(step, Repeat) or not any(
                        isinstance(each, Repeat | Parallel) for each in less
                    ):
                        yield (replace(step, steps=(*step.steps[:index], *less, *step.steps[index + 1 :])),)
        case Resend(times=times) if times > 1:
            for fewer in _fewer(times):
                yield (replace(step, times=fewer),)
        case Round():
            bet = Bet(
                place=step.place, label=f"{_ROUND}b", amount=step.bet, game=step.game, player=step.player
            )
            yield (bet,)
            if step.win is not None:
                yield (
                    bet,
                    Win(
                        place=step.place,
                        label=f"{_ROUND}w",
                        amount=step.win,
                        game=step.game,
                        player=step.player,
                    ),
                )
            for spins in _fewer(step.spins):
                yield (replace(step, spins=spins),)


_ROUND = "round"


def _fewer(times: int) -> Iterator[int]:
    yield from sorted({each for each in (1, 2, times // 2, times - 1) if 0 < each < times})


# --- simpler calls ----------------------------------------------------------------------------------


def _plain(session: SessionPlan) -> Iterator[SessionPlan]:
    """Yield sessions in which one call has one thing less that is special, or a simpler amount."""
    for index, step in enumerate(session.steps):
        for plainer in _plainer(step):
            yield _at(session, index, plainer)


def _plainer(step: Step) -> Iterator[Step]:
    if isinstance(step, Repeat | Parallel):
        for index, inner in enumerate(step.steps):
            for plainer in _plainer(inner):
                yield replace(step, steps=(*step.steps[:index], plainer, *step.steps[index + 1 :]))
        return
    for name, plain in (("fault", None), ("player", None), ("game", None), ("omit", frozenset())):
        if getattr(step, name, plain) != plain:
            yield _with(step, name, plain)
    raw = getattr(step, "raw", {})
    for key in raw:
        yield _with(step, "raw", {other: value for other, value in raw.items() if other != key})
    if (
        isinstance(step, Refund | Resend)
        and step.amount is not None
        and getattr(step, "of", None) is not None
    ):
        yield replace(step, amount=None)
    for name in _AMOUNTS:
        amount = getattr(step, name, None)
        if amount is not None:
            for simpler in _SIMPLE:
                if amount == simpler:
                    break
                yield _with(step, name, simpler)


def _with(step: Step, name: str, value: object) -> Step:
    changed: dict[str, Any] = {name: value}
    return replace(step, **changed)


_AMOUNTS = ("amount", "bet", "win")
"""The fields of steps that are amounts."""

_SIMPLE: tuple[Written, ...] = (money(1000), money(100), money(250))
"""Amounts that are tried in the place of others, the plainest first."""


def _merged(session: SessionPlan) -> Iterator[SessionPlan]:
    """Yield sessions in which alike calls in a row are one that is repeated."""
    named = {step.of for step in all_steps(session.steps) if isinstance(step, Resend | Refund)}
    index = 0
    while index < len(session.steps):
        step = session.steps[index]
        end = index + 1
        while end < len(session.steps) and _alike(step, session.steps[end], named):
            end += 1
        if end - index > 1 and isinstance(step, Bet | Win):
            repeat = Repeat(place=step.place, times=end - index, steps=(step,))
            yield replace(session, steps=(*session.steps[:index], repeat, *session.steps[end:]))
        index = end


def _alike(step: Step, other: Step, named: set[str | None]) -> bool:
    if (
        not isinstance(step, Bet | Win)
        or not isinstance(other, Bet | Win)
        or {step.label, other.label} & named
    ):
        return False
    return type(step) is type(other) and replace(step, label="") == replace(other, label="")


def _players(session: SessionPlan) -> Iterator[SessionPlan]:
    """Yield sessions with fewer players, and players with an ordinary balance."""
    used = {getattr(step, "player", None) for step in all_steps(session.steps)}
    for name, spec in session.players.items():
        if name not in used and name != MAIN_PLAYER:
            yield replace(session, players={each: it for each, it in session.players.items() if each != name})
        elif spec.exists and spec != PlayerSpec():
            yield replace(session, players={**session.players, name: PlayerSpec()})


def varied(session: SessionPlan, rng: Random) -> SessionPlan:
    """Return the session with other amounts; equal ones stay equal, and 0.00 stays."""
    others: dict[Money, Written] = {}

    def other(amount: object) -> object:
        if not isinstance(amount, Written) or not amount.money:
            return amount
        return others.setdefault(amount.money, money(rng.randint(101, 1999)))

    def changed(step: Step) -> Step:
        if isinstance(step, Repeat | Parallel):
            return replace(step, steps=tuple(map(changed, step.steps)))
        for name in _AMOUNTS:
            if getattr(step, name, None) is not None:
                step = _with(step, name, other(getattr(step, name)))
        return step

    return replace(session, steps=tuple(map(changed, session.steps)))
