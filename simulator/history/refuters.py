"""Prove, without a search, that no order explains a history, and name the calls that contradict each other.

A refutation is a proof; None proves nothing. `degrees` looks at answers as steps from one balance to another,
`overdrafts` at balances below zero, `out_of_reach` at each answer and the calls around it, and `sums` at the
balances that were shown while no other call was in flight.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from simulator.core.calls import FOREVER, Operation
from simulator.core.findings import Outcome
from simulator.core.money import Money, format_change, format_money
from simulator.core.webhooks import Method
from simulator.history.attempts import (
    Attempt,
    Move,
    TooManySums,
    certain_move,
    overlapping,
    possible_moves,
    possible_steps,
    says_nothing,
    shows_present,
    sums_of,
)
from simulator.law.situations import Situation


class Refutation(NamedTuple):
    """Why no order explains a history; `core` are the operations that the sentence names.

    `figures` tells how a balance differs from what it should be, and `off` by how much, where that is known.
    `collides`: the only contradiction is that some calls started from the same balance.
    """

    situation: Situation
    sentence: str
    core: tuple[Operation, ...]
    figures: str = ""
    off: int = 0
    collides: bool = False


def degrees(opening: int, attempts: Sequence[Attempt]) -> Refutation | None:
    """Refute a history in which a balance was left more often than it was reached.

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
    """Return whether it is unknown where in the walk this step belongs, or if it is one at all."""
    move = certain_move(attempt)
    return move is None or (move != 0 and attempt.shown is None)


def _out_of_reach(
    short: list[int], surplus: Counter[int], loose: Sequence[tuple[Attempt, set[int]]]
) -> list[int]:
    """Return the balances to which no loose steps lead from a balance that was reached more often than left.

    A loose step whose answer shows a balance leads to that balance only.
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
    """Return the simplest case: a balance from which two calls started, else one that was never there."""
    worst = min(short, key=lambda each: (surplus[each] + len(left[each]) < 1, left[each][0].sent))
    culprits = sorted(left[worst], key=lambda each: each.sent)
    names = [f"{each.operation.name} (→ {format_money(Money(each.shown or 0))})" for each in culprits[:3]]
    start = format_money(Money(worst))
    if len(culprits) > 1:
        times = surplus[worst] + len(culprits)
        often = {1: "held only once", 2: "held only twice"}.get(times, f"held only {times} times")
        held = often if times > 0 else "never held"
        both = "both" if len(names) == 2 else "all"
        sentence = f"{capital(listed(names))} {both} started from {start}, which the wallet {held}."
        return Refutation(Situation.LOST_UPDATE, sentence, operations_of(culprits[:3]))
    sentence = f"{capital(names[0])} started from {start}, which the wallet never held."
    return Refutation(Situation.MONEY_FROM_NOWHERE, sentence, operations_of(culprits))


def overdrafts(opening: int, attempts: Sequence[Attempt]) -> Refutation | None:
    """Refute a history with an answer below zero: a bet may only take money that is there."""
    taken_back = any(
        each.method is Method.REFUND and each.group.exotic and not each.group.lonely for each in attempts
    )
    if opening < 0 or taken_back:
        return None
    below = [each for each in attempts if (each.shown or 0) < 0 and not says_nothing(each)]
    if not below:
        return None
    first = min(below, key=lambda each: (each.method is not Method.BET, each.deadline))
    name, shown = capital(first.operation.name), format_money(Money(first.shown or 0))
    verb = "left" if first.method is Method.BET else "shows"
    sentence = f"{name} {verb} {shown}: a bet was accepted without the money for it."
    return Refutation(Situation.OVERDRAFT, sentence, (first.operation,))


def operations_of(attempts: Iterable[Attempt]) -> tuple[Operation, ...]:
    """Return the operations behind the attempts, each once."""
    return tuple(dict.fromkeys(each.operation for each in attempts))


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str]) -> str:
    """Return names as ``a, b and c``."""
    return f"{', '.join(names[:-1])} and {names[-1]}"


# --- balances that were not there during the call -------------------------------------------------

ATTEMPTS_MAX = 1_000

CENTS_MAX = 10_000_000
"""Histories that are longer, or move more money, are not examined."""


def out_of_reach(opening: int, attempts: Sequence[Attempt]) -> Refutation | None:
    """Refute a history with an answer whose balance no choice of the overlapping calls makes.

    This holds for wallets that read after their effect as well: calls that overlap may or may not be in the
    balance, but those that were over before are in it, and those that were sent afterwards are not.
    """
    if len(attempts) > ATTEMPTS_MAX or sum(abs(each.moves) for each in attempts) > CENTS_MAX:
        return None
    for each in sorted(attempts, key=lambda each: each.deadline):
        own = certain_move(each)
        if each.shown is None or own is None or not (each.is_read or own):
            continue
        if not _may_show(opening + own, each, attempts):
            return _never_there(each, attempts)
    return None


def _may_show(base: int, at: Attempt, attempts: Sequence[Attempt]) -> bool:
    options: list[set[int]] = []
    for other in attempts:
        move = certain_move(other)
        if other is at or other.sent > at.deadline or move == 0:
            continue
        if move is None:
            options.append(possible_steps(other))
        elif other.deadline < at.sent:
            base += move
        else:
            options.append({0, move})
    return _is_sum((at.shown or 0) - base, options)


def _is_sum(wanted: int, options: Iterable[set[int]]) -> bool:
    """Return whether one option of each set can add up to `wanted`. The sums are the bits of a number."""
    options = [each for each in options if each != {0}]
    lowest = sum(min(each) for each in options)
    highest = sum(max(each) for each in options)
    if not lowest <= wanted <= highest:
        return False
    sums = 1
    for each in options:
        least = min(each)
        grown = 0
        for option in each:
            grown |= sums << (option - least)
        sums = grown
    return bool(sums >> (wanted - lowest) & 1)


def _never_there(at: Attempt, attempts: Sequence[Attempt]) -> Refutation:
    assert at.shown is not None
    shown = format_money(Money(at.shown))
    around = [
        each for each in attempts if each is not at and each.method.moves_money and overlapping(each, at)
    ]
    stale = at.is_read or any(each.shown == at.shown and each.deadline < at.sent for each in attempts)
    situation = Situation.STALE_READ if stale else Situation.CONCURRENT_WRONG
    sentence = (
        f"{capital(at.operation.name)} shows {shown}, which was not the balance at any moment of that call."
    )
    core = (at, *sorted(around, key=lambda each: each.sent)[:6])
    return Refutation(situation, sentence, tuple(each.operation for each in core))


# --- balances that are not the sum of what happened before ----------------------------------------


def sums(opening: int, attempts: Sequence[Attempt]) -> Refutation | None:
    """Refute a history with a quiet balance that is not the sum of what happened before, and say why.

    The attempts are those of a history whose concurrent balances are hidden: whatever was sent before a shown
    balance was also answered before it, or never.
    """
    by_sent = sorted(attempts, key=lambda each: each.sent)
    quiet = sorted((each for each in attempts if shows_present(each)), key=lambda each: each.deadline)
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


class _Running:
    """Tracks what the balance may be after the attempts so far."""

    def __init__(self, opening: int) -> None:
        self._base = opening
        self._groups: dict[int, list[Attempt]] = {}
        self._options: dict[int, set[int]] = {}
        self._sums: set[int] = {0}
        self._is_stale = False

    def add(self, attempt: Attempt) -> None:
        """Add one more attempt."""
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
        """Return the possible balances, or None when there are too many."""
        if self._is_stale:
            self._is_stale = False
            self._combine({0}, self._options.values())
        return None if self._is_stale else {self._base + each for each in self._sums}

    def _combine(self, sums: set[int], options: Iterable[set[int]]) -> None:
        """Add what some more groups may have moved. Too many sums now may become fewer later."""
        try:
            self._sums = sums_of(options, sums)
        except TooManySums:
            self._is_stale = True


def wrong_sum(at: Attempt, possible: set[int], between: Sequence[Attempt], last_shown: int) -> Refutation:
    """Return what made a quiet balance wrong; `between` are the attempts since the last right balance."""
    assert at.shown is not None
    moving = [each for each in between if each.method.moves_money]
    # Of calls without an answer nobody knows: what a mistake explains comes before what is nearest.
    near = sorted(possible, key=lambda each: abs(each - (at.shown or 0)))
    named = ((each, _culprits(moving, at.shown - each)) for each in near[:SUMS_EXPLAINED])
    due, (situation, sentence, culprits) = next(
        (each for each in named if each[1][1]), (near[0], (Situation.CONCURRENT_WRONG, "", []))
    )
    off = at.shown - due
    shown, expected = format_money(Money(at.shown)), format_money(Money(due))
    figures = f"the balance is {shown} and should be {expected} ({format_change(Money(off))})"
    if not moving and at.is_read:
        was = format_money(Money(last_shown))
        sentence = f"The balance went from {was} to {shown} while no call was in flight"
        return _refutation(Situation.MONEY_FROM_NOWHERE, sentence, _SOMEONE_ELSE, off, [at])
    if not sentence:
        return _refutation(situation, "No single call explains the difference", figures, off, [at])
    return _refutation(situation, sentence, figures, off, [*culprits, at])


SUMS_EXPLAINED = 8
"""With how many of the possible balances, the nearest first, a wrong one is compared to find a mistake."""

_SOMEONE_ELSE = "another client uses this player"


def _refutation(
    situation: Situation, sentence: str, figures: str, off: int, core: Sequence[Attempt]
) -> Refutation:
    return Refutation(situation, f"{capital(sentence)}: {figures}.", operations_of(core), figures, off)


def _culprits(moving: Sequence[Attempt], off: int) -> tuple[Situation, str, list[Attempt]]:
    """Return the calls that would explain that the balance is off by so much, and how."""
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
            return situation, f"none of the {method.noun}s took effect, although they were accepted", kind
    for alike in (acting, *([each for each in acting if each.method is method] for method, _ in _ALL_LOST)):
        total = sum(each.moves for each in alike)
        last = next((each for each in alike if total - each.moves == -off), None)
        if last is not None and len(alike) > _TWO:
            sentence = f"of {len(alike)} accepted calls only {last.operation.name} took effect"
            others = [each for each in alike if each is not last]
            return Situation.LOST_UPDATE, sentence, [last, *others[:2]]
    refused = [each for each in moving if each.wanted is Outcome.REFUSED and each.moves == off][:1]
    if refused:
        sentence = f"{refused[0].operation.name} was refused and yet took effect"
        return Situation.CONCURRENT_WRONG, sentence, refused
    return Situation.CONCURRENT_WRONG, "", []


_TWO = 2
"""Of two calls, the one that is lost explains a gap by itself."""

_ALL_LOST = (
    (Method.REFUND, Situation.REFUND_NOT_CREDITED),
    (Method.WIN, Situation.LOST_UPDATE),
    (Method.BET, Situation.LOST_UPDATE),
)


def _repeated_effect(acting: Sequence[Attempt], off: int) -> list[Attempt]:
    """Return the attempts of an id that was sent several times and whose amount divides the difference."""
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
        return f"{names[0]} was accepted but did not change the balance"
    return f"one of {listed(names)} was accepted but did not change the balance"


# --- what calls without an answer may hide --------------------------------------------------------

OFTEN = 10
"""If one in so many effects has the amount of an unanswered call, amounts do not tell them apart."""


FEW = 10
"""Of so many calls without an answer every selection may have taken effect at one place."""


def may_be_lost(opening: int, attempts: Sequence[Attempt], path: Sequence[Move]) -> Operation | None:
    """Return a call whose effect may be lost although an order explains every answer, or None.

    That takes calls without an answer that nothing settles: what a lost effect leaves behind looks as if
    some of them had moved the balance back. `path` is what moved the balance in the order that was found.
    """
    unsettled = sorted((each for each in attempts if is_unsettled(each)), key=lambda each: each.sent)
    answered = [each for each in path if not each.attempt.unknown]
    if not unsettled or not answered:
        return None
    led_to: defaultdict[int, list[Move]] = defaultdict(list)
    for each in answered:
        led_to[each.after].append(each)
    jumps = list(_jumps(opening, path))
    ends: defaultdict[int, list[Move | None]] = defaultdict(list)
    for jump in jumps:
        ends[jump.end].append(jump.next)
    used = {index for jump in jumps for index in jump.by}
    for jump in jumps:
        # Without the effect before it, the same place needs other unanswered calls, or none, or is elsewhere.
        early = [each for each in unsettled if each.sent <= jump.until]
        unused = [each for each in early if each.operation.index not in used - jump.by]
        able = _able(early, unused)
        for each in led_to[jump.start]:
            if jump.end - each.before in able or any(other is not each for other in ends[each.before]):
                return each.attempt.operation
    open_moves = {abs(step) for each in unsettled for step in possible_steps(each)}
    alike = [each for each in answered if abs(each.after - each.before) in open_moves]
    enough = len(alike) > 1 and len(alike) * OFTEN >= len(answered)
    return alike[0].attempt.operation if jumps and enough else None


def is_unsettled(attempt: Attempt) -> bool:
    """Return whether it may have moved money, and no accepted call with its id tells what became of it."""
    if not attempt.unknown or possible_steps(attempt) == {0}:
        return False
    accepted = (each for each in attempt.group.attempts if not each.unknown and _is_accepted(each))
    telling = {attempt.method, Method.REFUND} if attempt.method is Method.BET else {attempt.method}
    return not any(each.method in telling for each in accepted)


def _is_accepted(attempt: Attempt) -> bool:
    return attempt.wanted is Outcome.ACCEPTED and not says_nothing(attempt)


class _Jump(NamedTuple):
    """A place where only unanswered calls moved the balance, and the move `next` to it.

    `until` is the latest moment at which that was, and `by` holds the indices of these calls.
    """

    start: int
    end: int
    until: int
    by: frozenset[int]
    next: Move | None


def _jumps(opening: int, path: Sequence[Move]) -> Iterator[_Jump]:
    here, by = opening, frozenset[int]()
    for each in path:
        if each.attempt.unknown:
            by |= {each.attempt.operation.index}
            continue
        if each.before != here:
            yield _Jump(here, each.before, each.attempt.deadline, by, each)
        here, by = each.after, frozenset()
    if path and path[-1].after != here:
        yield _Jump(here, path[-1].after, FOREVER, by, None)


def _able(early: Sequence[Attempt], unused: Sequence[Attempt]) -> set[int]:
    """Return by how much unanswered calls may have moved the balance at one place: one, or two unused."""
    if len(early) <= FEW:
        return sums_of(possible_steps(each) | {0} for each in early)
    single = {0}.union(*map(possible_steps, early))
    return single | {
        first + second
        for one, other in combinations(unused, 2)
        for first in possible_steps(one)
        for second in possible_steps(other)
    }


def no_loss_fits(opening: int, attempts: Sequence[Attempt]) -> bool:
    """Return whether the last quiet balance is a possible sum, and none is possible with one effect lost.

    The attempts are those of a history whose concurrent balances are hidden.
    """
    quiet = [each for each in attempts if shows_present(each)]
    running = _Running(opening)
    for each in attempts:
        running.add(each)
    possible = running.balances()
    if not quiet or possible is None:
        return False
    shown = max(quiet, key=lambda each: each.deadline).shown or 0
    known = (each for each in attempts if not each.unknown)
    effects = {step for each in known for step in possible_steps(each)}
    return shown in possible and not any(shown + effect in possible for effect in effects - {0})
