"""The objects that a search works on: attempts, groups of attempts that share an id, games, and lanes.

Below them: by how much attempts may move a balance, whatever their order, for sums that do not ask the law.
These bounds are never too narrow: every movement that the law allows is among the possible ones. (The
crosscheck in the tests compares what is concluded from them with every order.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set
from typing import NamedTuple

from simulator.core.calls import CallForm, Operation
from simulator.core.findings import Outcome
from simulator.core.money import ZERO
from simulator.core.webhooks import Method
from simulator.law.roles import Applied, Entry

_GOLDEN = 0x9E3779B97F4A7C15

_MASK = (1 << 64) - 1


class RoundsOfGame:
    """What a wallet knows of one game: how many bets are open, and when the last win came.

    Only kept up to date where some win or refund was refused; otherwise it is not asked for.
    """

    __slots__ = ("last_win", "open", "open_before", "refuses_refunds", "refuses_wins", "token")

    def __init__(self, open_before: int, last_win: int, token: int) -> None:
        self.token = token
        self.open = 0
        self.open_before = open_before
        self.last_win = last_win
        self.refuses_wins = False
        self.refuses_refunds = False


class Group:
    """All attempts with one transaction id, and what the wallet remembers of it, by method.

    `lonely` is the group of the attempts whose id no other attempt has. `exotic` groups have answers that
    are allowed early and forbidden later, so the search takes no shortcuts with them. `known_before` says
    that the wallet knew the id before the history began.
    """

    __slots__ = (
        "attempts", "bet", "counted_in", "exotic", "known_before", "lonely", "number", "refund",
        "refund_seen", "win",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self.number = number
        self.attempts: list[Attempt] = []
        self.bet: Entry | None = None
        self.win: Entry | None = None
        self.refund: Entry | None = None
        self.refund_seen = False
        self.counted_in: RoundsOfGame | None = None
        self.exotic = False
        self.known_before = False
        self.lonely = False

    @property
    def token(self) -> int:
        """Return the number that stands for the group in the hash of a state."""
        return (self.number + 1) * _GOLDEN & _MASK

    def entry(self, method: Method) -> Entry | None:
        """Return what the wallet knows of this id under that method."""
        if method is Method.BET:
            return self.bet
        return self.win if method is Method.WIN else self.refund

    def of(self, method: Method) -> list[Attempt]:
        """Return the attempts with that method."""
        return [each for each in self.attempts if each.method is method]


class Attempt:
    """One operation as the search sees it, with its state in the order that is being tried.

    `shown` is the balance that has to be explained. `wanted` is the outcome that the law must allow (an
    unanswered attempt that takes effect counts as accepted). A `held` attempt is never taken early, a
    `timed` one not even as a repeat. When an `idle` attempt happens affects other attempts only if it moves
    money. Attempts with equal `pure` keys are interchangeable. A `lost` one has an effect that is overwritten
    by the next.
    """

    __slots__ = (
        "amount", "arrived", "born", "deadline", "done", "foreign", "form", "game", "group", "held", "idle",
        "is_read", "lane", "lost", "method", "more_lanes", "moves", "near", "operation", "place", "pure",
        "quick_refusal", "request", "seen", "sent", "shown", "timed", "token", "unknown", "wanted",
    )  # fmt: skip

    def __init__(self, operation: Operation, group: Group, game: RoundsOfGame, token: int) -> None:
        self.operation = operation
        self.method = operation.method
        self.is_read = operation.is_read
        self.unknown = operation.is_unknown and not self.is_read
        self.wanted = Outcome.ACCEPTED if self.unknown else operation.outcome
        evidence = self.is_read or (self.wanted is Outcome.ACCEPTED and not self.unknown)
        self.shown = operation.balance if evidence else None
        self.form = _form(operation)
        self.amount = int(operation.amount or 0)
        self.request = operation.request
        self.sent = operation.sent_ns
        self.deadline = operation.ends_ns
        self.group = group
        self.game = game
        self.token = token
        self.moves = 0
        self.born = 0
        self.lane: Lane | None = None
        self.place = 0
        self.more_lanes: list[tuple[Lane, int]] | None = None
        self.foreign = False
        self.near = False
        self.held = False
        self.timed = False
        self.idle = False
        self.quick_refusal = False
        self.pure: object = None
        self.done = False
        self.seen = False
        self.arrived = False
        self.lost = False

    def reopen(self) -> None:
        """Mark the attempt as not done, and move its lanes back to it."""
        self.done = False
        lane = self.lane
        if lane is not None and lane.head > self.place:
            lane.head = self.place
        for other, place in self.more_lanes or ():
            if other.head > place:
                other.head = place


class Move(NamedTuple):
    """An attempt that moved the balance in an order that was found, with the balances before and after it."""

    attempt: Attempt
    before: int
    after: int


class Lane:
    """Attempts in the order in which they were sent; all before `head` are done."""

    __slots__ = ("attempts", "head")

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self.attempts = attempts
        self.head = 0
        for place, attempt in enumerate(attempts):
            if attempt.lane is None:
                attempt.lane, attempt.place = self, place
            elif attempt.more_lanes is None:
                attempt.more_lanes = [(self, place)]
            else:
                attempt.more_lanes.append((self, place))

    def waiting(self, until: int) -> list[Attempt]:
        """Return the attempts that are not done and were sent no later than `until`."""
        attempts, head = self.attempts, self.head
        count = len(attempts)
        while head < count and attempts[head].done:
            head += 1
        self.head = head
        found = []
        while head < count:
            attempt = attempts[head]
            if attempt.sent > until:
                break
            if not attempt.done:
                found.append(attempt)
            head += 1
        return found


def overlapping(first: Attempt, second: Attempt) -> bool:
    """Return whether neither attempt was over before the other was sent."""
    return first.sent <= second.deadline and second.sent <= first.deadline


def _form(operation: Operation) -> CallForm:
    """Return the form of the call; a money call without an id or a usable amount is malformed."""
    amount = operation.amount
    if not operation.method.moves_money:
        return operation.form
    no_amount = amount is None and operation.method is not Method.REFUND
    if operation.transaction_id is None or no_amount or (amount is not None and amount < ZERO):
        return CallForm.MALFORMED
    return operation.form


# --- by how much a balance may move ---------------------------------------------------------------

SUMS_MAX = 20_000
"""How many different sums are followed at most."""


class TooManySums(Exception):
    """Raised when the uncertain movements combine to more than SUMS_MAX sums."""


def certain_move(attempt: Attempt) -> int | None:
    """Return the movement of an attempt that has the same one in every order; None for all others."""
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
    """Return whether an accepting answer may show any balance at all, and so proves nothing."""
    return attempt.form is CallForm.MALFORMED or (attempt.method is Method.REFUND and attempt.amount == 0)


def shows_present(attempt: Attempt) -> bool:
    """Return whether the answer shows the balance of its own moment, not that of an earlier answer."""
    return attempt.shown is not None and certain_move(attempt) is not None and not says_nothing(attempt)


def possible_moves(attempts: Sequence[Attempt]) -> set[int]:
    """Return the movements that all attempts of one id may make together."""
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
    """Return every sum of one of `sums` and one option of each collection. Raises TooManySums."""
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
    """Return the movements that one uncertain attempt may make, 0 included."""
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
    """Return what one method of an id may move: once at most; for sure, if answered and undisturbed."""
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
    """Return whether a refund of the one bet's amount was accepted, so that all together move nothing.

    The bet was answered before, so the stake is back; or it was never answered, and then it either was taken
    before the refund or never is.
    """
    if group.known_before or wins or len(bets) != 1:
        return False
    bet = bets[0]
    if bet.foreign or any(each.foreign for each in refunds):
        return False
    later = bet.unknown or all(bet.deadline < each.sent for each in refunds)
    same = all(each.amount == bet.amount and each.amount > 0 for each in refunds)
    return later and same and any(not each.unknown for each in refunds)
