"""One player's part of the ledger: what every world knows, and the worlds that are possible.

A call maps every world to the worlds it may become; when none is left, the operator did something that no
right wallet does. What that was is named in `diagnosis`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from simulator.core.findings import Outcome
from simulator.core.history import Operation
from simulator.core.law import Branch, law
from simulator.core.money import Money
from simulator.core.roles import Applied, CallForm, Entry, Mark, Pending, Role, role_of
from simulator.core.view import SharedIds, View
from simulator.core.webhooks import Method, WebhookRequest
from simulator.core.worlds import MAX_WORLDS, Games, Judged, Key, Terms, TooManyWorlds, World


class Book:
    """One player's part of the ledger: the facts all worlds share, and the worlds."""

    def __init__(self, player: str, balance: Money, terms: Terms, ids: SharedIds) -> None:
        self.player = player
        self.terms = terms
        self.worlds = [World(balance, {})]
        self.ids = ids
        self._pendings: dict[Key, Entry] = {}
        # By method and then by id: a pair as the key of each would be a fifth of what an effect takes.
        self._facts: dict[Method, dict[str, Entry]] = {method: {} for method in Method}
        self._order = 0
        self.played = Games()

    # --- asking ------------------------------------------------------------------------------------

    @property
    def balances(self) -> tuple[Money, ...]:
        """The balances this player may have now, smallest first."""
        if len(self.worlds) == 1:
            return (Money(self.worlds[0].balance),)
        return tuple(sorted({Money(world.balance) for world in self.worlds}))

    @property
    def ambiguous(self) -> bool:
        """Whether more than one balance is possible."""
        return len(self.worlds) > 1 and len({world.balance for world in self.worlds}) > 1

    def fact(self, method: Method, transaction_id: str) -> Entry | None:
        """What every world knows of that id."""
        return self._facts[method].get(transaction_id)

    def open_bets(self) -> int:
        """Bets that were charged and neither refunded nor followed by a win in their game."""
        view = View(self, self.worlds[0])
        return sum(
            isinstance(entry, Applied)
            and entry.amount > 0
            and not isinstance(self.fact(Method.REFUND, transaction_id), Applied)
            and not view.won_since(entry)
            for transaction_id, entry in self._facts[Method.BET].items()
        )

    def role(self, request: WebhookRequest, form: CallForm) -> Role:
        """The role of a call in the first world, before it is sent."""
        if not self.terms.exists:
            return Role.STRANGER
        return role_of(View(self, self.worlds[0]), request, form)

    @property
    def order(self) -> int:
        """The place of the latest call in the player's order."""
        return self._order

    @property
    def games(self) -> dict[str | None, tuple[int, int]]:
        """By game: how many accepted bets are open, and the place of the last win (-1: none)."""
        return self.played.all()

    def unanswered(self, world: World) -> list[Pending]:
        """The calls that may still take effect in this world."""
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
    ) -> Judged:
        """Take in one answered (or unanswered) call of a money method.

        `balance` is what an accepting reply shows. The worlds stay as they were when nothing is possible.
        Raises TooManyWorlds.
        """
        role = self.role(request, form)
        if nothing_sent or role is Role.STRANGER:
            return Judged(role is not Role.STRANGER or outcome is not Outcome.ACCEPTED, role, settled=True)
        self._order += 1
        after: list[World] = []
        for world in self._with_late_arrivals():
            # Nearly always there is one world, and its role is known already.
            branches = self.branches(world, request, form, role=role if world is self.worlds[0] else None)
            after.extend(self._successors(world, branches, request, form, outcome, balance))
        if not after:
            return Judged(False, role, settled=False)
        self._note_game(request, role, outcome)
        self._settle(after)
        return Judged(True, role, settled=not self.ambiguous)

    def read(self, balance: Money) -> bool:
        """Take in a balance read with nothing in flight; False (and no change) when no world has it."""
        matching = [world for world in self._with_late_arrivals() if world.balance == balance]
        if matching:
            self._settle(matching)
        return bool(matching)

    def absorb(self, calls: Iterable[Operation], balance: Money) -> None:
        """Take in a burst that was judged as a whole, and the balance read after it.

        An id that got no answer may or may not be in that balance. Raises TooManyWorlds.
        """
        unanswered: dict[Key, Operation] = {}
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
                self._facts[call.method][call.transaction_id] = self._applied(call, balance)
            elif call.outcome is Outcome.UNKNOWN:
                unanswered.setdefault(key, call)
            else:
                self._facts[call.method].setdefault(call.transaction_id, Mark.REFUSED)
        worlds = [World(balance, {})]
        for key, call in unanswered.items():
            if isinstance(self.fact(*key), Applied):
                continue
            if 2 * len(worlds) > MAX_WORLDS:
                raise TooManyWorlds(f"{len(unanswered)} unanswered calls of player {self.player}")
            either = (Pending(call.request, call.form, self._order), self._applied(call, balance))
            worlds = [World(balance, {**world.delta, key: entry}) for world in worlds for entry in either]
        self._settle(worlds)

    def _count_open_bets(self, calls: Sequence[Operation]) -> None:
        """Which bets are open after a burst: one that may have been refunded in it is not."""
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
        """Everything that a right wallet may do with this call in this world.

        `order` is when the call was sent, if not last; `role` that of the call in this world, if known.
        """
        view = View(self, world)
        role = role_of(view, request, form) if role is None else role
        return list(law(role, view, request, self._order if order is None else order))

    def _pending(self, world: World, request: WebhookRequest, form: CallForm) -> Entry | None:
        if form is CallForm.MALFORMED or request.transaction_id is None:
            return None
        known = View(self, world).entry(request.method, request.transaction_id)
        return Pending(request, form, self._order) if known is None or isinstance(known, Mark) else known

    def _become(self, world: World, request: WebhookRequest, branch: Branch) -> World:
        if branch.entry is None or request.transaction_id is None:
            return world if branch.moves == 0 else World(world.balance + branch.moves, world.delta)
        key = (request.method, request.transaction_id)
        if branch.moves == 0 and View(self, world).entry(*key) == branch.entry:
            return world
        return World(world.balance + branch.moves, {**world.delta, key: branch.entry})

    def _with_late_arrivals(self) -> list[World]:
        """The worlds, and those in which calls without an answer took effect in the meantime."""
        found = self.worlds
        if not self._pendings and not any(world.delta for world in found):
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
        entries = {**self._pendings, **world.delta}
        for entry in entries.values():
            if isinstance(entry, Pending):
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
                self._facts[method][transaction_id] = entry
            self._remember_pendings(world.delta)
            world = World(world.balance, {})
        self.worlds = [world]

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
