"""What a search moves about: attempts, groups that share an id, games, and lanes of attempts by time."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.core.findings import Outcome
from simulator.core.history import Operation
from simulator.core.money import ZERO
from simulator.core.roles import CallForm, Entry
from simulator.core.webhooks import Method

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


class Game:
    """What a wallet knows of one game: bets that are open, when a win last came.

    Only asked where some win or refund was refused, so only kept up to date there.
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
    """All attempts of one transaction id, and what the wallet remembers of it, by method.

    `exotic` groups have answers that are allowed early and forbidden later: no short cut is taken with
    them. `known_before` says that the history begins with something known of the id.
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
        self.counted_in: Game | None = None
        self.exotic = False
        self.known_before = False
        self.lonely = False

    @property
    def token(self) -> int:
        """A number that stands for the group in the hash of a state."""
        return (self.number + 1) * _GOLDEN & _MASK

    def entry(self, method: Method) -> Entry | None:
        """What the wallet knows of this id under that method."""
        if method is Method.BET:
            return self.bet
        return self.win if method is Method.WIN else self.refund

    def of(self, method: Method) -> list[Attempt]:
        """The attempts of that method."""
        return [each for each in self.attempts if each.method is method]


class Attempt:
    """One operation as the search sees it, and what has become of it so far.

    `shown` is the balance that has to be explained; `wanted` is the outcome that the law must allow (an
    unknown attempt that takes effect is an accepted one). A `held` attempt is never taken before its turn;
    a `timed` one not even as a repeat. To an `idle` one no other attempt is sensitive unless money moves.
    Attempts with equal `pure` keys can stand for one another.
    """

    __slots__ = (
        "amount", "arrived", "born", "deadline", "done", "foreign", "form", "game", "group", "held", "idle",
        "is_read", "lane", "method", "more_lanes", "moves", "near", "operation", "place", "pure",
        "quick_refusal", "request", "seen", "sent", "shown", "timed", "token", "unknown", "wanted",
    )  # fmt: skip

    def __init__(self, operation: Operation, group: Group, game: Game, token: int) -> None:
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

    def reopen(self) -> None:
        """Take back that it is done."""
        self.done = False
        lane = self.lane
        if lane is not None and lane.head > self.place:
            lane.head = self.place
        for other, place in self.more_lanes or ():
            if other.head > place:
                other.head = place


class Lane:
    """Attempts in the order in which they were sent; those before `head` are done."""

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
        """The attempts that are not done and were sent by then."""
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
    """Whether neither was over before the other was sent."""
    return first.sent <= second.deadline and second.sent <= first.deadline


def _form(operation: Operation) -> CallForm:
    amount = operation.amount
    if not operation.method.moves_money:
        return operation.form
    no_amount = amount is None and operation.method is not Method.REFUND
    if operation.transaction_id is None or no_amount or (amount is not None and amount < ZERO):
        return CallForm.MALFORMED
    return operation.form
