"""Right wallets of every dialect under random interleavings, and the histories that they leave.

Written from the ledger's table, not from its code: a history that is made here has an order by construction.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from simulator.core.calls import CallForm, Operation
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method

Answer = tuple[Outcome, int | None]
REFUSED: Answer = (Outcome.REFUSED, None)


@dataclass(frozen=True)
class Dialect:
    """What right wallets do differently."""

    repeats: str = "first"  # first | current | refused
    other_amount: str = "refused"  # accepted | refused
    unknown_refund: str = "tombstone"  # tombstone | refused
    late_bet: str = "refused"  # accepted | refused
    bet_after_refused_refund: str = "charged"  # charged | ignored | refused
    loose_win: str = "credited"  # credited | refused
    zero: str = "accepted"  # accepted | refused
    partial_refund: str = "stake"  # stake | amount | refused
    refund_after_win: str = "credited"  # credited | refused
    refund_of_win: str = "ignored"  # ignored | debited | refused
    shared_id: str = "applied"  # applied | refused
    refused_before: str = "again"  # again (tried again) | refused


CHOICES: dict[str, tuple[str, ...]] = {
    "repeats": ("first", "current", "refused"),
    "other_amount": ("accepted", "refused"),
    "unknown_refund": ("tombstone", "refused"),
    "late_bet": ("accepted", "refused"),
    "bet_after_refused_refund": ("charged", "ignored", "refused"),
    "loose_win": ("credited", "refused"),
    "zero": ("accepted", "refused"),
    "partial_refund": ("stake", "amount", "refused"),
    "refund_after_win": ("credited", "refused"),
    "refund_of_win": ("ignored", "debited", "refused"),
    "shared_id": ("applied", "refused"),
    "refused_before": ("again", "refused"),
}


def any_dialect(chance: random.Random) -> Dialect:
    """A dialect with every knob drawn."""
    return Dialect(**{knob: chance.choice(values) for knob, values in CHOICES.items()})


@dataclass
class RightWallet:
    """One player's wallet: it does one call at a time, whole."""

    balance: int
    dialect: Dialect
    answers: dict[tuple[Method, str], int] = field(default_factory=dict)
    amounts: dict[tuple[Method, str], int] = field(default_factory=dict)
    games: dict[str, str | None] = field(default_factory=dict)
    refused: set[tuple[Method, str]] = field(default_factory=set)
    tombstones: set[str] = field(default_factory=set)
    refunded: set[str] = field(default_factory=set)
    won: dict[str | None, int] = field(default_factory=dict)
    bet_at: dict[str, int] = field(default_factory=dict)
    clock: int = 0

    def call(self, each: Operation) -> Answer:
        """Do it; the answer shows the balance of that moment, or that of the first answer."""
        self.clock += 1
        id_, amount = str(each.transaction_id), int(each.amount or 0)
        key = (each.method, id_)
        if key in self.answers:
            return self._repeat(key, amount)
        answer = {Method.BET: self._bet, Method.WIN: self._win, Method.REFUND: self._refund}[each.method](
            each, id_, amount
        )
        if each.method is Method.WIN:
            self.won[each.game_id] = self.clock
        if answer[0] is Outcome.REFUSED:
            self.refused.add(key)
        return answer

    def _repeat(self, key: tuple[Method, str], amount: int) -> Answer:
        knob = self.dialect.repeats
        if amount != self.amounts[key] and self.dialect.other_amount == "refused":
            return REFUSED
        if knob == "refused":
            return REFUSED
        return Outcome.ACCEPTED, self.answers[key] if knob == "first" else self.balance

    def _apply(self, each: Operation, id_: str, moves: int) -> Answer:
        self.balance += moves
        self.answers[each.method, id_] = self.balance
        self.amounts[each.method, id_] = int(each.amount or 0)
        if each.method is Method.BET:
            self.games[id_] = each.game_id
            self.bet_at[id_] = self.clock
        return Outcome.ACCEPTED, self.balance

    def _bet(self, each: Operation, id_: str, amount: int) -> Answer:
        if amount == 0:
            return self._zero(each, id_)
        if id_ in self.tombstones:
            return (Outcome.ACCEPTED, self.balance) if self.dialect.late_bet == "accepted" else REFUSED
        if amount > self.balance:
            return REFUSED
        if (Method.REFUND, id_) in self.refused:
            knob = self.dialect.bet_after_refused_refund
            if knob != "charged":
                return REFUSED if knob == "refused" else (Outcome.ACCEPTED, self.balance)
        elif self._turned_away(id_):
            return REFUSED
        return self._apply(each, id_, -amount)

    def _turned_away(self, id_: str) -> bool:
        again = (Method.BET, id_) in self.refused and self.dialect.refused_before == "refused"
        shared = (Method.WIN, id_) in self.answers and self.dialect.shared_id == "refused"
        return again or shared

    def _win(self, each: Operation, id_: str, amount: int) -> Answer:
        if amount == 0:
            return self._zero(each, id_)
        if id_ in self.tombstones:
            return self._apply(each, id_, amount) if self.dialect.loose_win == "credited" else REFUSED
        if (Method.BET, id_) in self.answers and self.dialect.shared_id == "refused":
            return REFUSED
        open_bets = [
            bet for bet, game in self.games.items() if game == each.game_id and bet not in self.refunded
        ]
        if not open_bets and self.dialect.loose_win == "refused":
            return REFUSED
        return self._apply(each, id_, amount)

    def _refund(self, each: Operation, id_: str, amount: int) -> Answer:
        stake = self.amounts.get((Method.BET, id_))
        if stake is None:
            return self._refund_of_nothing(each, id_, amount)
        since_win = self.won.get(self.games[id_], -1) > self.bet_at[id_]
        self.refunded.add(id_)
        if since_win and self.dialect.refund_after_win == "refused":
            return REFUSED
        if amount == stake and amount > 0:
            return self._apply(each, id_, stake)
        if self.dialect.partial_refund == "refused":
            return REFUSED
        return self._apply(
            each, id_, amount if self.dialect.partial_refund == "amount" and amount <= stake else stake
        )

    def _refund_of_nothing(self, each: Operation, id_: str, amount: int) -> Answer:
        if amount == 0:
            return (Outcome.ACCEPTED, self.balance) if self.dialect.zero == "accepted" else REFUSED
        if (Method.WIN, id_) in self.answers and self.dialect.refund_of_win != "ignored":
            if self.dialect.refund_of_win == "refused":
                return REFUSED
            self.tombstones.add(id_)
            return self._apply(each, id_, -self.amounts[Method.WIN, id_])
        if self.dialect.unknown_refund == "refused":
            return REFUSED
        self.tombstones.add(id_)
        return self._apply(each, id_, 0)

    def _zero(self, each: Operation, id_: str) -> Answer:
        if self.dialect.zero == "refused":
            return REFUSED
        return self._apply(each, id_, 0)


@dataclass(frozen=True)
class Recipe:
    """How histories are made: how many attempts, how much they overlap, how often an answer is lost."""

    attempts: int
    opening: int
    crowding: float
    amounts: tuple[int, ...] = (0, 5, 10, 10, 20, 30, 60)
    ids: int = 3
    games: tuple[str | None, ...] = ("g", "g", "h", None)
    lost: float = 0.15
    reads: float = 0.2
    bare: float = 0.05
    odd: float = 0.05
    then_read: bool = False
    last_read: bool = False
    loses: bool = False
    """One effect is overwritten by the next one: the wallet is not right."""


@dataclass
class _Life:
    """The moments of one attempt."""

    sent: int
    effect: int
    read: int
    answered: int


def history_of(recipe: Recipe, chance: random.Random) -> list[Operation]:
    """What a right wallet of a random dialect leaves of random calls, in the order of sending."""
    calls = [_call(number, recipe, chance) for number in range(recipe.attempts)]
    lives = [_life(recipe, chance) for _ in calls]
    wallet = RightWallet(recipe.opening, any_dialect(chance))
    answers: dict[int, Answer] = {}
    loses = recipe.loses
    moments = [(life.effect, chance.random(), "effect", number) for number, life in enumerate(lives)]
    moments += [(life.read, chance.random(), "read", number) for number, life in enumerate(lives)]
    for _, _, kind, number in sorted(moments, key=lambda each: (each[0], each[2] == "read", each[1])):
        each = calls[number]
        if kind == "effect":
            reads = each.method is Method.BALANCE
            before = wallet.balance
            answers[number] = (Outcome.ACCEPTED, wallet.balance) if reads else _done(wallet, each, chance)
            if loses and wallet.balance != before and chance.random() < 0.4:
                wallet.balance, loses = before, False
        elif recipe.then_read and answers[number][0] is Outcome.ACCEPTED and each.method.moves_money:
            answers[number] = (Outcome.ACCEPTED, wallet.balance)
    made = [
        _told(each, life, answers[each.index], recipe, chance)
        for each, life in zip(calls, lives, strict=True)
    ]
    if recipe.last_read:
        end = 1 + max((life.answered for life in lives), default=0)
        read = Operation(
            len(made), "p", Method.BALANCE, None, None, None, end, end + 1, Outcome.ACCEPTED, None
        )
        made.append(replace(read, balance=Money(wallet.balance)))
    return sorted(made, key=lambda each: each.sent_ns)


def _done(wallet: RightWallet, each: Operation, chance: random.Random) -> Answer:
    if each.form is CallForm.MALFORMED or (each.form is not CallForm.CANONICAL and chance.random() < 0.3):
        return REFUSED
    return wallet.call(each)


def _call(number: int, recipe: Recipe, chance: random.Random) -> Operation:
    game = chance.choice(recipe.games)
    if chance.random() < recipe.reads:
        return Operation(number, "p", Method.BALANCE, None, None, None, 0, 0, Outcome.ACCEPTED, None)
    method = chance.choice((Method.BET, Method.BET, Method.WIN, Method.REFUND))
    kind = chance.choice("bbbx") if method is not Method.WIN else chance.choice("wwwx")
    id_ = f"{kind}{chance.randrange(recipe.ids)}"
    form = (
        chance.choice((CallForm.ODD, CallForm.OPTIONAL))
        if chance.random() < recipe.odd
        else CallForm.CANONICAL
    )
    amount = Money(chance.choice(recipe.amounts))
    if chance.random() < 0.6:
        amount = Money(recipe.amounts[hash_of(id_) % len(recipe.amounts)])
    game = None if method is Method.REFUND else game
    return Operation(number, "p", method, id_, amount, game, 0, 0, Outcome.ACCEPTED, None, form)


def hash_of(text: str) -> int:
    """The same in every process, so that an id keeps its usual amount."""
    return sum(map(ord, text))


def _life(recipe: Recipe, chance: random.Random) -> _Life:
    span = 1 + int(recipe.crowding * recipe.attempts * 4)
    sent = chance.randrange(recipe.attempts * 4)
    moments = sorted(sent + chance.randrange(span) for _ in range(3))
    return _Life(sent, *moments)


def _told(each: Operation, life: _Life, answer: Answer, recipe: Recipe, chance: random.Random) -> Operation:
    outcome, balance = answer
    if each.method is not Method.BALANCE and chance.random() < recipe.lost:
        return replace(each, sent_ns=life.sent, answered_ns=None, outcome=Outcome.UNKNOWN, balance=None)
    bare = each.method.moves_money and chance.random() < recipe.bare
    shown = None if balance is None or bare else Money(balance)
    return replace(each, sent_ns=life.sent, answered_ns=life.answered, outcome=outcome, balance=shown)


Mutation = Callable[[Sequence[Operation], random.Random], list[Operation]]


def mutate(history: Sequence[Operation], chance: random.Random) -> list[Operation]:
    """The same history with one thing wrong, or at least different."""
    mutated = list(history)
    place = chance.randrange(len(mutated))
    each = mutated[place]
    match chance.randrange(6):
        case 0 if each.balance is not None:
            mutated[place] = replace(each, balance=Money(each.balance + chance.choice((-10, -5, 5, 10, 20))))
        case 1 if each.method.moves_money and not each.is_unknown:
            mutated[place] = replace(each, outcome=Outcome.REFUSED, balance=None)
        case 2 if each.outcome is Outcome.REFUSED:
            mutated[place] = replace(each, outcome=Outcome.ACCEPTED)
        case 3 if each.answered_ns is not None:
            mutated[place] = replace(
                each, answered_ns=max(each.sent_ns, each.answered_ns - chance.randrange(9))
            )
        case 4 if each.balance is not None:
            shown = [other.balance for other in mutated if other.balance is not None]
            mutated[place] = replace(each, balance=chance.choice(shown))
        case _:
            del mutated[place]
    return mutated
