"""Prepare a history for the search: where it may start, which attempts share an id or a game, and where to
look for the next attempt.

The lists only narrow down which attempts are worth asking the law about: they may hold too many, never too
few.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property

from simulator.core.calls import FOREVER, CallForm, Operation
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest
from simulator.history.attempts import (
    Attempt,
    Group,
    Lane,
    RoundsOfGame,
    overlapping,
    says_nothing,
    shows_present,
)
from simulator.law.book import Book, World
from simulator.law.roles import Applied, Entry, Mark, Pending

_SEED = 20


class Case:
    """One player's history from one possible start.

    `reads_at`, `effects_at`: by the balance that must be there before; `reads`: all balance reads.
    `idlers`: attempts that may have to be taken as soon as possible; `idlers_at`: those that need a certain
    balance. `movers`: attempts that may happen at any balance. `unknowns`: attempts that may never happen;
    `arrivals`: those of them that affect others even then. `shows_at`, only with `then_read`: by the
    balance that is shown. `recurring` are ids of later calls, which are not among these operations, and
    attempts that are not over at the `horizon` need not be explained: their answers may tell of such calls.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        start: Start,
        *,
        then_read: bool,
        foreign: Collection[int] = (),
        recurring: Collection[str] = (),
        horizon: int = FOREVER,
    ) -> None:
        self.start = start
        self.horizon = horizon
        self._recurring = recurring
        self.then_read = then_read
        self.games: dict[str | None, RoundsOfGame] = {}
        self.groups: dict[str, Group] = {}
        self.timed_groups: dict[Group, None] = {}
        self.attempts: list[Attempt] = []
        self._tokens = random.Random(_SEED)
        counted = Counter(each.transaction_id for each in _relevant(operations, start))
        for operation in _relevant(operations, start):
            group = self._group(operation, counted)
            attempt = Attempt(operation, group, self._game(operation.game_id), self._tokens.getrandbits(64))
            if attempt.form is not CallForm.MALFORMED and not attempt.is_read:
                attempt.foreign = operation.index in foreign or start.is_foreign(attempt.request)
                attempt.near = start.is_near(attempt.request)
            if not group.lonely:
                group.attempts.append(attempt)
            self.attempts.append(attempt)
        for game in start.games:
            self._game(game)
        self._describe()
        self._sort_into_lanes()

    @cached_property
    def last_word(self) -> int:
        """Return when the last call was sent whose answer shows the balance of its own moment."""
        return max((each.sent for each in self.attempts if shows_present(each)), default=-FOREVER)

    def lose(self, index: int) -> None:
        """Let the effect of the operation with this index be overwritten by the next one."""
        for attempt in self.attempts:
            if attempt.operation.index == index:
                attempt.lost, attempt.pure = True, None

    def _group(self, operation: Operation, counted: Counter[str | None]) -> Group:
        id_ = operation.transaction_id
        if id_ is None:
            return _LONELY
        group = self.groups.get(id_)
        if group is not None:
            return group
        known = [self.start.entry(method, id_) for method in _MONEY]
        if counted[id_] == 1 and known == [None, None, None] and id_ not in self._recurring:
            return _LONELY
        group = self.groups[id_] = Group(len(self.groups))
        group.bet, group.win, group.refund = known
        group.known_before = known != [None, None, None]
        return group

    def _game(self, name: str | None) -> RoundsOfGame:
        game = self.games.get(name)
        if game is None:
            open_bets, last_win = self.start.games.get(name, (0, -1))
            game = self.games[name] = RoundsOfGame(open_bets, last_win, self._tokens.getrandbits(64))
        return game

    def _describe(self) -> None:
        for group in self.groups.values():
            group.exotic = _is_exotic(group)
        for attempt in self.attempts:
            if attempt.wanted is Outcome.REFUSED and attempt.method is Method.WIN:
                attempt.game.refuses_wins = True
            if attempt.wanted is Outcome.REFUSED and attempt.method is Method.REFUND:
                self.timed_groups[attempt.group] = None
                for game in self._games_of_bets(attempt.group):
                    game.refuses_refunds = True
        watched = any(game.refuses_wins for game in self.games.values())
        for attempt in self.attempts:
            if not attempt.is_read:
                _describe(attempt, watched, self.then_read)

    def _games_of_bets(self, group: Group) -> Iterable[RoundsOfGame]:
        for bet in group.of(Method.BET):
            yield bet.game
        if isinstance(group.bet, Applied):
            yield self._game(group.bet.game)

    def _sort_into_lanes(self) -> None:
        reads: defaultdict[int, list[Attempt]] = defaultdict(list)
        effects: defaultdict[int, list[Attempt]] = defaultdict(list)
        idlers_at: defaultdict[int, list[Attempt]] = defaultdict(list)
        shows: defaultdict[int, list[Attempt]] = defaultdict(list)
        idlers: list[Attempt] = []
        movers: list[Attempt] = []
        unknowns: list[Attempt] = []
        for attempt in sorted(self.attempts, key=_sent):
            if attempt.is_read:
                reads[attempt.shown or 0].append(attempt)
            elif attempt.unknown:
                unknowns.append(attempt)
            else:
                if self.then_read and attempt.shown is not None:
                    shows[attempt.shown].append(attempt)
                self._sort_answered(attempt, effects, idlers_at, idlers, movers)
        self.reads_at = {balance: Lane(found) for balance, found in reads.items()}
        self.effects_at = {balance: Lane(found) for balance, found in effects.items()}
        self.idlers_at = {balance: Lane(found) for balance, found in idlers_at.items()}
        self.shows_at = dict(shows)
        self.reads = Lane([each for each in sorted(self.attempts, key=_sent) if each.is_read])
        self.idlers = Lane(idlers)
        self.movers = Lane(movers)
        self.unknowns = Lane(unknowns)
        stepping = {id(each): each for found in effects.values() for each in found}
        self.steps = Lane(sorted(stepping.values(), key=_sent))
        answered = [each for each in self.attempts if not each.unknown and each.deadline < self.horizon]
        self.arrivals = Lane([each for each in unknowns if not each.group.lonely])
        self.by_deadline = sorted(answered, key=lambda each: each.deadline)

    def _sort_answered(
        self,
        attempt: Attempt,
        effects: dict[int, list[Attempt]],
        idlers_at: dict[int, list[Attempt]],
        idlers: list[Attempt],
        movers: list[Attempt],
    ) -> None:
        if attempt.wanted is Outcome.REFUSED:
            idlers.append(attempt)
            if attempt.held:
                movers.append(attempt)
            return
        shown = attempt.shown
        if shown is None or attempt.held or self.then_read:
            if not _surely_moves(attempt):
                idlers.append(attempt)
            movers.append(attempt)
            return
        own = attempt.group.of(attempt.method)
        if len(own) > 1 or attempt.group.entry(attempt.method) is not None or says_nothing(attempt):
            idlers.append(attempt)
        else:
            idlers_at[shown].append(attempt)
        for moves in _possible_moves(attempt):
            effects[shown - moves].append(attempt)


_LONELY = Group(-1)
"""The group of every attempt whose id no other attempt has: nothing depends on what is known of it."""

_LONELY.lonely = True

_MONEY = (Method.BET, Method.WIN, Method.REFUND)


def _sent(attempt: Attempt) -> int:
    return attempt.sent


def _relevant(operations: Sequence[Operation], start: Start) -> Iterable[Operation]:
    """Yield the operations that can prove something: reads and money calls, pending ones first."""
    yield from start.pending
    for operation in operations:
        if operation.is_read or operation.method.moves_money:
            yield operation


def _is_exotic(group: Group) -> bool:
    methods = {each.method for each in group.attempts}
    wins = Method.WIN in methods or group.win is not None
    refunds = Method.REFUND in methods or group.refund is not None
    zero_refund = group.refund is Mark.ZERO_REFUND or any(
        each.method is Method.REFUND and each.amount == 0 for each in group.attempts
    )
    foreign = any(each.foreign for each in group.attempts)
    return foreign or (refunds and (wins or zero_refund))


def _describe(attempt: Attempt, refused_wins: bool, then_read: bool) -> None:
    group = attempt.group
    attempt.timed = attempt.method is Method.WIN and attempt.game.refuses_refunds
    attempt.held = group.exotic or attempt.timed or attempt.foreign
    no_bet = not group.known_before and not any(
        each.method is Method.WIN or (each.method is Method.BET and each.wanted is Outcome.ACCEPTED)
        for each in group.attempts
    )
    attempt.moves = _guess(attempt)
    # A repeat may show the balance of the first answer: then the moment of a silent first one matters.
    silent = attempt.shown is None and any(each.shown is not None for each in group.of(attempt.method))
    attempt.idle = group.lonely or (attempt.method is Method.REFUND and no_bet and not silent)
    attempt.quick_refusal = (
        attempt.wanted is Outcome.REFUSED
        and attempt.method is Method.BET
        and group.lonely
        and not attempt.near
        and attempt.form is CallForm.CANONICAL
        and attempt.amount > 0
    )
    if not attempt.held and _can_be_exchanged(attempt, refused_wins, then_read):
        if attempt.unknown:
            attempt.pure = "unknown"
        elif attempt.game.refuses_wins:
            attempt.pure = (attempt.shown, attempt.game, attempt.form)
        else:
            attempt.pure = (attempt.shown,)


def _can_be_exchanged(attempt: Attempt, refused_wins: bool, then_read: bool) -> bool:
    """Return whether, for its id, it may swap places with an attempt of equal effect and answer."""
    group = attempt.group
    if attempt.unknown:
        return group.lonely
    if any(other is not attempt and overlapping(attempt, other) for other in group.attempts):
        return False
    if (attempt.shown is None or then_read) and len(group.of(attempt.method)) > 1:
        # A repeat may show the balance of the first answer, which is another one after the swap.
        return False
    if attempt.method is not Method.REFUND:
        refused = any(each.wanted is Outcome.REFUSED for each in group.of(Method.REFUND))
        return not group.known_before and not refused
    stakes = {each.amount for each in group.of(Method.BET)}
    if isinstance(group.bet, Applied):
        stakes.add(group.bet.amount)
    return not refused_wins and stakes == {attempt.amount}


def _surely_moves(attempt: Attempt) -> bool:
    """Return whether an accepted attempt surely moves money: a positive bet or win with an id of its own."""
    plain = attempt.group.lonely and attempt.form is not CallForm.MALFORMED
    return plain and attempt.amount > 0 and attempt.method is not Method.REFUND


def _guess(attempt: Attempt) -> int:
    if attempt.form is CallForm.MALFORMED:
        return 0
    if attempt.method is Method.REFUND:
        bets = attempt.group.bet is not None or attempt.group.of(Method.BET)
        return attempt.amount if bets else 0
    return attempt.amount if attempt.method is Method.WIN else -attempt.amount


def _possible_moves(attempt: Attempt) -> set[int]:
    """Return at least all amounts by which an accepted attempt may move the balance."""
    group, amount = attempt.group, attempt.amount
    if attempt.form is CallForm.MALFORMED:
        return set()
    if attempt.method is Method.WIN:
        return {amount}
    if attempt.method is Method.BET:
        return {-amount} if group.lonely else {-amount, 0}
    stakes = {each.amount for each in group.of(Method.BET)}
    if isinstance(group.bet, Applied):
        stakes.add(group.bet.amount)
    if attempt.operation.amount is not None and any(amount <= stake for stake in stakes):
        stakes.add(amount)
    return {0, *stakes}


# --- where a history starts -----------------------------------------------------------------------


class Earlier:
    """What earlier calls of the same history have left of their ids; other ids do not stand for these."""

    def __init__(self) -> None:
        self.entries: dict[tuple[Method, str], Entry] = {}

    def entry(self, method: Method, transaction_id: str) -> Entry | None:
        """Return what is known of that id."""
        return self.entries.get((method, transaction_id))

    def used_otherwise(self, _request: WebhookRequest) -> bool:
        """Return False: an id that stands for another call has an entry."""
        return False

    def used_by_another(self, _request: WebhookRequest) -> bool:
        """Return False: the history tells which ids are foreign."""
        return False


class Start(Frozen):
    """One state that a wallet may be in when a history begins: its balance, and the ids and games it knows.

    `pending` are earlier calls without an answer, which may still take effect.
    """

    balance: int
    order: int = 0
    games: Mapping[str | None, tuple[int, int]] = field(default_factory=dict)
    pending: tuple[Operation, ...] = ()
    world: World | Earlier | None = None

    def entry(self, method: Method, transaction_id: str) -> Entry | None:
        """Return what is known of that id."""
        return None if self.world is None else self.world.entry(method, transaction_id)

    def is_near(self, request: WebhookRequest) -> bool:
        """Return whether the id, or one that a careless wallet confuses with it, stands for another call."""
        return self.world is not None and self.world.used_otherwise(request)

    def is_foreign(self, request: WebhookRequest) -> bool:
        """Return whether another player used the id."""
        return self.world is not None and self.world.used_by_another(request)


def starts(opening: Money, before: Book | None) -> Iterator[Start]:
    """Yield every state that the wallet may be in; a book's balances take precedence over `opening`."""
    if before is None:
        yield Start(opening)
        return
    for world in before.worlds:
        pending = tuple(_operation(entry, -place) for place, entry in enumerate(before.unanswered(world), 1))
        yield Start(world.balance, before.order + 1, before.games, pending, world)


def _operation(entry: Pending, index: int) -> Operation:
    request = entry.request
    return Operation(
        index=index,
        player=request.player,
        method=request.method,
        transaction_id=request.transaction_id,
        amount=request.amount,
        game_id=request.game_id,
        sent_ns=-FOREVER,
        answered_ns=None,
        outcome=Outcome.UNKNOWN,
        balance=None,
        form=entry.form,
        label="from before",
    )
