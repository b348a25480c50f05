"""What no order can explain, seen without searching for one, each with a sentence that names the culprits.

A refuter that keeps silent proves nothing; what one says is proof. `sums` looks at balances shown with
nothing else going on; `degrees` at answers as steps from one balance to another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from simulator.core.checker.attempts import Attempt
from simulator.core.checker.effects import (
    TooManySums,
    certain_move,
    possible_moves,
    possible_steps,
    says_nothing,
    sums_of,
)
from simulator.core.findings import Outcome
from simulator.core.history import Operation
from simulator.core.money import Money, format_change, format_money
from simulator.core.situations import Situation
from simulator.core.webhooks import Method


class Refutation(NamedTuple):
    """Why no order explains a history; `core` are the operations that the sentence is about.

    `figures` says how a balance differs from what it should be, and `off` by how much, where that is known.
    `collides`: nothing contradicts the answers but that some calls started from the same balances.
    """

    situation: Situation
    sentence: str
    core: tuple[Operation, ...]
    figures: str = ""
    off: int = 0
    collides: bool = False


# --- sums ------------------------------------------------------------------------------------------


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
    return Refutation(situation, f"{_capital(sentence)}: {figures}.", _operations(core), figures, off)


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
    refused = [each for each in moving if each.wanted is Outcome.REFUSED and each.moves == off][:1]
    if refused:
        sentence = f"{refused[0].operation.name} was refused and yet took effect"
        return Situation.CONCURRENT_WRONG, sentence, refused
    return Situation.CONCURRENT_WRONG, "", []


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
    return f"one of {_listed(names)} was accepted and left no trace"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


# --- degrees ---------------------------------------------------------------------------------------


def degrees(opening: int, attempts: Sequence[Attempt]) -> Refutation | None:
    """Was a balance left more often than it was reached?

    An accepted bet or win is a step from the balance before to the one that its answer shows; a legal order
    is a walk over all of these steps.
    """
    steps = [each for each in attempts if each.shown is not None and certain_move(each)]
    left: defaultdict[int, list[Attempt]] = defaultdict(list)
    surplus: Counter[int] = Counter({opening: 1})
    for each in steps:
        assert each.shown is not None
        left[each.shown - each.moves].append(each)
        surplus[each.shown] += 1
        surplus[each.shown - each.moves] -= 1
    short = [balance for balance, count in surplus.items() if count < 0]
    if not short:
        return None
    loose = [(each, possible_steps(each) - {0}) for each in attempts if _is_loose(each)]
    loose = [(each, moves) for each, moves in loose if moves]
    unreached = _out_of_reach(short, surplus, loose)
    missing = -sum(surplus[each] for each in short)
    if not unreached and missing <= len(loose):
        return None
    found = _left_too_often(unreached or short, left, surplus)
    return found._replace(collides=all(surplus[each] + len(left[each]) > 0 for each in short))


def _is_loose(attempt: Attempt) -> bool:
    """Whether it is not known where, or whether at all, it is a step in the walk."""
    move = certain_move(attempt)
    return move is None or (move != 0 and attempt.shown is None)


def _out_of_reach(
    short: list[int], surplus: Counter[int], loose: Sequence[tuple[Attempt, set[int]]]
) -> list[int]:
    """Where loose steps cannot lead from a balance that was reached more often than left.

    A loose step whose answer shows a balance leads there, and nowhere else.
    """
    try:
        anywhere = sums_of(moves | {0} for each, moves in loose if each.shown is None)
    except TooManySums:
        return []
    ways = {
        (each.shown - move, each.shown) for each, moves in loose if each.shown is not None for move in moves
    }
    reached = {balance for balance, count in surplus.items() if count > 0}
    grows = True
    while grows:
        more = {to for start, to in ways if to not in reached and _leads(reached, start, anywhere)}
        reached |= more
        grows = bool(more)
    return [each for each in short if not _leads(reached, each, anywhere)]


def _leads(reached: Iterable[int], wanted: int, moves: set[int]) -> bool:
    return any(wanted - each in moves for each in reached)


def _left_too_often(
    short: Iterable[int], left: dict[int, list[Attempt]], surplus: Counter[int]
) -> Refutation:
    """The plainest case: a balance that two calls started from; else one that nobody made."""
    worst = min(short, key=lambda each: (surplus[each] + len(left[each]) < 1, left[each][0].sent))
    culprits = sorted(left[worst], key=lambda each: each.sent)
    names = [f"{each.operation.name} (→ {format_money(Money(each.shown or 0))})" for each in culprits[:3]]
    start = format_money(Money(worst))
    if len(culprits) > 1:
        all_of_them = _capital(_listed(names))
        sentence = f"{all_of_them} {'both' if len(names) == 2 else 'all'} started from {start}"
        times = surplus[worst] + len(culprits)
        sentence += ", which was there only once" if times == 1 else f", which was there {times} times"
        if times < 1:
            sentence = f"{all_of_them} started from {start}, which was never there"
        return Refutation(Situation.LOST_UPDATE, sentence + ".", _operations(culprits[:3]))
    sentence = f"{_capital(names[0])} started from {start}, which was never there."
    return Refutation(Situation.MONEY_FROM_NOWHERE, sentence, _operations(culprits))


# --- single answers --------------------------------------------------------------------------------


def overdrafts(opening: int, attempts: Sequence[Attempt]) -> Refutation | None:
    """Does an answer show less than nothing, though only money that is there may be taken?"""
    taken_back = any(
        each.method is Method.REFUND and each.group.exotic and not each.group.lonely for each in attempts
    )
    if opening < 0 or taken_back:
        return None
    below = [each for each in attempts if (each.shown or 0) < 0 and not says_nothing(each)]
    if not below:
        return None
    first = min(below, key=lambda each: (each.method is not Method.BET, each.deadline))
    name, shown = _capital(first.operation.name), format_money(Money(first.shown or 0))
    verb = "left" if first.method is Method.BET else "shows"
    sentence = f"{name} {verb} {shown}: a bet was accepted without the money for it."
    return Refutation(Situation.OVERDRAFT, sentence, (first.operation,))


def _operations(attempts: Iterable[Attempt]) -> tuple[Operation, ...]:
    return tuple(dict.fromkeys(each.operation for each in attempts))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
