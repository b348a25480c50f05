"""Model the wallet along one order of the attempts: a state that steps forwards and undoes steps.

The law decides what the wallet may do with each attempt; nothing about money is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from simulator.core.calls import CallForm
from simulator.core.findings import Outcome
from simulator.core.webhooks import Method, WebhookRequest
from simulator.history.attempts import Attempt, Group, Move, RoundsOfGame
from simulator.law.book import Terms
from simulator.law.roles import Applied, Branch, Entry, Mark, Pending, Role, Tombstone, WalletState, role_of

_BALANCE_FACTOR = 0x9E3779B97F4A7C15

_MASK = (1 << 64) - 1

_LOST = 0x5DEECE66D15A4E35

_SLOTS = {Method.BET: "bet", Method.WIN: "win", Method.REFUND: "refund"}

_SLOT_NUMBERS = {"bet": 1, "win": 2, "refund": 3}


class Step(NamedTuple):
    """Something that may happen next. Without a branch, an unanswered attempt only arrives."""

    attempt: Attempt
    role: Role | None
    branch: Branch | None


class ModelWallet(WalletState):
    """A balance, what is known of each id, and a log of changes to undo.

    With `then_read`, an answer may show any balance from its own effect until its end, as wallets do that
    commit and read their balance afterwards; otherwise it shows the balance that its effect made. `unseen`
    are then the attempts that took effect, but whose balance has not been there yet; `moved` counts the steps
    that moved the balance. `owed` is the effect that the next call will overwrite.
    """

    __slots__ = (
        "_games_matter", "_log", "balance", "current", "games", "hash", "moved", "order", "owed", "terms",
        "then_read", "unseen",
    )  # fmt: skip

    def __init__(
        self,
        balance: int,
        order: int,
        terms: Terms,
        games: Mapping[str | None, RoundsOfGame],
        *,
        then_read: bool,
    ) -> None:
        self.balance = balance
        self.order = order
        self.terms = terms
        self.games = games
        self.then_read = then_read
        self.hash = 0
        self.moved = 0
        self.owed = 0
        self.unseen: dict[Attempt, None] = {}
        self.current: Attempt | None = None
        self._games_matter = any(game.refuses_wins or game.refuses_refunds for game in games.values())
        self._log: list[tuple[Attempt, int, int] | tuple[object, str, object]] = []

    # --- what the law asks, about the current attempt -------------------------------------------------

    def entry(self, method: Method, transaction_id: str) -> Entry | None:  # noqa: ARG002  # the protocol's
        """Return what is known of the id under that method."""
        assert self.current is not None
        return self.current.group.entry(method)

    def used_otherwise(self, request: WebhookRequest) -> bool:
        """Return whether the id, or one that a careless wallet confuses with it, stands for another call."""
        assert self.current is not None
        group = self.current.group
        other = group.bet if request.method is Method.WIN else group.win
        return self.current.near or isinstance(other, Applied)

    def used_by_another(self, request: WebhookRequest) -> bool:  # noqa: ARG002  # the protocol's
        """Return whether another player used the id before."""
        assert self.current is not None
        return self.current.foreign

    def has_open_bet(self, game: str | None) -> bool:
        """Return whether the game has an open bet: accepted, with no refund seen."""
        found = self.games.get(game)
        return found is not None and found.open + found.open_before > 0

    def won_since(self, bet: Applied) -> bool:
        """Return whether a win of the bet's game came after the bet."""
        found = self.games.get(bet.game)
        return found is not None and found.last_win > bet.order

    def bars(self, request: WebhookRequest) -> bool:
        """Return whether the player may not bet so much, or not at all."""
        limit = self.terms.max_bet
        return self.terms.blocked or (
            limit is not None and request.amount is not None and request.amount > limit
        )

    def must_refuse(self, attempt: Attempt) -> bool:
        """Return whether the wallet must refuse an ordinary bet with an id of its own now."""
        return attempt.amount > self.balance or not self.terms.exists or self.bars(attempt.request)

    # --- what may happen -----------------------------------------------------------------------------

    def steps(self, attempt: Attempt) -> list[Step]:
        """Return everything that the law lets the wallet do with this attempt now and its answer allows."""
        if not self.terms.exists:
            fits = attempt.wanted is Outcome.REFUSED
            return [Step(attempt, Role.STRANGER, Branch(Outcome.REFUSED, 0, None))] if fits else []
        self.current = attempt
        role = role_of(self, attempt.request, attempt.form)
        wanted, shown = attempt.wanted, None if self.then_read else attempt.shown
        return [
            Step(attempt, role, branch)
            for branch in role.row.allows(self, attempt.request, self.order)
            if branch.outcome is wanted
            and self._may_move(attempt, branch)
            and (shown is None or branch.answers is None or shown in branch.answers)
        ]

    def _may_move(self, attempt: Attempt, branch: Branch) -> bool:
        """Return whether it moves money if it is lost, and none before a lost effect is overwritten."""
        return branch.moves != 0 if attempt.lost else not (self.owed and branch.moves)

    def harmless(self, attempt: Attempt, steps: list[Step]) -> Step | None:
        """Return the step that may be taken at once, because taking it later can never be better, or None.

        It moves no money, and what the wallet remembers of it forbids nothing later.
        """
        if not steps:
            return None
        role = steps[0].role
        known = attempt.group.entry(attempt.method)
        if role is Role.STRANGER or role is Role.MALFORMED:
            return steps[0]
        if isinstance(known, Applied | Tombstone):
            return None if attempt.timed else steps[0]
        if attempt.held:
            return None
        if attempt.wanted is Outcome.REFUSED or role is Role.LATE_BET:
            return steps[0]
        unmoved = all(step.branch is not None and step.branch.moves == 0 for step in steps)
        return steps[0] if unmoved and attempt.idle else None

    # --- moving forwards and back ----------------------------------------------------------------------

    def mark(self) -> int:
        """Return the present moment, for `undo_to`."""
        return len(self._log)

    def take(self, step: Step) -> None:
        """Take the step."""
        attempt, role, branch = step
        # Never undone: it only matters that later steps have higher numbers.
        self.order += 1
        if branch is None:
            self._arrive(attempt)
            return
        self._finish(attempt)
        if branch.entry is not None and not attempt.group.lonely:
            self._remember(attempt, branch.entry)
        if self._games_matter:
            self._note(attempt, None if attempt.unknown else role)
        self.balance += branch.moves
        if attempt.lost:
            self._owe(branch.moves)
        if self.then_read:
            if branch.moves:
                self._change(self, "moved", self.moved + 1)
            self._note_shown(attempt, branch)

    def take_read(self, attempt: Attempt) -> None:
        """Take a balance read."""
        self._finish(attempt)
        if self.then_read:
            self._change(attempt, "seen", True)

    def see(self, attempt: Attempt) -> None:
        """Record that the balance which an answer shows is there, after the attempt's effect."""
        self._change(attempt, "seen", True)
        self.unseen.pop(attempt, None)
        self._rehash(attempt.token * 3 & _MASK)

    def overwrite(self) -> None:
        """Take the effect that is lost back, as a wallet does whose next call did not see it."""
        self._change(self, "balance", self.balance - self.owed)
        self._owe(0)

    def _owe(self, moves: int) -> None:
        self._change(self, "owed", moves)
        self._rehash(_LOST)

    def mark_after(self, moment: int) -> int:
        """Return the mark after the last step of an attempt that had to be over before that moment."""
        steps = [place for place, each in enumerate(self._log) if not isinstance(each[1], str)]
        due = -1
        for place in steps:
            attempt = self._log[place][0]
            assert isinstance(attempt, Attempt)
            if attempt.deadline < moment:
                due = place
        return next((place for place in steps if place > due), len(self._log))

    def undo_to(self, mark: int) -> None:
        """Undo all changes since that moment."""
        log = self._log
        while len(log) > mark:
            changed, second, third = log.pop()
            if isinstance(second, str):
                setattr(changed, second, third)
                if second == "seen" and isinstance(changed, Attempt) and changed.done:
                    self.unseen[changed] = None
            else:
                assert isinstance(changed, Attempt)
                assert isinstance(third, int)
                changed.reopen()
                if self.unseen:
                    self.unseen.pop(changed, None)
                self.balance, self.hash = second, third

    def path(self) -> Iterator[Move]:
        """Yield each attempt that moved the balance, in order, with the balances before and after it."""
        taken = [(each[0], each[1]) for each in self._log if not isinstance(each[1], str)]
        for place, (attempt, before) in enumerate(taken):
            assert isinstance(attempt, Attempt)
            assert isinstance(before, int)
            after = taken[place + 1][1] if place + 1 < len(taken) else self.balance
            assert isinstance(after, int)
            if before != after:
                yield Move(attempt, before, after)

    @property
    def identity(self) -> int:
        """Return a number that is equal for states with the same future."""
        return self.hash ^ (self.balance * _BALANCE_FACTOR & _MASK)

    def _finish(self, attempt: Attempt) -> None:
        self._log.append((attempt, self.balance, self.hash))
        attempt.done = True
        self.hash ^= attempt.token

    def _change(self, changed: object, name: str, value: object) -> None:
        self._log.append((changed, name, getattr(changed, name)))
        setattr(changed, name, value)

    def _rehash(self, token: int) -> None:
        self._change(self, "hash", self.hash ^ token)

    def _remember(self, attempt: Attempt, entry: Entry) -> None:
        group, slot = attempt.group, _SLOTS[attempt.method]
        before = getattr(group, slot)
        if before == entry:
            return
        self._change(group, slot, entry)
        self._rehash(_print(group, slot, before) ^ _print(group, slot, entry))

    def _arrive(self, attempt: Attempt) -> None:
        self._change(attempt, "arrived", True)
        self._rehash(attempt.token * 5 & _MASK)
        lonely = attempt.group.lonely
        if (
            not lonely
            and attempt.group.entry(attempt.method) is None
            and attempt.form is not CallForm.MALFORMED
        ):
            self._remember(attempt, Pending(attempt.request, attempt.form))
        if self._games_matter:
            self._note(attempt, None)

    def _note(self, attempt: Attempt, role: Role | None) -> None:
        """Update what the attempt's game knows: the last win, and how many bets are open."""
        group, game = attempt.group, attempt.game
        match attempt.method:
            case Method.WIN:
                self._change(game, "last_win", self.order)
            case Method.BET if role is Role.FRESH_BET and group.lonely:
                self._change(game, "open", game.open + 1)
            case Method.BET if role is Role.FRESH_BET and not group.refund_seen:
                self._change(group, "counted_in", game)
                self._change(game, "open", game.open + 1)
                self._rehash(group.token ^ game.token)
            case Method.REFUND if not (group.refund_seen or group.lonely):
                self._change(group, "refund_seen", True)
                self._close_bet(group)
            case _:
                pass

    def _close_bet(self, group: Group) -> None:
        counted, bet = group.counted_in, group.bet
        if counted is not None:
            self._change(counted, "open", counted.open - 1)
            self._change(group, "counted_in", None)
            self._rehash(group.token ^ counted.token)
        elif group.known_before and isinstance(bet, Applied):
            game = self.games.get(bet.game)
            if game is not None and game.open_before > 0:
                self._change(game, "open_before", game.open_before - 1)

    def _note_shown(self, attempt: Attempt, branch: Branch) -> None:
        """With `then_read`, mark an answer as explained, or remember that its balance is yet to come."""
        known = attempt.group.entry(attempt.method)
        first = known.after if isinstance(known, Applied | Tombstone) else None
        if attempt.seen:
            return
        if attempt.shown is None:
            self._change(attempt, "seen", True)
        elif branch.answers is None or attempt.shown in (self.balance, first):
            self.see(attempt)
        else:
            attempt.born = self.moved
            self.unseen[attempt] = None


def _print(group: Group, name: str, entry: Entry | None) -> int:
    """Return a hash of the parts of an entry that tell two states apart."""
    slot = _SLOT_NUMBERS[name]
    match entry:
        case Applied():
            return hash((group.number, slot, 1, entry.amount, entry.after, hash(entry.game)))
        case Tombstone():
            return hash((group.number, slot, 2, entry.after))
        case Mark():
            return hash((group.number, slot, 3))
        case Pending():
            return hash((group.number, slot, 4))
        case None:
            return 0
