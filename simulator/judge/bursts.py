"""Judge calls that overlapped as a history, with the balance that was read after them.

Where no order explains them, calls like them are sent one after another: what a call does wrong alone it does
wrong together with others, too, and no lock is missing then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product, zip_longest
from typing import TYPE_CHECKING

from simulator.core.calls import Call, Operation
from simulator.core.findings import Finding, Outcome, Severity
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.judge.account import Account, Accounts
from simulator.judge.blame import (
    READS_WRONGLY,
    Stake,
    effect_of,
    known_mistake,
    lawful_sum,
    one_call,
    reads_are_wrong,
    stakes_in,
)
from simulator.judge.explanations import Around, add_up, of_burst, or_never_stored
from simulator.judge.findings import MayBe, MoneyFacts
from simulator.judge.judging import Judging
from simulator.judge.late import whole_effect
from simulator.judge.rulings import NO_READ, Asking, Reads, SendAlone, Wanting
from simulator.law.book import Book, TooManyWorlds
from simulator.law.mistakes import NOTHING_DONE, cut_by_float, cuts_by_float
from simulator.law.roles import Applied, Mark, Tombstone
from simulator.law.situations import Situation

if TYPE_CHECKING:
    from simulator.history.check import HistoryVerdict

SEARCH_BUDGET = 3_000
"""How many states the checker visits in vain for one player's burst: about a second, not a minute."""

ALONE_MAX = 24
"""How many calls are sent one after another to find out whether single calls explain a burst."""

NEAR = 30
"""By so many cents the amount of a call that is sent alone may differ, to see whether a float loses one."""

IDS_OF_A_KIND = 2
"""How many ids that were used in the same way are tried alone: a mistake may depend on the amount."""

_UNEXPLAINED = 3
"""The tier of a history that no order explains."""

_VAGUE = frozenset({Situation.CONCURRENT_WRONG, Situation.ANSWER_BALANCE_WRONG})

_RACES = frozenset({Situation.LOST_UPDATE, Situation.DOUBLE_EFFECT, Situation.CONCURRENT_WRONG})


class BurstJudging(Judging):
    """One player's calls that overlapped, which are being judged."""

    _beside: Mapping[Method, Sequence[int]] = {}

    def burst(self, account: Account, calls: Sequence[Operation]) -> Asking:
        """Read the balance when all is at rest, and look for an order of the calls that explains it."""
        call, book = self._call, account.book
        account.raced = True
        read = yield from self._readable(account.player, None)
        self._beside = self._accounts.beside(account)
        if read is not None and read.balance is None:
            yield from self._unreadable(account, read)
            account.lost = self._reason = account.lost or "the balance after the burst could not be read"
            return self._ruling(None, call.outcome)
        history, verdict = explained(book, calls, read)
        balance = balance_after(read, verdict)
        law = balance if balance is None else lawful_sum(book, history[: len(calls)], balance)
        if read is not None and balance is not None and law is not None and verdict.tier == _UNEXPLAINED:
            # The calls may be right and the read may lag: read once more before accusing.
            late = None if law == balance else (yield from self._ask(account.player, (law,)))
            if late is not None and late.balance == law:
                self._wrong_read(account.player, account, balance, law, read)
                history, verdict = explained(book, calls, late)
                balance = law
            if verdict.tier == _UNEXPLAINED and (yield from self._is_moved_by_others(account, (law,))):
                return self._ruling(account, call.outcome)
        off = Money(0 if balance is None or law is None else balance - law)
        after = yield from self._tell_of_burst(account, history[: len(calls)], verdict, off, balance)
        if balance is None:
            account.lost = NO_READ
        else:
            try:
                account.take_in(history, balance, Money(balance - (off if self._accused else 0)))
                if after is not None and after != balance:
                    account.follow(after)
            except TooManyWorlds as error:
                account.lost = self._reason = str(error)
        return self._ruling(account, Outcome.ACCEPTED)

    def _tell_of_burst(
        self,
        account: Account,
        calls: Sequence[Operation],
        verdict: HistoryVerdict,
        gap: Money,
        balance: Money | None,
    ) -> Wanting[Money | None]:
        """Tell what the verdict says; return the balance after calls that were sent alone, if any were."""
        # The checker of concurrent histories is large, and most scenarios do not need it.
        from simulator.history.check import Consistency, MoneyVerdict

        findings, call = self._findings, self._last_read or self._call
        call = replace(call, why=replace(call.why, place=self._call.why.place))
        # A history that is not linearizable is not yet a mistake: a right wallet may commit first and read
        # afterwards. If the money is proven right, there is only a warning (decision 007).
        shown_late = verdict.verdict is Consistency.INCONSISTENT and verdict.money is MoneyVerdict.RIGHT
        if verdict.situation is Situation.EFFECT_THEN_READ or (verdict.tier is None and shown_late):
            self._found.append(findings.mild(Situation.EFFECT_THEN_READ, call, detail=verdict.explanation))
            return None
        if verdict.tier is None:
            self._reason = verdict.explanation
            return None
        if verdict.situation is None:
            return None
        verdict, mistakes = self._without_late_reads(account.book, calls, verdict)
        unread = self._policy.answers_only and self._last_read is None
        situation, told = _fitting(account.book, verdict, calls, None if unread else gap)
        known = known_mistake(account.book, calls, gap, mistakes)
        named = known or one_call(account.book, calls, gap)
        after: Money | None = None
        shown: tuple[Finding, ...] = ()
        raced = named is None and situation in _RACES
        # A cent may be lost now and then, or by each call: only more calls tell.
        cent_off = known is None and named is not None and named[1] is Situation.CENT_OFF
        if (raced or cent_off) and balance is not None:
            of_a_kind = ALONE_MAX if cent_off else IDS_OF_A_KIND
            after, shown = yield from self._alone(account, calls, balance, of_a_kind)
        self._found.extend(shown)
        if not shown:
            may_be = self._may_be(account, calls, gap, balance, named, situation)
            facts = MoneyFacts(account.player, (), None, account.trail.line, told, verdict.lanes)
            method = None if named is None else named[0].method
            situation = situation if named is None else named[1]
            self._found.append(findings.money(situation, call, facts, method, may_be=may_be))
        self._accused.add(account.player)
        account.blame(self._call)
        return after

    def _without_late_reads(
        self, book: Book, calls: Sequence[Operation], verdict: HistoryVerdict
    ) -> tuple[HistoryVerdict, Counter[Situation]]:
        """Return the verdict on calls that no order explains, and the mistakes that may explain them instead.

        Where reads lag, they do, unless the answers contradict each other whatever reads have shown.
        """
        if not reads_are_wrong(self._mistakes):
            return verdict, self._mistakes
        _, answers = explained(book, [call for call in calls if call.method.moves_money], None)
        if answers.tier != _UNEXPLAINED or answers.situation is None:
            return verdict, self._mistakes
        return answers, Counter({each: n for each, n in self._mistakes.items() if each not in READS_WRONGLY})

    def _may_be(
        self,
        account: Account,
        calls: Sequence[Operation],
        gap: Money,
        balance: Money | None,
        named: tuple[Operation, Situation] | None,
        raced: Situation,
    ) -> MayBe:
        """Return what else explains calls that overlapped, where one is `named`, or they `raced`."""
        situation = raced if named is None else named[1]
        vague = situation is Situation.CONCURRENT_WRONG or self._mistakes[situation] > 0
        moved = {each.method for each in calls if each.method.moves_money} | account.methods_in_question
        around = Around(account.in_question, self._beside, disproved=account.traffic.disproved(moved))
        may_be = of_burst(account.book, around, calls, gap, vague=vague, raced=situation in _RACES)
        if situation is Situation.CENT_OFF and not gap:
            # Only an answer in between was off: what cuts cents may have made good what it had lost.
            may_be = may_be.also(Situation.CENTS_CUT, Situation.MONEY_KEPT_AS_FLOAT)
        may_be = or_never_stored(account, situation, self._plausible(account, may_be, moved), balance)
        if any(account.traffic.confuses(each.request) for each in calls if each.method.moves_money):
            may_be = may_be.also(Situation.SHARED_ID_SWALLOWED)
        # Which calls raced is not known, and only reads have shown the balance before them.
        ungrounded = situation in _VAGUE and not (account.grounded or self._policy.answers_only)
        return may_be.also(*(READS_WRONGLY if situation in READS_WRONGLY or ungrounded else ()))

    def _alone(
        self, account: Account, calls: Sequence[Operation], balance: Money, of_a_kind: int
    ) -> Wanting[tuple[Money | None, tuple[Finding, ...]]]:
        """Send calls like these one after another; return the balance then, and what was wrong with them."""
        if not self._policy.sends_alone:
            return None, ()
        # Only a read after each call tells which of them is wrong.
        policy = self._policy if self._policy.answers_only else replace(self._policy, reads=Reads.ALWAYS)
        accounts = Accounts(None, self._accounts.traffic)
        accounts.open(account.player, balance, account.book.terms, None)
        stakes = (*account.stakes_before, *stakes_in(account.book), *_stakes(calls))
        shown: list[Finding] = []
        for request in alone_again(account.book, calls, balance, of_a_kind):
            call = yield SendAlone(request)
            alone = accounts.get(account.player)
            if call is None or alone is None or alone.lost:
                break
            alone.stakes_before = stakes
            case = Judging(self._findings, policy, accounts, call, self._mistakes)
            ruling = yield from case.money(alone)
            shown += [each for each in ruling.findings if each.severity is Severity.ERROR]
            if ruling.accused:
                break
        alone = accounts.get(account.player)
        after = None if alone is None or alone.lost else alone.book.balances[0]
        return after, tuple(shown)


def _fitting(
    book: Book, verdict: HistoryVerdict, calls: Sequence[Operation], gap: int | None
) -> tuple[Situation, str]:
    """Return the situation that a verdict names, and its words, as far as they fit the money that is missing.

    `gap` is what the wallet has too much, None where no read has shown it. A bet that was taken in spite of
    its refund leaves money missing. Where none is, an answer between the two was wrong. One call alone races
    with none of its player's, and what is missing after copies of one call was overwritten by no other.
    """
    assert verdict.situation is not None
    moving = [call for call in calls if call.method.moves_money]
    alike = len({(call.method, call.transaction_id) for call in moving}) == 1
    if verdict.situation is Situation.LOST_UPDATE and alike and gap == -whole_effect(moving[0].request):
        return NOTHING_DONE[moving[0].method], verdict.explanation
    if verdict.situation is Situation.CONCURRENT_WRONG and len(moving) == 1 and not gap:
        return Situation.ANSWER_BALANCE_WRONG, verdict.explanation
    if verdict.situation is Situation.CONCURRENT_WRONG and gap == 0 and _shows_another(book, calls):
        return Situation.ANSWER_BALANCE_WRONG, verdict.explanation
    if verdict.situation is Situation.LATE_BET_TAKEN and gap == 0:
        return Situation.CONCURRENT_WRONG, verdict.explanation.partition(". ")[0] + "."
    return verdict.situation, verdict.explanation


def _shows_another(book: Book, calls: Sequence[Operation]) -> bool:
    """Return whether an answer shows a balance that these calls do not leave, whichever overwrite which.

    It is another player's, and no race between these calls. The book must not have them.
    """
    before, calls = book.balances[0], [call for call in calls if call.method.moves_money]
    made = {(call.method, call.transaction_id): call for call in calls}
    effects = [effect_of(book, call, made.get((Method.BET, call.transaction_id))) for call in made.values()]
    shown = {call.balance - before for call in calls if call.balance not in (None, before)}
    return any(not add_up(effects, each) for each in shown)


def _stakes(calls: Sequence[Operation]) -> Iterator[Stake]:
    """Return what the bets among these calls may have taken."""
    for call in calls:
        if call.method is Method.BET and call.outcome is not Outcome.REFUSED:
            yield Stake(call.game_id, call.amount or 0)


def alone_again(
    book: Book, calls: Sequence[Operation], balance: Money, of_a_kind: int
) -> Iterator[WebhookRequest]:
    """Yield calls like those that overlapped, to be sent one after another, with the ids that they had.

    Of the ids that were used in the same way, so many are tried. Where the bets came to more than there was,
    a bet over the balance comes last.

    The driver gives each id a new one. An id that was known before comes with the call that made it known,
    and a bet and its refund come in both orders. The calls of one id do not follow each other at once: what
    comes in between may be what confuses a wallet. The book must not have the calls.
    """
    kinds: dict[tuple[Method, ...], int] = {}
    chosen: list[list[WebhookRequest]] = []
    # Amounts of which a float would lose a cent come first.
    by_id = sorted(_by_id(calls).items(), key=lambda each: _survives_floats(each[1][0]))
    for id_, used in by_id:
        requests = [*_before(book, used[0]), *(each.request for each in used[:IDS_OF_A_KIND])]
        kind = tuple(each.method for each in requests)
        if kinds.get(kind, 0) >= of_a_kind or sum(map(len, chosen)) + len(kind) > ALONE_MAX:
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
        chosen.append(requests)
        if {Method.BET, Method.REFUND} <= set(kind):
            other = [replace(each, transaction_id=f"{id_} reversed") for each in requests]
            chosen.append(sorted(other, key=lambda each: each.method is not Method.REFUND))
    wanted = [request for turn in zip_longest(*chosen) for request in turn if request is not None]
    stakes = sum(each.amount or 0 for each in wanted if each.method is Method.BET)
    if stakes > balance:
        yield WebhookRequest(Method.WIN, calls[0].player, Money(stakes - balance), "for the stakes")
    if all(len(each) == 1 for each in chosen):
        wanted = list(_telling_first(wanted, max(stakes, balance)))
    yield from wanted
    bets = [call for each in _by_id(calls).values() for call in each[:1] if call.method is Method.BET]
    if sum(bet.amount or 0 for bet in bets) > book.balances[0]:
        all_money = stakes + balance + sum(each.amount or 0 for each in wanted)
        yield replace(bets[0].request, amount=Money(all_money), transaction_id="beyond")


def _telling_first(requests: Sequence[WebhookRequest], balance: int) -> Iterator[WebhookRequest]:
    """Yield calls of different ids that lead to balances of which a float would lose a cent.

    Such balances lie close together: the amounts may be some cents more or less.
    """
    left = list(requests)
    while left:
        following, amount = left[0], left[0].amount or 0
        for off, each in product(sorted(range(-NEAR, NEAR + 1), key=abs), left):
            near = replace(each, amount=Money((each.amount or 0) + off))
            if (near.amount or 0) > 0 and _loses_a_cent(balance, whole_effect(near)):
                following, amount = each, near.amount or 0
                break
        left.remove(following)
        called = replace(following, amount=Money(amount))
        balance += whole_effect(called)
        yield called


def _loses_a_cent(before: int, effect: int) -> bool:
    """Return whether a balance before or after a call is one that a float loses a cent of when it is cut."""
    *_, read, written = cuts_by_float(before, effect)
    return (read, written) != (effect, effect)


def _by_id(calls: Sequence[Operation]) -> dict[str, list[Operation]]:
    """Return the calls that move money and can be repeated, by id, in the order of sending."""
    found: dict[str, list[Operation]] = {}
    for call in sorted(calls, key=lambda each: each.sent_ns):
        if call.method.moves_money and call.transaction_id is not None and call.amount is not None:
            found.setdefault(call.transaction_id, []).append(call)
    return found


def _survives_floats(call: Operation) -> bool:
    return cut_by_float(call.amount or 0) == call.amount


def _before(book: Book, call: Operation) -> Iterator[WebhookRequest]:
    """Yield the call with that id that was sent before, where the book has one."""
    id_ = call.transaction_id or ""
    bet = book.fact(Method.BET, id_)
    if call.method is not Method.WIN and isinstance(bet, Applied):
        yield WebhookRequest(Method.BET, call.player, Money(bet.amount), id_, call.game_id)
    known = book.fact(call.method, id_)
    if call.method is not Method.BET and isinstance(known, Applied | Tombstone | Mark):
        yield call.request


def explained(
    book: Book, calls: Sequence[Operation], read: Call | None
) -> tuple[list[Operation], HistoryVerdict]:
    """Return calls that overlapped as a history with the read after them, and the verdict on it."""
    # As above.
    from simulator.history.check import settled_history

    history = list(calls)
    if read is not None and read.balance is not None:
        history.append(_read_operation(history, read, read.balance))
    return settled_history(book.balances[0], history, terms=book.terms, before=book, budget=SEARCH_BUDGET)


def balance_after(read: Call | None, verdict: HistoryVerdict) -> Money | None:
    """Return the balance after a burst: as it was read, or the one that the calls lead to."""
    return read.balance if read is not None else next(iter(verdict.final_balances), None)


def _read_operation(calls: Sequence[Operation], read: Call, balance: Money) -> Operation:
    """Return a balance read as the last operation of a history."""
    over = max((call.answered_ns or call.sent_ns for call in calls), default=0)
    exchange = read.exchange
    return Operation(
        index=max((call.index for call in calls), default=-1) + 1,
        player=read.request.player,
        method=Method.BALANCE,
        transaction_id=None,
        amount=None,
        game_id=None,
        sent_ns=over + 1 if exchange.answered_ns is None else exchange.sent_ns,
        answered_ns=over + 2 if exchange.answered_ns is None else exchange.answered_ns,
        outcome=Outcome.ACCEPTED,
        balance=balance,
        label="read",
    )
