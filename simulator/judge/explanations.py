"""Find every mistake that alone explains a wrong balance.

One finding rarely shows which mistake a wallet makes: two bets that were not charged look like one that was
credited. All candidates are kept with a finding, and the report decides by what all findings have in common.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from random import Random

from simulator.core.calls import CallForm, FaultKind, Operation
from simulator.core.findings import Outcome
from simulator.core.money import CENT, Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method
from simulator.judge.account import Account
from simulator.judge.blame import (
    READS_WRONGLY,
    SUMS_MAX,
    WORLDS_LOOKED_AT_MAX,
    Made,
    Stake,
    effect_of,
    expected,
    missing_effect,
    stake_of,
    stakes_in,
)
from simulator.judge.findings import MayBe
from simulator.law.book import Book, World
from simulator.law.mistakes import (
    NOTHING_DONE,
    OTHER_AMOUNT,
    QUANTA,
    TAKEN_AGAIN,
    coarse,
    cut_by_float,
    cuts_by_float,
    situation_of,
    slips_of,
)
from simulator.law.roles import Applied, Kind, Role, role_of
from simulator.law.situations import Situation

_S = Situation

_NO_CAUSE = frozenset({_S.ANSWER_BALANCE_WRONG, _S.BALANCE_READ_WRONG})
"""What a call is called where its money is right: that explains no balance."""

_CREDIT = {Method.BET: -1, Method.WIN: 1, Method.REFUND: 1}

_Slips = dict[Situation, set[int]]
"""By how much calls may put the balance wrong together, if all or some of them made the same mistake."""


class Around(Frozen):
    """What a wrong balance may come from, besides the latest call.

    `unconfirmed` are the calls before it that no read has confirmed, and those that may arrive late. `beside`
    are the amounts of calls for other players since then. `stakes` are those of bets from before the book.
    `grounded`: not only a read has shown the balance before. `disproved` are ways in which a float may cut
    cents that this wallet's does not.
    """

    unconfirmed: Sequence[Made]
    beside: Mapping[Method, Sequence[int]] = {}
    stakes: tuple[Stake, ...] = ()
    grounded: bool = True
    disproved: frozenset[int] = frozenset()

    def misplaced(self, off: int, missing: Iterable[tuple[Method, int]]) -> set[Situation]:
        """Return what explains a gap if others' calls were booked here, and those `missing` elsewhere."""
        own = list(missing)
        return {
            NOTHING_DONE[method]
            for method, amounts in self.beside.items()
            if add_up(
                [
                    *(_CREDIT[method] * amount for amount in amounts),
                    *(-effect for each, effect in own if each is method),
                ],
                off,
            )
        }


def of_answer(book: Book, around: Around, made: Made, balance: Money) -> MayBe:
    """Return the mistakes that explain the balance after a call which no right wallet answers so.

    The book must not have the call.
    """
    earlier = _together(_slips_of_made(book, each, around.disproved) for each in around.unconfirmed)
    own = [(each.request.method, each.effect(book)) for each in around.unconfirmed]
    found: set[Situation] = set()
    elsewhere: set[Situation] = set()
    for world in book.with_late_arrivals()[:WORLDS_LOOKED_AT_MAX]:
        found |= _of_answer_in(book, world, earlier, made, balance, around.disproved)
        moves = {branch.moves for branch in book.branches(world, made.request, made.call.form.kind)}
        if made.role is Role.UNAFFORDABLE_BET and made.call.outcome is Outcome.ACCEPTED:
            # Another player's money may have covered it.
            moves.add(-(made.request.amount or 0))
        for each in moves:
            off = balance - world.balance - each
            elsewhere |= around.misplaced(off, [*own, (made.request.method, each)])
    ignored = made.request.method is Method.WIN and balance == made.before
    if ignored and _is_at_stake((*around.stakes, *stakes_in(book)), made):
        found.add(_S.WIN_WRONG_AMOUNT)
    if not around.grounded:
        found |= set(READS_WRONGLY)
    lacks = None if made.call.balance is None else made.call.balance - balance
    booked = lacks is not None and balance in expected(book, made.call)
    if booked and missing_effect(book, around.unconfirmed, lacks or 0):
        # An earlier call was not yet in this answer.
        found |= set(READS_WRONGLY)
    return MayBe(frozenset(found - _NO_CAUSE), frozenset(elsewhere))


def _of_answer_in(
    book: Book, world: World, earlier: _Slips, made: Made, balance: Money, disproved: Collection[int]
) -> set[Situation]:
    """Return the mistakes that explain a balance in one of the possible states."""
    call, request = made.call, made.request
    role = role_of(world, request, call.form.kind)
    moved, stake = Money(balance - world.balance), stake_of(world, request)
    found = {situation_of(role, call.outcome, request.amount, moved, stake)}
    branches = book.branches(world, request, call.form.kind)
    missing = {0}.union(*(earlier.get(each, ()) for each in NOTHING_DONE.values()))
    for branch in [each for each in branches if each.outcome is call.outcome] or branches:
        off = moved - branch.moves
        found |= _explaining(earlier, off) | _of_floats(world.balance, balance, off)
        if call.exchange.fault == FaultKind.DUPLICATE.value and off - branch.moves in missing:
            found.add(TAKEN_AGAIN[request.method])
        for mistake, slip in slips_of(request.method, branch.moves, world.balance, disproved):
            if slip == off or off - slip in earlier.get(mistake, ()):
                found.add(mistake)
    if request.method is Method.BET:
        found |= _of_funds(earlier, role, call.outcome, request.amount or 0, world.balance, balance)
    if role is Role.UNAFFORDABLE_BET and call.outcome is Outcome.ACCEPTED and not moved:
        # A wallet that takes no money for any bet takes none for this one.
        found.add(NOTHING_DONE[Method.BET])
    if found & {_S.CENT_OFF, _S.ODD_AMOUNT_WRONG, _S.HUNDREDFOLD}:
        # Of small amounts, a wrong share is a cent; any share may come to a hundredth.
        found.add(OTHER_AMOUNT[request.method])
    known = world.entry(request.method, request.transaction_id or "")
    first = known.amount if isinstance(known, Applied) else None
    if role is Role.OTHER_AMOUNT and _CREDIT[request.method] * moved in (request.amount, first, stake):
        # A wallet that does not know its ids again takes this call for a new one.
        found.add(TAKEN_AGAIN[request.method])
    if role.row.kind is Kind.REFUND and call.outcome is Outcome.ACCEPTED and moved and stake != moved:
        # More than the stake, less than it and a debit may all be one mistake.
        found.add(_S.REFUND_WRONG_AMOUNT)
    if role.row.kind is Kind.IDLE and abs(moved) == CENT:
        # A call that moves nothing may lose a cent, too.
        found.add(_S.CENT_OFF)
    if call.form.kind is not CallForm.CANONICAL and not moved and call.balance not in (None, balance):
        # What is not read as this player may be booked on somebody else.
        found.add(_S.UNKNOWN_PLAYER_ACCEPTED)
    if role is Role.ZERO and moved:
        found.add(OTHER_AMOUNT[request.method])
    return found


def of_read(book: Book, around: Around, balance: Money) -> MayBe:
    """Return the mistakes that explain a balance which no world has, after calls that are in the book."""
    unconfirmed = around.unconfirmed
    slips = _together(_slips_of_made(book, each, around.disproved) for each in unconfirmed)
    own = [(each.request.method, each.effect(book)) for each in unconfirmed]
    found: set[Situation] = set()
    elsewhere: set[Situation] = set()
    for world in book.worlds[:WORLDS_LOOKED_AT_MAX]:
        off = balance - world.balance
        found |= _explaining(slips, off) | _of_floats(world.balance, balance, off)
        found |= {_S.CENT_OFF} if abs(off) == CENT else set()
        elsewhere |= around.misplaced(off, own)
    if unconfirmed:
        last = unconfirmed[-1]
        due = _CREDIT[last.request.method] * (last.request.amount or 0)
        off = balance - book.balances[0]
        moving = last.role.row.kind in (Kind.BET, Kind.WIN, Kind.REFUND)
        if moving and last.call.outcome is Outcome.ACCEPTED and last.effect(book) + off == due:
            # The wallet had the choice, and the answer does not show what it chose.
            found.add(_S.ANSWER_BALANCE_WRONG)
        if last.role.row.kind is Kind.REFUND and off:
            # More than the stake, less than it and a debit may all be one mistake.
            found.add(_S.REFUND_WRONG_AMOUNT)
        if last.role is Role.ZERO and off > 0:
            found.add(OTHER_AMOUNT[last.request.method])
        if last.role is Role.UNAFFORDABLE_BET and last.call.outcome is Outcome.UNKNOWN and off == due:
            # Nobody has seen whether it was accepted.
            found |= {_S.OVERDRAFT, _S.OVERDRAFT_REFUSED_BUT_TAKEN}
    return MayBe(frozenset(found), frozenset(elsewhere))


def of_burst(
    book: Book, around: Around, calls: Collection[Operation], gap: int, *, vague: bool, raced: bool
) -> MayBe:
    """Return the mistakes of single calls that explain the balance after calls which overlapped.

    `gap` is what the wallet has too much. `vague`: nothing but the sum is known to be wrong. `raced`: two
    calls seem to have met. The book must not have the calls.
    """
    slips, effects, again = _of_each(book, calls)
    each = [_slips_of_made(book, made, around.disproved) for made in around.unconfirmed]
    found = _explaining(_together([*each, *slips]), gap) | _of_floats(book.balances[0], book.balances[0], gap)
    # Each call makes these, and of many calls some always come to what is missing.
    moves = [effect for some in effects.values() for effect in some if effect]
    found -= {_S.CENTS_CUT, _S.FRACTION_DROPPED}
    found |= {_S.CENTS_CUT} if _is_cut_by_float(book.balances[0], moves, gap, around.disproved) else set()
    found |= {_S.FRACTION_DROPPED} if _is_coarse(book.balances[0], moves, gap) else set()
    found |= {NOTHING_DONE[method] for method, some in effects.items() if add_up(some, -gap)}
    elsewhere = around.misplaced(
        gap, [(method, effect) for method, some in effects.items() for effect in some]
    )
    found |= {TAKEN_AGAIN[method] for method, some in again.items() if add_up(some, gap)}
    if add_up([effect for some in effects.values() for effect in some], -gap):
        # Calls that started from the same balance: the last one to write undoes the others.
        found.add(_S.LOST_UPDATE)
    if gap and any(effects.get(Method.REFUND, ())):
        # A refund that undoes more than its bet is off by what the calls beside it have moved.
        found.add(_S.REFUND_WRONG_AMOUNT)
    if vague and not gap:
        # The money came right, and calls that raced may have shown what was there in between.
        found |= {_S.LOST_UPDATE, _S.DOUBLE_EFFECT}
    found |= _of_bets_beyond(calls, book.balances[0], gap)
    # A mistake that depends on other calls, as on a refund before a win, shows in no call that is sent alone.
    mixed = len([method for method, some in effects.items() if any(some)]) > 1
    if vague or (raced and mixed):
        found |= {
            OTHER_AMOUNT[call.method]
            for call in calls
            if call.outcome is Outcome.ACCEPTED and call.method.moves_money
        }
    return MayBe(frozenset(found), frozenset(elsewhere))


def _of_each(
    book: Book, calls: Collection[Operation]
) -> tuple[list[_Slips], dict[Method, list[int]], dict[Method, list[int]]]:
    """Return what each call may have done wrong; by method, what calls do, and what they do when repeated."""
    slips: list[_Slips] = []
    effects: defaultdict[Method, list[int]] = defaultdict(list)
    again: defaultdict[Method, list[int]] = defaultdict(list)
    seen: set[tuple[Method, str | None]] = set()
    for call in calls:
        key = (call.method, call.transaction_id)
        if not call.method.moves_money or call.form is CallForm.MALFORMED:
            continue
        if key in seen or isinstance(book.fact(call.method, call.transaction_id or ""), Applied):
            again[call.method].append(_CREDIT[call.method] * (call.amount or 0))
        if key not in seen:
            bet = next((other for other in calls if (other.method, other.transaction_id) == _bet(call)), None)
            effect = 0 if call.outcome is Outcome.REFUSED else effect_of(book, call, bet)
            slips.append(_collected(slips_of(call.method, effect, book.balances[0])))
            effects[call.method].append(effect)
            seen.add(key)
    return slips, effects, again


def _of_bets_beyond(calls: Iterable[Operation], balance: int, gap: int) -> set[Situation]:
    """Return what explains a gap by bets that were taken although the money for all was not there."""
    bets = [call for call in calls if call.method is Method.BET]
    found: set[Situation] = set()
    accepted = [bet for bet in bets if bet.outcome is Outcome.ACCEPTED]
    refused = [bet for bet in bets if bet.outcome is Outcome.REFUSED]
    if sum(bet.amount or 0 for bet in accepted) > balance:
        found.add(_S.OVERDRAFT)
        if not gap and {bet.transaction_id for bet in accepted} & {bet.transaction_id for bet in refused}:
            # What is charged although it is refused is a repeat when it comes again.
            found.add(_S.OVERDRAFT_REFUSED_BUT_TAKEN)
    if add_up([-(bet.amount or 0) for bet in refused], gap):
        found |= {_S.BET_REFUSED_BUT_TAKEN, _S.OVERDRAFT_REFUSED_BUT_TAKEN}
    return found


def or_never_stored(account: Account, situation: Situation, may_be: MayBe, balance: Money | None) -> MayBe:
    """Return what explains a finding: as long as no call was seen to take effect, that none does, too."""
    ignored = {*NOTHING_DONE.values(), _S.ANSWER_BALANCE_WRONG} & {situation, *may_be.own}
    never = not account.traffic.stored and (ignored or balance == account.based)
    return may_be.also(_S.NOTHING_STORED) if never else may_be


# --- inside -----------------------------------------------------------------------------------------


_FLOATS_END = 2**53
"""The cents beyond which a float loses whole units: only a wallet that credits wrongly gets there."""


_ORDERS_TRIED = 40
"""In how many orders calls are added up as floats: which cent that loses depends on the balance they meet."""


def _is_coarse(before: int, moves: Sequence[int], gap: int) -> bool:
    """Return whether calls that overlapped are off by what a column of whole units, or tenths, loses."""
    after = before + sum(moves) + gap
    for quantum in QUANTA:
        if before % quantum == after % quantum == 0 and abs(gap) < quantum * len(moves):
            return gap != 0
        for added in (0, quantum // 2, quantum - 1):
            kept = [(abs(each) + added) // quantum * quantum for each in moves]
            if gap and gap == sum(k - e if e > 0 else -e - k for k, e in zip(kept, moves, strict=True)):
                return True
    return False


def _is_cut_by_float(before: int, moves: Sequence[int], gap: int, disproved: Collection[int]) -> bool:
    """Return whether calls that overlapped are off by as many cents as a float loses that is cut.

    `disproved` are the ways of cutting that other calls have shown not to be this wallet's.
    """
    if not gap or abs(gap) > len(moves):
        return False
    order, moves = Random(0), list(moves)
    losses: list[tuple[int, ...]] = []
    for _ in range(_ORDERS_TRIED):
        losses.append(_lost_by_floats(before, moves))
        order.shuffle(moves)
    by_way = [each for way, each in enumerate(zip(*losses, strict=True)) if way not in disproved]
    return any(min(each) <= gap <= max(each) for each in by_way)


def _lost_by_floats(before: int, moves: Sequence[int]) -> tuple[int, ...]:
    """Return what calls in this order lose, for each way in which a float may cut."""
    balances = [before] * len(cuts_by_float(before, 1))
    for effect in moves:
        balances = [each + cuts_by_float(each, effect)[way] for way, each in enumerate(balances)]
    return tuple(each - before - sum(moves) for each in balances)


def _of_floats(before: int, after: int, off: int) -> set[Situation]:
    """Return what explains that large balances are off by little."""
    size = max(abs(before), abs(after))
    found = {_S.WIN_WRONG_AMOUNT} if size >= _FLOATS_END else set()
    # A float of 32 bits has 24 for its digits; a sum of two is off by a little more.
    return found | {_S.MONEY_KEPT_AS_FLOAT} if 0 < abs(off) <= max(1, size >> 22) else found


def _bet(call: Operation) -> tuple[Method, str | None]:
    return Method.BET, call.transaction_id


def _slips_of_made(book: Book, made: Made, disproved: Collection[int]) -> _Slips:
    """Return by how much a call may have put the balance wrong; one without an answer as if accepted."""
    request = made.request
    effect = made.effect(book)
    if made.call.outcome is Outcome.UNKNOWN:
        effect = _CREDIT[request.method] * (request.amount or 0)
    return _collected(slips_of(request.method, effect, made.before, disproved))


def _collected(slips: Iterable[tuple[Situation, int]]) -> _Slips:
    found: _Slips = defaultdict(set)
    for mistake, slip in slips:
        found[mistake].add(slip)
    return found


def _together(calls: Iterable[_Slips]) -> _Slips:
    """Return the sums of what some or all of the calls are off by; of many calls, at least all together."""
    sums: _Slips = {}
    for slips in calls:
        for mistake, each in slips.items():
            before = sums.get(mistake, set())
            together = {one + other for one in each for other in (0, *before)}
            if len(before) + len(together) > SUMS_MAX:
                extremes = (min(before), max(before))
                sums[mistake] = before | {one + other for one in each for other in extremes}
            else:
                sums[mistake] = before | together
    return sums


def _explaining(sums: _Slips, off: int) -> set[Situation]:
    return {mistake for mistake, each in sums.items() if off and off in each}


def add_up(effects: Iterable[int], wanted: int) -> bool:
    """Return whether some of the effects add up to a sum that is not 0.

    Many sums are the bits of a number, one for each cent.
    """
    some: list[int] = []
    left = [effect for effect in effects if effect]
    lowest = highest = 0
    while len(some) != len(left):
        some = left
        lowest = sum(effect for effect in some if effect < 0)
        highest = sum(effect for effect in some if effect > 0)
        # Nothing makes up for these: a jackpot beside small wins is no part of a small sum.
        left = [each for each in some if (lowest + each <= wanted if each > 0 else highest + each >= wanted)]
    if not wanted or not lowest <= wanted <= highest:
        return False
    if len(some) <= _FEW:
        few = {0}
        for effect in some:
            few |= {each + effect for each in few}
        return wanted in few
    if highest - lowest > _CENTS_ADDED_MAX:
        return False
    sums = 1 << -lowest
    for effect in some:
        sums |= sums << effect if effect > 0 else sums >> -effect
    return bool(sums >> (wanted - lowest) & 1)


_FEW = 12

_CENTS_ADDED_MAX = 10_000_000
"""More than a few calls that move more money together are not added up."""


def _is_at_stake(stakes: Iterable[Stake], made: Made) -> bool:
    """Return whether a win without effect may be one that was credited less the stake of its game."""
    amount, game = made.request.amount or 0, made.request.game_id
    return any(bet.game == game and bet.amount >= amount for bet in stakes)


def _of_funds(
    earlier: _Slips, role: Role, outcome: Outcome, amount: int, before: int, after: int
) -> set[Situation]:
    """Return the mistakes for which a bet was covered, or not, otherwise than the law has it."""
    found: set[Situation] = set()
    if outcome is Outcome.REFUSED:
        # The wallet had less before it than the law says, and was right to refuse.
        if after < amount:
            found |= _explaining(earlier, after - before)
        if after == before and any(each > before for each in coarse(amount)):
            found.add(_S.FRACTION_DROPPED)
        if after == before and 0 <= before - amount <= 1:
            found.add(_S.MONEY_KEPT_AS_FLOAT)
    elif role is Role.UNAFFORDABLE_BET:
        if after >= 0:
            found |= _explaining(earlier, after + amount - before)
        charged = before - after
        if charged <= before:
            if charged == cut_by_float(amount):
                found.add(_S.CENTS_CUT)
            if charged in coarse(amount):
                found.add(_S.FRACTION_DROPPED)
            if 0 <= amount - charged <= 1:
                found.add(_S.MONEY_KEPT_AS_FLOAT)
    return found
