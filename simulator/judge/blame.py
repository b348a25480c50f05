"""Names what a wallet did wrong, and which call did it. Pure: the driver of the referee makes the reads."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from simulator.core.calls import Call, CallForm, FaultKind, Operation
from simulator.core.findings import Outcome
from simulator.core.money import CENT, ZERO, Money, format_change
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, Reply, WebhookRequest
from simulator.law.book import Book, World
from simulator.law.mistakes import TAKEN_AGAIN, situation_of
from simulator.law.roles import (
    REPEATS,
    Applied,
    Branch,
    Entry,
    Kind,
    Mark,
    Pending,
    Role,
    Tombstone,
    knob_shown,
    role_of,
)
from simulator.law.situations import Situation

SUMS_MAX = 5_000
"""How many balances are tried for overlapping calls that may each have made the same mistake."""

WORLDS_LOOKED_AT_MAX = 64
"""How many possible states are compared to find the one that explains a wrong balance best."""

STAKES_LOOKED_AT = 32
"""How many of the latest bets may be the one whose stake a wallet takes off a win."""

_MOVING = frozenset({Kind.BET, Kind.WIN, Kind.REFUND})


class Made(Frozen):
    """A money call with what the ledger made of it. `before` is the balance that it met."""

    call: Call
    role: Role
    before: Money

    @property
    def request(self) -> WebhookRequest:
        """Return what was asked."""
        return self.call.request

    @property
    def words(self) -> str:
        """Return what the call is, in a ledger line."""
        return self.role.value if self.role.row.is_remarkable else self.request.method.noun

    @property
    def about(self) -> str:
        """Return which call it is, for a finding that is reported at another one."""
        return f"{self.request.method.noun} {self.request.transaction_id}"

    def effect(self, book: Book) -> int:
        """Return by how much this call moved the balance, as the ledger has it."""
        if self.role.row.kind not in _MOVING or self.call.outcome is not Outcome.ACCEPTED:
            return 0
        known = entries(book, self.request.method, self.request.transaction_id or "")
        entry = next((each for each in known if isinstance(each, Applied)), None)
        if entry is None:
            return 0
        match self.request.method:
            case Method.BET:
                return -entry.amount
            case Method.WIN:
                return entry.amount
            case _:
                # It gave back the stake, or its own amount if that is less.
                return entry.after - self.before

    def settled(self, balance_after: Money) -> Outcome:
        """Return the outcome, where an answer without a clear one was settled by a balance read."""
        outcome = self.call.outcome
        if outcome is not Outcome.UNKNOWN or not self.role.row.moves or not self.request.amount:
            return outcome
        return Outcome.UNKNOWN if balance_after == self.before else Outcome.ACCEPTED

    def knob(self, moved: int) -> tuple[str, str] | None:
        """Return which knob of the dialect the call shows, and its value."""
        if self.role is Role.LOOSE_WIN and self.call.form.kind is not CallForm.CANONICAL:
            return None
        return knob_shown(self.role, self.request.method, self.call.outcome, moved)

    def evidence(self, moved: int) -> str:
        """Return one line that shows what the wallet does with such a call."""
        reply = self.call.exchange.reply
        status = f" (HTTP {reply.status})" if isinstance(reply, Reply) else " (no answer)"
        change = f", balance {format_change(Money(moved))}" if moved else ""
        return f"{self.words}: {self.call.outcome.value}{status}{change}"


def kept_name(situation: Situation, method: Method, off: int, known: Collection[Situation]) -> Situation:
    """Return the name that a mistake has had before, if this is that one again."""
    again = TAKEN_AGAIN.get(method)
    if situation is Situation.DOUBLE_EFFECT and again is not None and again in known:
        return again
    return Situation.CENT_OFF if Situation.CENT_OFF in known and abs(off) == CENT else situation


_IGNORED = frozenset({Situation.BET_NOT_TAKEN, Situation.WIN_NOT_CREDITED})

ID_CONFUSED = _IGNORED | {
    Situation.BET_REFUSED,
    Situation.CENT_OFF,
    Situation.LATE_BET_TAKEN,
    Situation.MONEY_KEPT_AS_FLOAT,
    Situation.OVERDRAFT,
    Situation.REPEAT_OF_REFUSED_WRONG,
    Situation.REFUND_NOT_CREDITED,
    Situation.REFUND_WRONG_AMOUNT,
    Situation.REFUND_OVER_STAKE,
    Situation.UNKNOWN_REFUND_CREDITED,
    Situation.WIN_ID_REFUND_CREDITED,
    Situation.REFUSED_BET_REFUND_CREDITED,
    Situation.ANSWER_BALANCE_WRONG,
}
"""What it looks like where a wallet takes a call for an earlier one, whose id is much like its own."""

READS_WRONGLY = (Situation.STALE_READ, Situation.READ_CONTRADICTS)
_VAGUE = frozenset({Situation.ANSWER_BALANCE_WRONG, Situation.BALANCE_READ_WRONG})


def reads_are_wrong(mistakes: Counter[Situation]) -> bool:
    """Return whether reads were seen to lag behind the answers: then none alone proves wrong money."""
    return any(mistakes[each] for each in READS_WRONGLY)


# --- what one call did ------------------------------------------------------------------------------


def expected(book: Book, call: Call) -> tuple[Money, ...]:
    """Return the balances that a right wallet could have after this call, answered as it was if that may be.

    The book must not have taken the call in.
    """
    branches = [
        (branch.outcome, Money(world.balance + branch.moves))
        for world in book.worlds
        for branch in book.branches(world, call.request, call.form.kind)
    ]
    alike = {balance for outcome, balance in branches if outcome is call.outcome}
    return tuple(sorted(alike or {balance for _, balance in branches})) or book.balances


def meant(book: Book, call: Call, balance: Money) -> Outcome:
    """Return what an answer without a clear status says: accepted, unless a right wallet only refuses so.

    A refusal has no word for success, shows the balance as it was, and the `balance` read after it lacks the
    effect of the call: an accepted call may show an old balance. The book must not have taken the call in.
    """
    if call.reading.says_yes:
        return Outcome.ACCEPTED
    refusal, amount = False, call.request.amount or 0
    effect = -amount if call.request.method is Method.BET else amount
    for world in book.worlds:
        took_effect = effect != 0 and balance == world.balance + effect
        for branch in book.branches(world, call.request, call.form.kind):
            if branch.outcome is Outcome.REFUSED:
                refusal = refusal or (world.balance == call.balance and not took_effect)
            elif branch.answers is None or call.balance in branch.answers:
                return Outcome.ACCEPTED
    return Outcome.REFUSED if refusal else Outcome.ACCEPTED


def telling(book: Book, made: Made, balance: Money) -> bool:
    """Return whether a movement is one of those that mistakes of wallets make, and another hand hardly."""
    amount = made.request.amount or 0
    if made.role is Role.UNAFFORDABLE_BET and balance <= ZERO:
        return True
    known = book.fact(made.request.method, made.request.transaction_id or "")
    adjusted = abs(amount - known.amount) if isinstance(known, Applied) else 0
    sizes = {0, adjusted, amount, 2 * amount, 100 * amount, amount + 1, amount - 1}
    return any(abs(balance - world.balance) in sizes for world in book.worlds[:WORLDS_LOOKED_AT_MAX])


def what_it_did(book: Book, made: Made, balance: Money | None) -> Situation:
    """Name what this call did, if the wallet has that balance after it; None if unknown.

    The call must not be in the book yet. The world counts in which the call did least: if an earlier attempt
    got no answer, that attempt may have taken effect.
    """
    if balance is None:
        return _named(book, made, made.role, None, stake_of(book.worlds[0], made.request))
    world = likely_world(book, made.request, balance)
    role = made.role if world is book.worlds[0] else role_of(world, made.call.request, made.call.form.kind)
    return _named(book, made, role, Money(balance - world.balance), stake_of(world, made.request))


def lawful_branch(book: Book, world: World, call: Call, balance: Money) -> Branch:
    """Return what a right wallet does with a call, answered as it was if that may be.

    A bet that is refused although it must be taken was not placed, so no money is owed. A win or refund that
    is refused although it is due stays owed.
    """
    branches = book.branches(world, call.request, call.form.kind)
    alike = [branch for branch in branches if branch.outcome is call.outcome]
    if not alike and call.outcome is Outcome.REFUSED and call.request.method is Method.BET:
        return Branch(Outcome.REFUSED, 0, Mark.REFUSED)
    return min(alike or branches, key=lambda branch: abs(balance - world.balance - branch.moves))


def likely_world(book: Book, request: WebhookRequest, balance: Money) -> World:
    """Return the world in which a call did least if the wallet has that balance after it."""
    sizes = (0, request.amount or 0)

    def oddity(world: World) -> int:
        moved = abs(balance - world.balance)
        return sizes.index(moved) if moved in sizes else len(sizes)

    return min(book.worlds[:WORLDS_LOOKED_AT_MAX], key=oddity)


def what_it_did_in_all(book: Book, made: Made, moved: Money) -> Situation:
    """Name what a call did that the book has taken in, if it moved the balance so much."""
    return _named(book, made, made.role, moved, stake_of(book.worlds[0], made.request))


def _named(book: Book, made: Made, role: Role, moved: Money | None, stake: Money | None) -> Situation:
    """Name the situation of a call. Both copies of a call that was sent twice at once name the same race.

    A call that has no effect although it must was taken for another one, if their ids are alike.
    """
    situation = situation_of(role, made.call.outcome, made.request.amount, moved, stake)
    if situation is Situation.OVERDRAFT and moved == ZERO and _was_refused(book, made.request):
        # It is taken for a repeat of a bet that was accepted.
        return Situation.REPEAT_OF_REFUSED_WRONG
    if situation in _IGNORED and _is_taken_for_another(book, made.request):
        return Situation.SHARED_ID_SWALLOWED
    if situation is Situation.REFUND_NOT_CREDITED and _is_refunded_by_another(book, made.request):
        return Situation.SHARED_ID_SWALLOWED
    if made.call.exchange.fault != FaultKind.DUPLICATE.value:
        return situation
    twice = moved is not None and made.request.amount and abs(moved) == 2 * made.request.amount
    return Situation.DOUBLE_EFFECT if twice or situation in TAKEN_AGAIN.values() else situation


def _is_taken_for_another(book: Book, request: WebhookRequest) -> bool:
    """Return whether a bet or win took effect before whose id this call has, or one that is much like it."""
    id_ = request.transaction_id or ""
    other = Method.WIN if request.method is Method.BET else Method.BET
    return isinstance(book.fact(other, id_), Applied) or book.knows_alike(id_)


def _is_refunded_by_another(book: Book, request: WebhookRequest) -> bool:
    """Return whether another player has sent a refund with this id, of which this one is no repeat."""
    others = (other for other in book.ids.books.values() if other is not book)
    return any(other.fact(Method.REFUND, request.transaction_id or "") is not None for other in others)


def _was_refused(book: Book, bet: WebhookRequest) -> bool:
    return Mark.REFUSED in entries(book, bet.method, bet.transaction_id or "")


def stake_of(world: World, request: WebhookRequest) -> Money | None:
    """Return the amount of the bet that this refund names; None when it is no refund of an applied bet."""
    if request.method is not Method.REFUND or request.transaction_id is None:
        return None
    bet = world.entry(Method.BET, request.transaction_id)
    return Money(bet.amount) if isinstance(bet, Applied) else None


# --- which call it was ------------------------------------------------------------------------------


def missing_effect(book: Book, unconfirmed: Iterable[Made], gap: int) -> Made | None:
    """Return the latest answered call whose effect is missing, if that explains all of a gap."""
    for made in reversed(tuple(unconfirmed)):
        effect = made.effect(book)
        if effect and gap == -effect:
            return made
    return None


def pretended(book: Book, unconfirmed: Iterable[Made], made: Made, due: Money, balance: Money) -> bool:
    """Return whether this call and all that no read has confirmed were answered as if they had taken effect.

    The answer shows the effect that the wallet's balance lacks, and that balance is the one from before them
    all. `due` is the balance that a right wallet has after this call, which the book must not have.
    """
    effect = due - made.before
    shown = made.call.balance
    if shown is None or not effect or shown - balance != effect:
        return False
    earlier = sum(each.effect(book) for each in unconfirmed)
    return bool(earlier) and balance == made.before - earlier


class Culprit(Frozen):
    """The call that explains a wrong balance, and what it did."""

    made: Made
    situation: Situation


def culprit(
    book: Book, unconfirmed: Iterable[Made], unanswered: Iterable[Made], gap: int, *, any_amount: bool
) -> Culprit | None:
    """Return the latest call since the last good read that explains all of a gap between wallet and book.

    Of the latest call any mistake is believed with `any_amount`; of the others only that they took effect
    never or twice.
    """
    calls = tuple(unconfirmed)
    for made in reversed(calls):
        effect = made.effect(book)
        moved = Money(effect + gap)
        latest = made is calls[-1]
        if latest and made.call.outcome is Outcome.UNKNOWN:
            # The book does not say whether it took effect.
            moved = Money(book.balances[0] + gap - made.before)
        plain = moved in (0, 2 * effect) if effect else abs(moved) == (made.request.amount or 0)
        if not (latest and (any_amount or plain)) and not (effect and plain):
            continue
        situation = what_it_did_in_all(book, made, moved)
        if situation not in _VAGUE:
            return Culprit(made, situation)
    for made in unanswered:
        if _came_late(book, made, gap):
            return Culprit(made, Situation.LATE_BET_TAKEN)
    return None


def known_culprit(
    book: Book, unconfirmed: Iterable[Made], gap: int, mistakes: Collection[Situation]
) -> Culprit | None:
    """Return the latest call since the last good read that made a mistake which was seen before, if that
    explains all of a gap, alone or together with earlier calls that had no effect.
    """
    missing: Culprit | None = None
    sums = {0}
    for made in reversed(tuple(unconfirmed)):
        effect = made.effect(book)
        if not effect or not gap:
            continue
        situation = what_it_did_in_all(book, made, Money(effect + gap))
        if situation in mistakes:
            return Culprit(made, situation)
        situation = what_it_did_in_all(book, made, ZERO)
        if situation in mistakes and len(sums) < SUMS_MAX:
            missing = missing or Culprit(made, situation)
            sums |= {before - effect for before in sums}
    return missing if gap in sums else None


def _came_late(book: Book, made: Made, gap: int) -> bool:
    """Return whether an unanswered bet was charged although its refund had been accepted before."""
    request = made.request
    if request.method is not Method.BET or request.transaction_id is None:
        return False
    called_off = entries(book, Method.REFUND, request.transaction_id)
    return gap == -(request.amount or 0) and any(isinstance(entry, Tombstone) for entry in called_off)


# --- calls that overlap -----------------------------------------------------------------------------


def lawful_sum(book: Book, calls: Iterable[Operation], balance: Money) -> Money:
    """Return the balance that a right wallet has after calls that overlapped, each counted once.

    Calls without an answer count where that comes nearer to `balance`. The book must not have them.
    """
    moving = [call for call in calls if call.method.moves_money]
    # Of calls with one id, the accepted one counts.
    moving.sort(key=lambda call: (call.outcome is Outcome.ACCEPTED, call.outcome is Outcome.UNKNOWN))
    made = {(call.method, call.transaction_id): call for call in moving}
    total = int(book.balances[0])
    doubtful = []
    for (method, transaction_id), call in made.items():
        if call.form is CallForm.MALFORMED or transaction_id is None or call.outcome is Outcome.REFUSED:
            continue
        effect = effect_of(book, call, made.get((Method.BET, transaction_id)))
        if isinstance(book.fact(method, transaction_id), Applied | Tombstone) or not effect:
            continue
        if call.outcome is Outcome.UNKNOWN:
            doubtful.append(effect)
        else:
            total += effect
    for effect in doubtful:
        if abs(balance - total - effect) < abs(balance - total):
            total += effect
    return Money(total)


def effect_of(book: Book, call: Operation, bet_beside: Operation | None) -> int:
    amount = call.amount or 0
    if call.method is Method.WIN:
        return amount
    if call.method is Method.BET:
        called_off = book.fact(Method.REFUND, call.transaction_id or "")
        return 0 if isinstance(called_off, Tombstone) else -amount
    bet = book.fact(Method.BET, call.transaction_id or "")
    if isinstance(bet, Applied):
        return bet.amount
    taken = bet_beside is not None and bet_beside.outcome is Outcome.ACCEPTED
    return (bet_beside.amount or 0) if bet_beside is not None and taken else 0


def one_call(book: Book, calls: Sequence[Operation], gap: int) -> tuple[Operation, Situation] | None:
    """Return the call that contradicts the law whatever the others in flight did, and what it did.

    `gap` is what the wallet has too much after all of them. The book must not have them. A call whose id
    another one of them has, too, may have raced with that one.
    """
    ids = Counter(call.transaction_id for call in calls)
    accepted = {call.transaction_id for call in calls if call.outcome is not Outcome.REFUSED}
    staked = sum({c.transaction_id: c.amount or 0 for c in calls if c.method is Method.BET}.values())
    if gap and abs(gap) <= max(1, len(calls) // 10) and not _is_made_of_effects(gap, calls):
        # Now and then a call is off by a cent.
        return calls[-1], Situation.CENT_OFF
    beyond = _bet_beyond_all(book, calls, gap)
    if beyond is not None:
        return beyond
    copies = Counter((call.method, call.transaction_id) for call in calls)
    idle: defaultdict[Role, list[Operation]] = defaultdict(list)
    for call in calls:
        id_ = call.transaction_id
        if not call.method.moves_money or id_ is None:
            continue
        role, amount = book.role(call.request, call.form), call.amount or 0
        # Of copies that must all do nothing, each one that does something is wrong alone.
        alike = role.row.kind is Kind.IDLE and copies[call.method, id_] == ids[id_]
        if ids[id_] > 1 and id_ in accepted and not alike:
            continue
        stake = stake_of(book.worlds[0], call.request)
        may_be_short = call.method is Method.BET and book.balances[0] < staked
        if call.outcome is Outcome.REFUSED and role.row.must and not may_be_short:
            return call, situation_of(role, call.outcome, call.amount, ZERO, stake)
        if role.row.kind is not Kind.IDLE or call.outcome is Outcome.UNKNOWN:
            continue
        idle[role].append(call)
        if gap != 0 and abs(gap) in (amount, sum(each.amount or 0 for each in idle[role])):
            moved = amount if gap > 0 else -amount
            return call, situation_of(role, call.outcome, call.amount, Money(moved), stake)
    return None


def _bet_beyond_all(book: Book, calls: Sequence[Operation], gap: int) -> tuple[Operation, Situation] | None:
    """Return a bet that was accepted or charged although no order of the calls leaves the money for it.

    `gap` is what the wallet has too much after all of them; an accepted bet counts as charged.
    """
    # More than there can be where calls are repeated; a bet is called too large only beyond that.
    credits = sum(call.amount or 0 for call in calls if call.method in (Method.WIN, Method.REFUND))
    stakes = sum(stake_of(book.worlds[0], call.request) or 0 for call in calls)
    most = max(world.balance for world in book.with_late_arrivals()) + credits + stakes
    refused: set[str] = set()
    # What was refused comes first: of two calls with one id, the other one is called its repeat.
    for bet in sorted(calls, key=lambda each: each.outcome is not Outcome.REFUSED):
        id_, amount = bet.transaction_id, bet.amount or 0
        plain = bet.method is Method.BET and bet.form is not CallForm.MALFORMED
        if not plain or id_ is None or amount <= most:
            continue
        known = book.fact(Method.BET, id_)
        if isinstance(known, Applied | Pending) or isinstance(book.fact(Method.REFUND, id_), Tombstone):
            continue
        if bet.outcome is Outcome.ACCEPTED:
            remembered = gap == amount and (id_ in refused or known is Mark.REFUSED)
            return bet, Situation.REPEAT_OF_REFUSED_WRONG if remembered else Situation.OVERDRAFT
        if bet.outcome is Outcome.REFUSED and gap == -amount:
            return bet, Situation.OVERDRAFT_REFUSED_BUT_TAKEN
        refused.add(id_)
    return None


def _is_made_of_effects(gap: int, calls: Sequence[Operation]) -> bool:
    """Return whether one or two effects of these calls that are missing, or doubled, come to a gap."""
    amounts = [(call.method, call.amount or 0) for call in calls if call.method.moves_money]
    missing = {amount if method is Method.BET else -amount for method, amount in amounts}
    sums = missing | {one + other for one in missing for other in missing}
    return gap in sums or -gap in sums


def known_mistake(
    book: Book, calls: Sequence[Operation], gap: int, mistakes: Counter[Situation]
) -> tuple[Operation, Situation] | None:
    """Return a mistake that single calls have shown, if it alone explains what overlapping calls did.

    `gap` is what the wallet has too much after all of them. The book must not have them. Some or all of the
    calls that can show the mistake may have made it.
    """
    for situation, _ in mistakes.most_common():
        if situation in READS_WRONGLY:
            return calls[-1], situation
        sums: set[int] = set()
        for number, call in enumerate(calls):
            slips = _slips(book, calls[:number], calls, call, situation)
            sums |= {slip + before for slip in slips for before in (0, *sums)}
            if gap in sums:
                return call, situation
            if len(sums) > SUMS_MAX:
                break
    return None


def _slips(
    book: Book, earlier: Sequence[Operation], calls: Sequence[Operation], call: Operation, mistake: Situation
) -> set[int]:
    """Return by how much the balance may be off after one of overlapping calls that makes this mistake."""
    if not call.method.moves_money or call.transaction_id is None or call.outcome is Outcome.UNKNOWN:
        return set()
    amount = call.amount or 0
    twins = {each.method: each for each in calls if each.transaction_id == call.transaction_id}
    bet = twins.get(Method.BET)
    stake = stake_of(book.worlds[0], call.request) or (None if bet is None else bet.amount)
    lawful = effect_of(book, call, bet)
    sizes = {0, lawful, lawful + 1, lawful - 1, 100 * lawful, 2 * lawful, -lawful, amount, -amount}
    return {
        moved - due
        for role, due in _possible_roles(book, earlier, twins, call, lawful)
        for moved in sizes
        if situation_of(role, call.outcome, call.amount, Money(moved), stake) is mistake
    }


def _possible_roles(
    book: Book,
    earlier: Sequence[Operation],
    twins: Mapping[Method, Operation],
    call: Operation,
    lawful: int,
) -> Iterator[tuple[Role, int]]:
    """Return the parts that one of overlapping calls may play, each with what it must move the balance by."""
    role = book.role(call.request, call.form)
    due = lawful if role.row.moves and call.outcome is Outcome.ACCEPTED else 0
    if any((each.method, each.transaction_id) == (call.method, call.transaction_id) for each in earlier):
        yield REPEATS[call.method], 0
        return
    yield role, due
    if call.method is Method.BET:
        yield Role.UNAFFORDABLE_BET, due
        if Method.REFUND in twins:
            yield Role.LATE_BET, 0
    elif call.method is Method.REFUND and Method.BET in twins:
        accepted = lawful if call.outcome is Outcome.ACCEPTED else 0
        yield Role.DUE_REFUND, accepted
        yield Role.REFUND_OF_UNKNOWN, accepted


# --- what a book knows ------------------------------------------------------------------------------


def entries(book: Book, method: Method, transaction_id: str) -> Iterator[Entry]:
    """Return what the book's worlds know of an id."""
    fact = book.fact(method, transaction_id)
    if fact is not None:
        yield fact
    for world in book.worlds:
        found = world.delta.get((method, transaction_id))
        if found is not None:
            yield found


class Stake(Frozen):
    """What a bet on a game has taken."""

    game: str | None
    amount: int


def stakes_in(book: Book) -> Iterator[Stake]:
    """Yield the stakes of the latest bets that took effect."""
    for transaction_id in deque(book.applied(Method.BET), maxlen=STAKES_LOOKED_AT):
        bet = book.fact(Method.BET, transaction_id)
        if isinstance(bet, Applied):
            yield Stake(bet.game, bet.amount)


def knows(book: Book, request: WebhookRequest) -> bool:
    """Return whether the book has heard of that id; it has not if it was opened since."""
    if request.transaction_id is None:
        return True
    methods = (Method.WIN,) if request.method is Method.WIN else (Method.BET, Method.REFUND)
    return any(True for method in methods for _ in entries(book, method, request.transaction_id))


def in_doubt(book: Book, request: WebhookRequest) -> bool:
    """Return whether the book reckons already with this very call having taken effect, answered or not."""
    if request.transaction_id is None:
        return False
    found = entries(book, request.method, request.transaction_id)
    return any(isinstance(entry, Applied | Pending) for entry in found)
