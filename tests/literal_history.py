"""The consistency of a concurrent history, word for word, and every order tried: slow, and plain to read.

What lives here: what `simulator.core.consistency` has to agree with. Only the law of money is shared with it,
because that has tests of its own (test_ledger.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from simulator.core.calls import CallForm, Operation
from simulator.core.findings import Outcome
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.book import Terms
from simulator.law.roles import Applied, Branch, Entry, Pending, Role, Tombstone, WalletState, role_of


class State(NamedTuple):
    """What a wallet is after some of the calls. Dictionaries are never changed in place.

    `open_bets` are counted bets whose refund was never seen; `order` numbers what happened.
    """

    balance: int
    entries: dict[tuple[Method, str], Entry]
    open_bets: dict[str, str | None]
    refund_seen: frozenset[str]
    last_win: dict[str | None, int]
    order: int = 0


@dataclass(frozen=True)
class LiteralView(WalletState):
    """A state as the roles look at it."""

    state: State
    terms: Terms
    foreign: bool
    balance: int

    def entry(self, method: Method, transaction_id: str) -> Entry | None:
        return self.state.entries.get((method, transaction_id))

    def used_otherwise(self, request: WebhookRequest) -> bool:
        other = Method.BET if request.method is Method.WIN else Method.WIN
        return isinstance(self.state.entries.get((other, str(request.transaction_id))), Applied)

    def used_by_another(self, request: WebhookRequest) -> bool:  # noqa: ARG002  # the protocol's
        return self.foreign

    def has_open_bet(self, game: str | None) -> bool:
        return game in self.state.open_bets.values()

    def won_since(self, bet: Applied) -> bool:
        return self.state.last_win.get(bet.game, -1) > bet.order

    def bars(self, request: WebhookRequest) -> bool:
        limit = self.terms.max_bet
        return self.terms.blocked or (limit is not None and (request.amount or 0) > limit)


class Point(NamedTuple):
    """A place in the search: the wallet, and which operations are done, have arrived, or were seen.

    `lost` is the effect that the next one will overwrite.
    """

    state: State
    done: frozenset[int]
    arrived: frozenset[int]
    seen: frozenset[int]
    lost: int = 0


class LiteralHistory:
    """Is there a total order of all answered operations, and of some unknown ones, that the law allows?

    With `then_read`, an accepted answer may show any balance of the time between the effect of its id and its
    own end; without, the balance that the law says. The effect of the operation with the index `lost[0]` is
    overwritten by the next one, and before the operation with the index `lost[1]`.
    """

    def __init__(
        self,
        opening: int,
        operations: Sequence[Operation],
        *,
        then_read: bool,
        terms: Terms | None = None,
        foreign: frozenset[int] = frozenset(),
        lost: tuple[int, int] = (-1, -1),
    ) -> None:
        self.lost, self.last = lost
        self.operations = [each for each in operations if each.is_read or each.method.moves_money]
        self.then_read = then_read
        self.terms = terms or Terms()
        self.foreign = foreign
        self.opening = opening
        self._known: set[Any] = set()
        self._answers = [each for each in self.operations if not _unknown(each)]
        # What was over before an operation was sent: always the same, and asked at every place.
        self._before = {
            each.index: [other for other in self.operations if other.ends_ns < each.sent_ns]
            for each in self.operations
        }

    def has_order(self) -> bool:
        """Try every order."""
        start = State(self.opening, {}, {}, frozenset(), {})
        return self._reaches_the_end(self._look(Point(start, frozenset(), frozenset(), frozenset())))

    def _reaches_the_end(self, point: Point) -> bool:
        if all(self._explained(each, point) for each in self._answers):
            return True
        key = _key(point)
        if key in self._known:
            return False
        self._known.add(key)
        return any(self._reaches_the_end(self._look(after)) for after in self._nexts(point))

    def _explained(self, operation: Operation, point: Point) -> bool:
        done = operation.index in point.done
        return done and (not self.then_read or operation.is_read or operation.index in point.seen)

    def _nexts(self, point: Point) -> Iterator[Point]:
        if point.lost:
            state = point.state
            yield point._replace(state=state._replace(balance=state.balance - point.lost), lost=0)
        for each in self.operations:
            too_early = point.lost and each.index == self.last
            if each.index in point.done or too_early or self._must_wait(each, point):
                continue
            if each.is_read:
                if each.balance == point.state.balance:
                    yield point._replace(done=point.done | {each.index})
                continue
            if _unknown(each) and each.index not in point.arrived:
                yield self._arrived(point, each)
            yield from self._answered(point, each)

    def _must_wait(self, operation: Operation, point: Point) -> bool:
        """Whether something unexplained was over before it was sent."""
        return not all(self._explained(other, point) for other in self._before[operation.index])

    def _answered(self, point: Point, each: Operation) -> Iterator[Point]:
        state = point.state
        role, branches = self._branches(state, each)
        for branch in branches:
            if not self._fits(each, branch) or (branch.moves and point.lost):
                continue
            lost = branch.moves if each.index == self.lost else point.lost
            if each.index == self.lost and not lost:
                continue
            after = _become(state, each, branch, None if _unknown(each) else role)
            seen = point.seen if each.balance is not None and branch.answers is not None else {each.index}
            yield Point(after, point.done | {each.index}, point.arrived, point.seen | seen, lost)

    def _branches(self, state: State, each: Operation) -> tuple[Role, list[Branch]]:
        if not self.terms.exists:
            return Role.STRANGER, [Branch(Outcome.REFUSED, 0, None)]
        view = LiteralView(state, self.terms, each.index in self.foreign, state.balance)
        role = role_of(view, each.request, each.form)
        return role, role.row.allows(view, each.request, state.order)

    def _fits(self, each: Operation, branch: Branch) -> bool:
        if _unknown(each):
            return branch.outcome is Outcome.ACCEPTED
        if branch.outcome is not each.outcome:
            return False
        if each.outcome is Outcome.REFUSED or each.balance is None or branch.answers is None:
            return True
        return self.then_read or each.balance in branch.answers

    def _arrived(self, point: Point, each: Operation) -> Point:
        """It reached the wallet, which may answer its next attempts as those of a call it knows."""
        state = point.state
        key = (each.method, str(each.transaction_id))
        entries = state.entries
        if each.form is not CallForm.MALFORMED and key not in entries:
            entries = {**entries, key: Pending(each.request, each.form)}
        after = _noted(state._replace(entries=entries, order=state.order + 1), each, None)
        return point._replace(state=after, arrived=point.arrived | {each.index})

    def _look(self, point: Point) -> Point:
        """With `then_read`: note which answers show what is there now, after the effect of their id."""
        if not self.then_read:
            return point
        now = {
            each.index
            for each in self.operations
            if each.outcome is Outcome.ACCEPTED
            and each.balance == point.state.balance
            and (each.index in point.done or _has_effect(point.state, each))
        }
        return point._replace(seen=point.seen | now)


def _unknown(operation: Operation) -> bool:
    return operation.is_unknown and not operation.is_read


def _has_effect(state: State, each: Operation) -> bool:
    known = state.entries.get((each.method, str(each.transaction_id)))
    return isinstance(known, Applied | Tombstone)


def _become(state: State, each: Operation, branch: Branch, role: Role | None) -> State:
    entries = state.entries
    if branch.entry is not None:
        entries = {**entries, (each.method, str(each.transaction_id)): branch.entry}
    after = state._replace(balance=state.balance + branch.moves, entries=entries, order=state.order + 1)
    return _noted(after, each, role)


def _noted(state: State, each: Operation, role: Role | None) -> State:
    id_ = str(each.transaction_id)
    if each.method is Method.WIN:
        return state._replace(last_win={**state.last_win, each.game_id: state.order})
    if each.method is Method.REFUND:
        open_bets = {bet: game for bet, game in state.open_bets.items() if bet != id_}
        return state._replace(open_bets=open_bets, refund_seen=state.refund_seen | {id_})
    if role is Role.FRESH_BET and id_ not in state.refund_seen:
        return state._replace(open_bets={**state.open_bets, id_: each.game_id})
    return state


def _key(point: Point) -> Any:
    """Equal for points with the same future: of the order, only whether a win came after a bet counts."""
    state = point.state
    entries = frozenset(
        (key, entry.amount, entry.after, entry.game, state.last_win.get(entry.game, -1) > entry.order)
        if isinstance(entry, Applied)
        else (key, type(entry).__name__, str(entry))
        for key, entry in state.entries.items()
    )
    open_bets = frozenset(state.open_bets.items())
    return state.balance, entries, open_bets, state.refund_seen, *point[1:]
