"""Is a balance that was shown in quiet the sum of what happened before? If not, which calls explain it?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.effects import (
    TooManySums,
    certain_move,
    possible_moves,
    says_nothing,
    sums_of,
)
from simulator.core.checker.refuters import Refutation, capital, listed, operations_of
from simulator.core.findings import Outcome
from simulator.core.money import Money, format_change, format_money
from simulator.core.situations import Situation
from simulator.core.webhooks import Method


def sums(opening: int, attempts: Sequence[Attempt]) -> Refutation | None:
    """Is a balance that was shown in quiet not the sum of what happened before?

    The attempts are those of a history whose concurrent balances are hidden: whatever was sent before a shown
    balance was also answered before it, or never.
    """
    by_sent = sorted(attempts, key=lambda each: each.sent)
    quiet = sorted((each for each in attempts if _shows_present(each)), key=lambda each: each.deadline)
    running = _Running(opening)
    last_shown, place, since = opening, 0, 0
    for each in quiet:
        while place < len(by_sent) and by_sent[place].sent <= each.deadline:
            running.add(by_sent[place])
            place += 1
        possible = running.balances()
        if possible is None:
            return None
        if each.shown not in possible:
            return wrong_sum(each, possible, by_sent[since:place], last_shown)
        last_shown, since = each.shown or 0, place
    return None


def _shows_present(attempt: Attempt) -> bool:
    """Whether its answer shows the balance of its own moment: a repeat may show that of the first answer."""
    return attempt.shown is not None and certain_move(attempt) is not None and not says_nothing(attempt)


class _Running:
    """What the balance may be after the attempts so far."""

    def __init__(self, opening: int) -> None:
        self._base = opening
        self._groups: dict[int, list[Attempt]] = {}
        self._options: dict[int, set[int]] = {}
        self._sums: set[int] = {0}
        self._is_stale = False

    def add(self, attempt: Attempt) -> None:
        """Take in one more."""
        move = certain_move(attempt)
        if move is not None:
            self._base += move
            return
        key = id(attempt) if attempt.group.lonely else id(attempt.group)
        attempts = self._groups.setdefault(key, [])
        attempts.append(attempt)
        options = possible_moves(attempts)
        if options == self._options.get(key, {0}):
            return
        if key in self._options or self._is_stale:
            self._is_stale = True
        else:
            self._combine(self._sums, [options])
        self._options[key] = options

    def balances(self) -> set[int] | None:
        """The possible balances; None when there are too many."""
        if self._is_stale:
            self._is_stale = False
            self._combine({0}, self._options.values())
        return None if self._is_stale else {self._base + each for each in self._sums}

    def _combine(self, sums: set[int], options: Iterable[set[int]]) -> None:
        """Add what some more groups may have moved; what is too much now may be less later."""
        try:
            self._sums = sums_of(options, sums)
        except TooManySums:
            self._is_stale = True


def wrong_sum(at: Attempt, possible: set[int], between: Sequence[Attempt], last_shown: int) -> Refutation:
    """Name what made a quiet balance wrong; `between` are the attempts since the last one that was right."""
    assert at.shown is not None
    nearest = min(possible, key=lambda each: abs(each - (at.shown or 0)))
    off = at.shown - nearest
    shown, expected = format_money(Money(at.shown)), format_money(Money(nearest))
    figures = f"the balance is {shown} and should be {expected} ({format_change(Money(off))})"
    moving = [each for each in between if each.method.moves_money]
    if not moving and at.is_read:
        was = format_money(Money(last_shown))
        sentence = f"The balance went from {was} to {shown} with nothing of ours in flight"
        return _said(Situation.MONEY_FROM_NOWHERE, sentence, "someone else uses this player", off, [at])
    situation, sentence, culprits = _culprits(moving, off)
    if not sentence:
        return _said(situation, "No single call explains the difference", figures, off, [at])
    return _said(situation, sentence, figures, off, [*culprits, at])


def _said(situation: Situation, sentence: str, figures: str, off: int, core: Sequence[Attempt]) -> Refutation:
    return Refutation(situation, f"{capital(sentence)}: {figures}.", operations_of(core), figures, off)


def _culprits(moving: Sequence[Attempt], off: int) -> tuple[Situation, str, list[Attempt]]:
    """Which calls would explain that the balance is off by so much."""
    acting = [each for each in moving if each.wanted is Outcome.ACCEPTED]
    repeated = _repeated_effect(acting, off)
    if repeated:
        name, times = repeated[0].operation.name, len(repeated)
        return (
            Situation.DOUBLE_EFFECT,
            f"{name} was sent {times} times and took effect more than once",
            repeated,
        )
    lost = [each for each in acting if each.moves == -off][:3]
    if lost:
        return Situation.LOST_UPDATE, _lost(lost), lost
    double = [each for each in acting if each.moves == off][:1]
    if double:
        return Situation.DOUBLE_EFFECT, f"{double[0].operation.name} seems to have taken effect twice", double
    for method, situation in _ALL_LOST:
        kind = [each for each in acting if each.method is method]
        if len(kind) > 1 and sum(each.moves for each in kind) == -off:
            return situation, f"none of the {method.noun}s took effect, though they were accepted", kind
    refused = [each for each in moving if each.wanted is Outcome.REFUSED and each.moves == off][:1]
    if refused:
        sentence = f"{refused[0].operation.name} was refused and yet took effect"
        return Situation.CONCURRENT_WRONG, sentence, refused
    return Situation.CONCURRENT_WRONG, "", []


_ALL_LOST = (
    (Method.REFUND, Situation.REFUND_NOT_CREDITED),
    (Method.WIN, Situation.LOST_UPDATE),
    (Method.BET, Situation.LOST_UPDATE),
)


def _repeated_effect(acting: Sequence[Attempt], off: int) -> list[Attempt]:
    """The attempts of an id that was sent several times, and whose effect divides the difference."""
    groups: defaultdict[tuple[Method, int], list[Attempt]] = defaultdict(list)
    for each in acting:
        if not each.group.lonely and each.moves:
            groups[each.method, id(each.group)].append(each)
    for found in groups.values():
        times, rest = divmod(off, found[0].moves)
        if len(found) > 1 and rest == 0 and 1 <= times < len(found):
            return found
    return []


def _lost(lost: Sequence[Attempt]) -> str:
    names = list(dict.fromkeys(each.operation.name for each in lost))
    if len(names) == 1:
        return f"{names[0]} was accepted and left no trace"
    return f"one of {listed(names)} was accepted and left no trace"
