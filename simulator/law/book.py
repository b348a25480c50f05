"""The ledger: a book for each player, with the worlds that are possible for the player's wallet.

A call maps every world to the worlds that it may become; if none is left, the wallet did something that no
right wallet does, and `judge.blame` names what it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from simulator.core.calls import CallForm, Operation
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.likeness import near_forms
from simulator.law.roles import Applied, Branch, Entry, Mark, Pending, Role, Tombstone, WalletState, role_of

__all__ = ["Book", "Ledger", "Observation", "Terms", "TooManyWorlds", "World"]


class Book:
    """One player's part of the ledger: the facts that all worlds share, and the worlds."""

    def __init__(self, player: str, balance: Money, terms: Terms, ids: Ledger) -> None:
        self.player = player
        self.terms = terms
        self.worlds = [World(self, balance, {})]
        self.ids = ids
        self._pendings: dict[Key, Entry] = {}
        # By method and then by id: pairs as keys would take a fifth of the memory of an effect.
        self._facts: dict[Method, dict[str, Entry]] = {method: {} for method in Method}
        self._lost = False
        self._order = 0
        self.played = Games()

    # --- asking ------------------------------------------------------------------------------------

    @property
    def balances(self) -> tuple[Money, ...]:
        """Return the balances that this player may have now, smallest first."""
        if len(self.worlds) == 1:
            return (Money(self.worlds[0].balance),)
        return tuple(sorted({Money(world.balance) for world in self.worlds}))

    @property
    def ambiguous(self) -> bool:
        """Return whether more than one balance is possible."""
        return len(self.worlds) > 1 and len({world.balance for world in self.worlds}) > 1

    def fact(self, method: Method, transaction_id: str) -> Entry | None:
        """Return what every world knows of that id."""
        return self._facts[method].get(transaction_id)

    def applied(self, method: Method) -> Iterator[str]:
        """Return the ids of that method which took effect in every world."""
        return (id_ for id_, entry in self._facts[method].items() if isinstance(entry, Applied))

    def knows_alike(self, transaction_id: str) -> bool:
        """Return whether another id took effect which a careless wallet takes for this one.

        Where several alike took effect, the wallet tells them apart.
        """
        forms = set(near_forms(transaction_id))
        known = {each for method in (Method.BET, Method.WIN) for each in self.applied(method)}
        alike = Counter(
            form for each in known - {transaction_id} for form in near_forms(each) if form in forms
        )
        return 1 in alike.values()

    def open_bets(self) -> int:
        """Return the bets that were charged and neither refunded nor followed by a win in their game."""
        world = self.worlds[0]
        return sum(
            isinstance(entry, Applied)
            and entry.amount > 0
            and not isinstance(self.fact(Method.REFUND, transaction_id), Applied)
            and not world.won_since(entry)
            for transaction_id, entry in self._facts[Method.BET].items()
        )

    def role(self, request: WebhookRequest, form: CallForm) -> Role:
        """Return the role of a call in the first world, before it is sent."""
        if not self.terms.exists:
            return Role.STRANGER
        return role_of(self.worlds[0], request, form)

    @property
    def order(self) -> int:
        """Return the place of the latest call in the player's order."""
        return self._order

    @property
    def games(self) -> dict[str | None, tuple[int, int]]:
        """Return by game how many accepted bets are open, and the place of the last win (-1: none)."""
        return self.played.all()

    def may_do(self, request: WebhookRequest, form: CallForm) -> list[Possibility]:
        """Return everything that a right wallet may do with this call now, in each world.

        Nothing is taken in: `follow` does that. Raises TooManyWorlds.
        """
        if not self.terms.exists:
            return [Possibility(self.worlds[0], request, Role.STRANGER, Branch(Outcome.REFUSED, 0, None))]
        found: list[Possibility] = []
        for world in self.with_late_arrivals():
            role = role_of(world, request, form)
            branches = role.row.allows(world, request, self._order + 1)
            found.extend(Possibility(world, request, role, branch) for branch in branches)
        return found

    def unanswered(self, world: World) -> list[Pending]:
        """Return the calls that may still take effect in this world."""
        return [entry for entry in {**self._pendings, **world.delta}.values() if isinstance(entry, Pending)]

    # --- telling -----------------------------------------------------------------------------------

    def observe(
        self,
        request: WebhookRequest,
        form: CallForm,
        outcome: Outcome,
        balance: Money | None,
        *,
        nothing_sent: bool = False,
    ) -> Observation:
        """Take in one answered (or unanswered) call of a money method.

        `balance` is what an accepting reply shows. The worlds stay as they were when nothing is possible.
        Raises TooManyWorlds.
        """
        role = self.role(request, form)
        if nothing_sent or role is Role.STRANGER:
            return Observation(
                role is not Role.STRANGER or outcome is not Outcome.ACCEPTED, role, settled=True
            )
        self._order += 1
        after: list[World] = []
        for world in self.with_late_arrivals():
            # There is nearly always one world, whose role is already known.
            branches = self.branches(world, request, form, role=role if world is self.worlds[0] else None)
            after.extend(self._successors(world, branches, request, form, outcome, balance))
        if not after:
            return Observation(False, role, settled=False)
        self._note_game(request, role, outcome)
        self._settle(after)
        return Observation(True, role, settled=not self.ambiguous)

    def follow(self, form: CallForm, possible: Sequence[Possibility]) -> None:
        """Take in a call of which only this is known: the wallet did one of these. There is at least one."""
        first = possible[0]
        if first.role is Role.STRANGER:
            return
        self._order += 1
        outcomes = {each.branch.outcome for each in possible}
        certain = outcomes.pop() if len(outcomes) == 1 else Outcome.UNKNOWN
        self._note_game(first.request, self.role(first.request, form), certain)
        self._settle([self._become(each.world, each.request, each.branch) for each in possible])

    def read(self, balance: Money) -> bool:
        """Take in a balance read with nothing in flight; False (and no change) when no world has it."""
        matching = [world for world in self.with_late_arrivals() if world.balance == balance]
        if matching:
            self._settle(matching)
        return bool(matching)

    def overrule(
        self, world: World, request: WebhookRequest, role: Role, branch: Branch, made: Answered
    ) -> None:
        """Take in a call that no right wallet answers so, as `branch` has it in `world`.

        The wallet has `made.balance` after it, whatever the branch says. The call was observed before.
        """
        entry = branch.entry
        if isinstance(entry, Applied | Tombstone):
            entry = entry._replace(after=made.shown)
        delta = world.delta
        if entry is not None and request.transaction_id is not None:
            delta = {**delta, (request.method, request.transaction_id): entry}
        self._note_game(request, role, made.outcome)
        self._settle([World(self, made.balance, delta)])

    def rebase(self, balance: Money) -> Money:
        """Go on from a balance that no world has; return by how much it is more than in the nearest one.

        Every world stays possible: such a balance does not tell which calls took effect.
        """
        nearest = min(self.worlds, key=lambda each: abs(balance - each.balance))
        self._settle([World(self, balance, each.delta) for each in self.worlds])
        return Money(balance - nearest.balance)

    def shift(self, moved: int) -> None:
        """Let the balance have moved by so much in every state, by what is not in the book."""
        self._settle([World(self, each.balance + moved, each.delta) for each in self.worlds])

    def go_on_at(self, balance: Money, moves: Collection[int]) -> None:
        """Go on from a balance after a call whose effect is not known, but is one of `moves`.

        Every state that explains the balance stays possible, with what it knows of other calls.
        """
        explained = [each for each in self.worlds if balance - each.balance in moves]
        self._settle([World(self, balance, each.delta) for each in explained or self.worlds])

    def absorb(self, calls: Iterable[Operation], balance: Money) -> None:
        """Take in a burst that was judged as a whole, and the balance read after it.

        An id that got no answer may or may not be in that balance. Raises TooManyWorlds.
        """
        unanswered: dict[Key, Operation] = {}
        settled: set[Key] = set()
        calls = tuple(calls)
        self._count_open_bets(calls)
        for call in calls:
            if call.transaction_id is None or not call.method.moves_money or call.form is CallForm.MALFORMED:
                continue
            self._order += 1
            key = (call.method, call.transaction_id)
            if call.method is Method.WIN:
                self.played.win(call.game_id, self._order)
            if call.outcome is Outcome.ACCEPTED:
                self._know(call.method, call.transaction_id, self._applied(call, balance))
                settled.add(key)
            elif call.outcome is Outcome.UNKNOWN:
                unanswered.setdefault(key, call)
            elif not any(world.entry(*key) for world in self.worlds):
                self._facts[call.method][call.transaction_id] = Mark.REFUSED
        # What is known of earlier calls differs between worlds, and stays so.
        worlds = self._without(settled, balance)
        for key, call in unanswered.items():
            if isinstance(self.fact(*key), Applied):
                continue
            if 2 * len(worlds) > MAX_WORLDS:
                raise TooManyWorlds(f"{len(unanswered)} unanswered calls of player {self.player}")
            self._lost = True
            either = (Pending(call.request, call.form, self._order), self._applied(call, balance))
            worlds = [
                World(self, balance, {**world.delta, key: entry}) for world in worlds for entry in either
            ]
        self._settle(worlds)

    def _without(self, settled: Collection[Key], balance: int) -> list[World]:
        """Return the worlds at another balance, without what they know of ids that are settled now."""
        for key in settled:
            self._pendings.pop(key, None)
        found = [
            World(self, balance, {key: entry for key, entry in each.delta.items() if key not in settled})
            for each in self.worlds
        ]
        return list({world.identity(): world for world in found}.values())

    def _count_open_bets(self, calls: Sequence[Operation]) -> None:
        """Update which bets are open after a burst; a bet that may have been refunded in it is not."""
        refunded = {call.transaction_id or "" for call in calls if call.method is Method.REFUND}
        taken = {
            call.transaction_id: call.game_id
            for call in calls
            if call.method is Method.BET and call.outcome is Outcome.ACCEPTED and call.transaction_id
        }
        for bet_id, game in taken.items():
            if bet_id not in refunded and not isinstance(self.fact(Method.BET, bet_id), Applied):
                self.played.bet(game)
        for bet_id in refunded:
            bet = self.fact(Method.BET, bet_id)
            if isinstance(bet, Applied) and not isinstance(self.fact(Method.REFUND, bet_id), Applied):
                self.played.refund(bet.game)

    def _applied(self, call: Operation, balance: Money) -> Applied:
        after = balance if call.balance is None else call.balance
        return Applied(call.amount or 0, after, self._order, call.game_id)

    # --- the law -----------------------------------------------------------------------------------

    def _successors(
        self,
        world: World,
        branches: list[Branch],
        request: WebhookRequest,
        form: CallForm,
        outcome: Outcome,
        balance: Money | None,
    ) -> Iterator[World]:
        if outcome is not Outcome.UNKNOWN:
            for branch in branches:
                if branch.outcome is outcome and (
                    outcome is Outcome.REFUSED
                    or balance is None
                    or branch.answers is None
                    or balance in branch.answers
                ):
                    yield self._become(world, request, branch)
            return
        yield self._become(world, request, Branch(outcome, 0, self._pending(world, request, form)))
        for branch in branches:
            if branch.outcome is Outcome.ACCEPTED:
                yield self._become(world, request, branch)

    def branches(
        self,
        world: World,
        request: WebhookRequest,
        form: CallForm,
        order: int | None = None,
        role: Role | None = None,
    ) -> list[Branch]:
        """Return everything that a right wallet may do with this call in this world.

        `order` is when the call was sent, if not last; `role` that of the call in this world, if known.
        """
        role = role_of(world, request, form) if role is None else role
        return role.row.allows(world, request, self._order if order is None else order)

    def _pending(self, world: World, request: WebhookRequest, form: CallForm) -> Entry | None:
        if form is CallForm.MALFORMED or request.transaction_id is None:
            return None
        self._lost = True
        known = world.entry(request.method, request.transaction_id)
        return Pending(request, form, self._order) if known is None or isinstance(known, Mark) else known

    def _become(self, world: World, request: WebhookRequest, branch: Branch) -> World:
        if branch.entry is None or request.transaction_id is None:
            return world if branch.moves == 0 else World(self, world.balance + branch.moves, world.delta)
        key = (request.method, request.transaction_id)
        if branch.moves == 0 and world.entry(*key) == branch.entry:
            return world
        return World(self, world.balance + branch.moves, {**world.delta, key: branch.entry})

    def with_late_arrivals(self) -> list[World]:
        """Return the worlds, and those in which calls without an answer took effect in the meantime.

        Raises TooManyWorlds.
        """
        found = self.worlds
        if not self._lost or (not self._pendings and not any(world.delta for world in found)):
            return found
        seen = {world.identity(): world for world in found}
        queue = list(found)
        while queue:
            for late in self._late_arrivals(queue.pop()):
                if late.identity() not in seen:
                    seen[late.identity()] = late
                    queue.append(late)
            if len(seen) > MAX_WORLDS:
                raise TooManyWorlds(
                    f"too many calls without an answer leave player {self.player} over {MAX_WORLDS:,} "
                    "possible states; send them again before more are lost"
                )
        return list(seen.values())

    def _late_arrivals(self, world: World) -> Iterator[World]:
        for entry in self.unanswered(world):
            for branch in self.branches(world, entry.request, entry.form, entry.order):
                if branch.outcome is Outcome.ACCEPTED:
                    yield self._become(world, entry.request, branch)

    # --- keeping the books small -------------------------------------------------------------------

    def _settle(self, worlds: list[World]) -> None:
        if len(worlds) > 1:
            worlds = list({world.identity(): world for world in worlds}.values())
        if len(worlds) > 1:
            self.worlds = worlds
            return
        world = worlds[0]
        if world.delta:
            for (method, transaction_id), entry in world.delta.items():
                self._know(method, transaction_id, entry)
            self._remember_pendings(world.delta)
            world = World(self, world.balance, {})
        self.worlds = [world]

    def _know(self, method: Method, transaction_id: str, entry: Entry) -> None:
        self._facts[method][transaction_id] = entry
        if self.ids.has_several_players and isinstance(entry, Applied):
            self.ids.own(self.player, method, transaction_id)

    def _remember_pendings(self, delta: dict[Key, Entry]) -> None:
        for key, entry in delta.items():
            if isinstance(entry, Pending):
                self._pendings[key] = entry
            else:
                self._pendings.pop(key, None)

    def _note_game(self, request: WebhookRequest, role: Role, outcome: Outcome) -> None:
        if request.method is Method.WIN:
            self.played.win(request.game_id, self._order)
        elif request.method is Method.BET and outcome is Outcome.ACCEPTED and role is Role.FRESH_BET:
            self.played.bet(request.game_id)
        elif role in (Role.DUE_REFUND, Role.LOOSE_REFUND) and request.transaction_id is not None:
            bet = self.fact(Method.BET, request.transaction_id)
            if isinstance(bet, Applied):
                self.played.refund(bet.game)


# --- all players together -------------------------------------------------------------------------


class Ledger:
    """The books of all players of one scenario, and the ids that they share."""

    def __init__(self) -> None:
        self.books: dict[str, Book] = {}
        self.has_several_players = False
        self._shared: frozenset[str] = frozenset()
        self._exact_ids: dict[str, set[str]] = {}
        # The players whose bets and wins took effect under an id; kept from the second player on.
        self._owners: dict[Method, dict[str, list[str]]] = {Method.BET: {}, Method.WIN: {}}

    def open(self, player: str, balance: Money, terms: Terms | None = None) -> Book:
        """Begin a player's book at the balance that was read or seeded."""
        if player in self.books:
            self.close(player)
        book = Book(player, balance, terms or Terms(), self)
        self.books[player] = book
        if len(self.books) > 1 and not self.has_several_players:
            self.has_several_players = True
            for each in self.books.values():
                for method in self._owners:
                    for transaction_id in each.applied(method):
                        self.own(each.player, method, transaction_id)
        return book

    def close(self, player: str) -> None:
        """Forget a player's book."""
        book = self.books.pop(player)
        for method, owners in self._owners.items() if self.has_several_players else ():
            for transaction_id in book.applied(method):
                left = [each for each in owners.pop(transaction_id, ()) if each != player]
                if left:
                    owners[transaction_id] = left

    def own(self, player: str, method: Method, transaction_id: str) -> None:
        """Note that a call took effect for a player."""
        owners = self._owners.get(method)
        if owners is not None:
            owners.setdefault(transaction_id, []).append(player)

    def other_owners(self, player: str, request: WebhookRequest) -> list[str]:
        """Return the other players whose bet (or, for a win, win) of this id took effect."""
        method = Method.BET if request.method is Method.REFUND else request.method
        owners = self._owners[method].get(request.transaction_id or "", ())
        return [each for each in owners if each != player]

    def watch_exact_id(self, transaction_id: str) -> None:
        """Note an id whose exact form matters, so that its near relatives count as shared ids."""
        for folded in near_forms(transaction_id):
            self._exact_ids.setdefault(folded, set()).add(transaction_id)

    def share(self, transaction_ids: frozenset[str]) -> None:
        """Record ids that several players use at the same time, so that it is unknown which was first."""
        self._shared |= transaction_ids

    def used_otherwise(self, book: Book, request: WebhookRequest) -> bool:
        """Return whether the id, or one that a careless wallet confuses with it, stands for another call."""
        assert request.transaction_id is not None
        other = Method.BET if request.method is Method.WIN else Method.WIN
        if isinstance(book.fact(other, request.transaction_id), Applied):
            return True
        if not self._exact_ids:
            return False
        relatives = (self._exact_ids.get(form, set()) for form in near_forms(request.transaction_id))
        return any(near - {request.transaction_id} for near in relatives)

    def used_by_another(self, book: Book, request: WebhookRequest) -> bool:
        """Return whether another player's bet (for a win: win) with this id was sent before."""
        if self._shared and request.transaction_id in self._shared:
            return True
        return self.has_several_players and bool(self.other_owners(book.player, request))


# --- worlds: possible states of one player's wallet -----------------------------------------------

Key = tuple[Method, str]

MAX_WORLDS = 4096
"""How many combinations of unknown calls are followed; beyond it the scenario is inconclusive."""


class TooManyWorlds(Exception):
    """Raised when the unknown calls of one player combine to more worlds than are followed."""


class World(WalletState):
    """One possible state of a player's wallet: a balance, and the facts that other worlds do not share."""

    __slots__ = ("_book", "balance", "delta")

    def __init__(self, book: Book, balance: int, delta: dict[Key, Entry]) -> None:
        self._book = book
        self.balance = balance
        self.delta = delta

    def entry(self, method: Method, transaction_id: str) -> Entry | None:
        if self.delta:
            found = self.delta.get((method, transaction_id))
            if found is not None:
                return found
        return self._book.fact(method, transaction_id)

    def used_otherwise(self, request: WebhookRequest) -> bool:
        return self._book.ids.used_otherwise(self._book, request)

    def used_by_another(self, request: WebhookRequest) -> bool:
        return self._book.ids.used_by_another(self._book, request)

    def has_open_bet(self, game: str | None) -> bool:
        return self._book.played.open_bets(game) > 0

    def won_since(self, bet: Applied) -> bool:
        return self._book.played.last_win(bet.game) > bet.order

    def bars(self, request: WebhookRequest) -> bool:
        terms, amount = self._book.terms, request.amount or 0
        over = terms.max_bet is not None and amount > terms.max_bet
        under = terms.min_bet is not None and 0 < amount < terms.min_bet
        return terms.blocked or over or under

    def identity(self) -> tuple[int, frozenset[tuple[Key, Entry]]]:
        """Return a value that is equal for worlds that cannot be told apart."""
        return self.balance, frozenset(self.delta.items())


class Games:
    """The state of a player's games: how many accepted bets are open, and when the last win was sent."""

    def __init__(self) -> None:
        self._open_bets: dict[str | None, int] = {}
        self._last_win: dict[str | None, int] = {}

    def bet(self, game: str | None) -> None:
        """Count an accepted bet."""
        self._open_bets[game] = self._open_bets.get(game, 0) + 1

    def refund(self, game: str | None) -> None:
        """Count a refunded bet."""
        if self._open_bets.get(game):
            self._open_bets[game] -= 1

    def win(self, game: str | None, order: int) -> None:
        """Record a win at that place in the player's order."""
        self._last_win[game] = order

    def open_bets(self, game: str | None) -> int:
        """Return how many bets are open."""
        return self._open_bets.get(game, 0)

    def last_win(self, game: str | None) -> int:
        """Return the place of the last win, -1 without one."""
        return self._last_win.get(game, -1)

    def all(self) -> dict[str | None, tuple[int, int]]:
        """Return by game the open bets, and the place of the last win."""
        names = {*self._open_bets, *self._last_win}
        return {name: (self.open_bets(name), self.last_win(name)) for name in names}


class Possibility(NamedTuple):
    """One thing that a right wallet may do with a call in one world."""

    world: World
    request: WebhookRequest
    role: Role
    branch: Branch


class Observation(NamedTuple):
    """The ledger's verdict on one call. `possible` is False if no world allows the answer."""

    possible: bool
    role: Role
    settled: bool
    """Whether one balance is left; if not, a balance read tells the worlds apart."""


class Answered(NamedTuple):
    """How a call was answered, the balance in the answer, and the one that the wallet then has."""

    outcome: Outcome
    shown: Money
    balance: Money


class Terms(Frozen):
    """What is known of a player besides the calls: `min_bet` and `max_bet` are the wallet's limits."""

    exists: bool = True
    blocked: bool = False
    min_bet: Money | None = None
    max_bet: Money | None = None
