"""By how much attempts may move a balance at all, whatever their order: for sums, without asking the law.

What stands here is always wide enough: a movement that the law allows is among the possible ones. (The
crosscheck in the tests compares what is concluded from it with every order.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set

from simulator.core.checker.attempts import Attempt, Group
from simulator.core.findings import Outcome
from simulator.core.roles import Applied, CallForm
from simulator.core.webhooks import Method

SUMS_MAX = 20_000
"""More different sums than this are not followed."""


class TooManySums(Exception):
    """The uncertain movements combine to more sums than are followed."""


def certain_move(attempt: Attempt) -> int | None:
    """The movement of an attempt that has exactly one, whatever the order; None for all others."""
    if attempt.is_read:
        return 0
    if not attempt.group.lonely or attempt.foreign or attempt.unknown:
        return None
    if attempt.wanted is Outcome.REFUSED or attempt.form is CallForm.MALFORMED or attempt.amount == 0:
        return 0
    if attempt.method is Method.REFUND:
        return 0
    return attempt.amount if attempt.method is Method.WIN else -attempt.amount


def says_nothing(attempt: Attempt) -> bool:
    """Whether an accepting answer may show any balance at all."""
    return attempt.form is CallForm.MALFORMED or (attempt.method is Method.REFUND and attempt.amount == 0)


def possible_moves(attempts: Sequence[Attempt]) -> set[int]:
    """The movements of all attempts of one id together."""
    group = attempts[0].group
    active = [each for each in attempts if _may_act(each)]
    bets = [each for each in active if each.method is Method.BET]
    wins = [each for each in active if each.method is Method.WIN]
    refunds = [each for each in active if each.method is Method.REFUND]
    if _is_refunded_for_sure(group, bets, wins, refunds):
        return {0}
    no_refund = group.refund is None and not any(each.method is Method.REFUND for each in attempts)
    plain = no_refund and not any(each.foreign for each in active)
    taken = _once(bets, plain, known=isinstance(group.bet, Applied))
    given = _once(wins, plain, known=isinstance(group.win, Applied))
    back = _given_back(group, bets, wins, refunds)
    return {-bet + win + refund for bet in taken for win in given for refund in back}


def sums_of(options: Iterable[Collection[int]], sums: Set[int] = frozenset({0})) -> set[int]:
    """Every sum of one option each, and one of the given sums. Raises TooManySums."""
    sums = set(sums)
    for each in options:
        if len(each) == 1:
            (only,) = each
            sums = {found + only for found in sums} if only else sums
        else:
            sums = {found + option for found in sums for option in each}
        if len(sums) > SUMS_MAX:
            raise TooManySums
    return sums


def possible_steps(attempt: Attempt) -> set[int]:
    """The movements of one attempt whose movement is uncertain, none at all included."""
    if not _may_act(attempt):
        return {0}
    if attempt.method is not Method.REFUND:
        return {0, attempt.moves}
    group = attempt.group
    bets, wins = group.of(Method.BET), group.of(Method.WIN)
    return _given_back(group, [each for each in bets if _may_act(each)], wins, [attempt])


def _may_act(attempt: Attempt) -> bool:
    return attempt.wanted is Outcome.ACCEPTED and attempt.form is not CallForm.MALFORMED


def _once(attempts: Sequence[Attempt], plain: bool, *, known: bool) -> set[int]:
    """An id moves money once at the most; if an answer says so and nothing interferes, once for sure."""
    if known:
        return {0}
    amounts = {each.amount for each in attempts}
    sure = plain and any(not each.unknown for each in attempts)
    return amounts if sure else amounts | {0}


def _given_back(
    group: Group, bets: Sequence[Attempt], wins: Sequence[Attempt], refunds: Sequence[Attempt]
) -> set[int]:
    if not refunds or isinstance(group.refund, Applied):
        return {0}
    stakes = {each.amount for each in bets}
    if isinstance(group.bet, Applied):
        stakes.add(group.bet.amount)
    partial = {each.amount for each in refunds if any(each.amount <= stake for stake in stakes)}
    debits = {-each.amount for each in wins}
    if isinstance(group.win, Applied):
        debits.add(-group.win.amount)
    return {0} | stakes | partial | debits


def _is_refunded_for_sure(
    group: Group, bets: Sequence[Attempt], wins: Sequence[Attempt], refunds: Sequence[Attempt]
) -> bool:
    """One bet, answered before its refund of the same amount was sent: whatever else, the stake is back."""
    if group.known_before or wins or len(bets) != 1 or bets[0].unknown:
        return False
    bet = bets[0]
    if bet.foreign or any(each.foreign for each in refunds):
        return False
    later = all(bet.deadline < each.sent for each in refunds)
    same = all(each.amount == bet.amount and each.amount > 0 for each in refunds)
    return later and same and any(not each.unknown for each in refunds)
