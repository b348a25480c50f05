"""Accuse: which call is to blame for a wrong balance, what it did, and how often that was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import combinations

from simulator.core.calls import Call
from simulator.core.findings import CallVerdict, Finding, Outcome, Severity
from simulator.core.money import CENT, Money
from simulator.core.webhooks import Method
from simulator.judge.account import Account, Accounts
from simulator.judge.blame import (
    ID_CONFUSED,
    READS_WRONGLY,
    Culprit,
    Made,
    culprit,
    expected,
    kept_name,
    known_culprit,
    missing_effect,
    pretended,
    reads_are_wrong,
    telling,
    what_it_did,
    what_it_did_in_all,
)
from simulator.judge.explanations import Around, of_answer, of_read, or_never_stored
from simulator.judge.findings import NO_OTHER, Findings, MayBe, MoneyFacts
from simulator.judge.rulings import NO_ANSWER, Policy, Ruling
from simulator.law.book import Book
from simulator.law.mistakes import NOTHING_DONE, OTHER_AMOUNT, QUANTA, mild_mistake
from simulator.law.situations import Situation

_OVERPAID = {Situation.REFUND_WRONG_AMOUNT, Situation.REFUND_OVER_STAKE}


@dataclass(eq=False)
class Accusing:
    """What was found so far about one call, and whom it accuses. It asks for no reads."""

    _findings: Findings
    _policy: Policy
    _accounts: Accounts
    _call: Call
    _mistakes: Counter[Situation]
    _found: list[Finding] = field(default_factory=list)
    _accused: set[str] = field(default_factory=set)
    _reason: str = ""
    _expected: Money | None = None
    _last_read: Call | None = None
    _doubted: bool = False

    def _accuse_by_answer(
        self,
        account: Account,
        made: Made,
        possible: tuple[Money, ...],
        actual: Money | None,
        around: Around,
    ) -> None:
        """Accuse by the balance after an answer that no right wallet gives."""
        book, call = account.book, made.call
        # A refusal moves nothing.
        balance = next(each for each in (actual, call.balance, made.before) if each is not None)
        if account.puts_right(call, balance) or account.is_twin(call):
            account.overrule(made, balance)
            return
        gap = Money(balance - possible[0])
        may_be = of_answer(book, around, made, balance)
        goes_on = (
            call.balance is not None and made.before + call.balance - possible[0] == account.shown_before
        )
        if goes_on:
            # From what was answered before a read denied it: that read may have been wrong, and this one is.
            may_be = may_be.also(*READS_WRONGLY)
        self._doubted = Situation.STALE_READ in may_be.own and actual not in possible
        told = telling(book, made, balance)
        situation, known = self._what_it_did(account, made, possible[0], balance)
        lost = None if told else missing_effect(book, account.unconfirmed, gap)
        if known is not None:
            lost = known.made
        if lost is not None:
            situation = what_it_did_in_all(book, lost, Money(0)) if known is None else known.situation
            self._accuse(account, situation, lost.call, self._facts(account, possible, balance), may_be)
            account.rebase(Money(made.before + gap), lost)
            account.take_in_corrected(made, balance, Money(0))
            return
        if self._is_no_fault(account, made, balance, told=told):
            account.take_in_corrected(made, balance, gap)
            return
        if situation is Situation.REFUND_WRONG_AMOUNT and actual in possible:  # it may pay one or the other
            situation = Situation.ANSWER_BALANCE_WRONG
        if situation is Situation.BLOCKED_PLAYER_WRONG and not book.terms.blocked:
            situation = Situation.LIMIT_IGNORED
        elif situation is Situation.BET_REFUSED and account.refused_by_fraction(call.request):
            situation, may_be = Situation.MONEY_KEPT_AS_FLOAT, may_be.also(situation)
        wrong = call.balance if actual is None or actual in possible else actual
        self._accuse(account, situation, call, self._facts(account, possible, wrong), may_be)
        account.overrule(made, balance)
        account.shown_before = call.balance if goes_on else account.shown_before

    def _what_it_did(
        self, account: Account, made: Made, due: Money, balance: Money
    ) -> tuple[Situation, Culprit | None]:
        """Name what the call did, and the earlier call whose mistake, seen before, explains it if one does.

        `due` is the balance that a right wallet has after it.
        """
        book, earlier = account.book, account.unconfirmed
        situation = what_it_did(book, made, balance)
        known = known_culprit(book, earlier, balance - due, self._mistakes)
        if known is not None and self._mistakes[situation] < self._mistakes[known.situation]:
            return situation, known
        if situation not in self._mistakes:
            ignored = what_it_did(book, made, made.before)
            alike = ignored in self._mistakes and known_culprit(
                book, earlier, balance - made.before, self._mistakes
            )
            if alike or pretended(book, earlier, made, due, balance):
                # It had no effect, like earlier calls.
                return ignored, None
        return situation, None

    def _is_no_fault(self, account: Account, made: Made, balance: Money, *, told: bool) -> bool:
        """Return whether another hand explains it, or that the account is not active; note which."""
        if self._policy.own_players or made.request.method is not Method.BET:
            return False
        findings, read = self._findings, self._last_read
        refused = made.call.outcome is Outcome.REFUSED and balance == made.before
        if refused and read is not None and read.reading.inactive:
            account.book.terms = replace(account.book.terms, blocked=True)
            self._found.append(findings.not_active(made.call, str(read.reading.account_status), balance))
            return True
        if told or account.another_hand:
            return False
        # One change may be another user of the player; two in a row are the wallet's.
        facts = self._facts(account, expected(account.book, made.call), balance)
        self._found.append(findings.someone_else(made.call, facts))
        account.another_hand = True
        return True

    def _accuse_by_read(
        self,
        account: Account,
        actual: Money,
        read: Call,
        suspect: Situation | None,
        latest: Made | None,
        around: Around,
    ) -> None:
        """Find the call since the last good read that explains a balance which no world has."""
        book = account.book
        self._expected = book.balances[0]
        facts = self._facts(account, book.balances, actual)
        gap = actual - book.balances[0]
        if latest is not None and account.makes_good(latest.request, gap):
            account.rebase(actual, latest)
            return
        if reads_are_wrong(self._mistakes):
            self._wrong_read(account.player, account, actual, book.balances[0], read)
            return
        known = known_culprit(book, account.unconfirmed, gap, self._mistakes)
        may_be = of_read(book, around, actual)
        if account.restarted:
            may_be = may_be.also(Situation.BALANCE_READ_WRONG)
        answers = book.balances[0] if account.answered_right else None
        if not account.restarted:
            # The next answer shows whether the answers before were right, and this read was not.
            may_be = may_be.also(*READS_WRONGLY)
        if suspect is not None and known is None:
            self._accuse(account, suspect, self._call, facts, may_be)
            account.rebase(actual, None)
            return
        sure = self._policy.own_players or account.another_hand
        if latest is not None and latest.request.method is not Method.BET:
            sure = True
        any_amount = sure and not account.restarted
        found = known or culprit(book, account.unconfirmed, account.unanswered, gap, any_amount=any_amount)
        if found is not None:
            self._accuse(account, found.situation, found.made.call, facts, may_be)
            account.rebase(actual, found.made)
            account.shown_before = answers
        elif sure:
            self._accuse(account, Situation.BALANCE_READ_WRONG, read, facts, may_be.also(*READS_WRONGLY))
            account.rebase(actual, None)
            account.shown_before = answers
        else:
            self._found.append(self._findings.someone_else(read, facts))
            account.follow(actual)
            account.another_hand = True

    def _wrong_read(
        self,
        player: str,
        account: Account | None,
        wrong: Money,
        current: Money,
        read: Call,
        *,
        lags: bool | None = None,
    ) -> None:
        """Report a read that was wrong: it lags, or it shows a balance that was never this player's."""
        if lags is None:
            had = account is not None and account.trail.had(wrong) and current != account.stated
            lags = had or (self._policy.answers_only and self._accounts.traffic.had(player, wrong))
        # A read in whole units, or in steps of 0.05, shows what the player may have had before by chance.
        lags = lags and wrong not in {current - current % each for each in (*QUANTA, 5) if current % each}
        trail = "" if account is None else account.trail.line
        facts = MoneyFacts(player, (current,), wrong, trail)
        situation = Situation.STALE_READ if lags else Situation.READ_CONTRADICTS
        if account is None or not account.raced:
            self._mistakes[situation] += 1
        # Caches and replicas may also show balances older than the trail: most reads decide.
        situation = max((situation, *READS_WRONGLY), key=lambda each: self._mistakes[each])
        raced = account is not None and account.raced
        may_be = NO_OTHER.also(*READS_WRONGLY, *((Situation.ANSWER_BALANCE_WRONG,) if raced else ()))
        finding = self._findings.money(situation, read, facts, Method.BALANCE, may_be=may_be)
        self._found.append(finding)
        self._accused.add(player)
        if account is not None:
            account.blame(self._call)

    def _accuse(
        self,
        account: Account,
        situation: Situation,
        call: Call,
        facts: MoneyFacts,
        may_be: MayBe = NO_OTHER,
    ) -> None:
        request = call.request
        may_be = self._plausible(account, may_be, {request.method, *account.methods_in_question})
        if request.method in account.traffic.unscaled:
            situation, may_be = self._in_proportion(situation, may_be, request.method, facts)
        if situation in ID_CONFUSED and account.traffic.confuses(request):
            may_be = may_be.also(Situation.SHARED_ID_SWALLOWED)
        if situation is Situation.REFUND_NOT_CREDITED and _OVERPAID & {*account.found.values()}:
            # An earlier refund may have paid this one's stake, too.
            may_be = may_be.also(Situation.REFUND_WRONG_AMOUNT)
        may_be = self._came_late(account, situation, may_be, facts)
        situation = self._noted(account, situation, request.method, facts)
        if self._policy.roots_only and account.found_otherwise(request, situation):
            return
        # With a place in a file, the call needs no name.
        beside = call is self._call or request.method is Method.BALANCE or call.why.place is not None
        about = "" if beside else f"{request.method.noun} {request.transaction_id}"
        if call.why.label:
            facts = replace(facts, label=call.why.label)
        may_be = or_never_stored(account, situation, may_be, facts.found)
        self._found.append(self._findings.money(situation, call, facts, request.method, about, may_be))
        self._accused.add(account.player)
        account.blame(call)

    def _came_late(self, account: Account, situation: Situation, may_be: MayBe, facts: MoneyFacts) -> MayBe:
        """Return what may explain a finding: reads are late if an effect is there now that was missing.

        What the call before lacked, this one may have brought with it.
        """
        off = facts.found - facts.expected[0] if facts.found is not None and facts.expected else 0
        missing, traffic = account.traffic.missing[account.player], account.traffic
        if off and off in {sum(some) for size in (1, 2, 3) for some in combinations(missing, size)}:
            traffic.books_late = True
            may_be = may_be.also(*READS_WRONGLY)
        lacking, account.lacking = account.lacking, None
        if lacking is not None and lacking[1] == off:
            may_be = may_be.also(lacking[0])
        if situation in NOTHING_DONE.values() and off:
            missing.append(-off)
            account.lacking = situation, -off
        return may_be

    def _in_proportion(
        self, situation: Situation, may_be: MayBe, method: Method, facts: MoneyFacts
    ) -> tuple[Situation, MayBe]:
        """Return what a wrong amount is called where calls of that method moved what they asked before."""
        if situation is Situation.HUNDREDFOLD:
            # A cap or a share happens to be a hundredth; what counts in cents does so each time.
            return OTHER_AMOUNT[method], may_be.without(Situation.HUNDREDFOLD)
        near = facts.found is not None and any(abs(facts.found - each) == CENT for each in facts.expected)
        if near and situation is OTHER_AMOUNT[method] and Situation.CENT_OFF in may_be.own:
            # Of a bet of one cent, a cent is as much again.
            return Situation.CENT_OFF, may_be
        return situation, may_be

    def _plausible(self, account: Account, may_be: MayBe, methods: Collection[Method]) -> MayBe:
        """Return what may explain a finding about such calls, less what others like them have disproved."""
        if self._policy.cents_kept or account.traffic.cents_kept:
            may_be = may_be.without(Situation.FRACTION_DROPPED)
        return may_be.without(Situation.CENTS_CUT) if account.traffic.exact.issuperset(methods) else may_be

    def _noted(self, account: Account, situation: Situation, method: Method, facts: MoneyFacts) -> Situation:
        """Record what a single call has shown; one mistake keeps one name, whichever call shows it next."""
        off = facts.found - facts.expected[0] if facts.found is not None and facts.expected else 0
        name = kept_name(situation, method, off, self._mistakes)
        if name is situation and not account.raced and self._call.exchange.fault is None:
            self._mistakes[situation] += 1
        return name

    def _facts(self, account: Account, possible: tuple[Money, ...], found: Money | None) -> MoneyFacts:
        return MoneyFacts(account.player, possible, found, account.trail.line)

    # --- wording -----------------------------------------------------------------------------------

    def _mild(self, made: Made) -> None:
        call = made.call
        situation = mild_mistake(made.role, call.outcome, call.form.kind)
        if situation is not None:
            self._found.append(self._findings.mild(situation, call, made.request.method))

    def _dialect(self, made: Made, book: Book) -> tuple[str, str, str] | None:
        moved = book.balances[0] - made.before
        shown = made.knob(moved)
        if shown is None:
            return None
        if self._findings.is_pinned_otherwise(*shown):
            self._found.append(self._findings.policy(*shown, made.call))
        return (*shown, made.evidence(moved))

    def _ruling(
        self, account: Account | None, outcome: Outcome, dialect: tuple[str, str, str] | None = None
    ) -> Ruling:
        known = account is not None and account.book.terms.exists
        balances = account.book.balances if account is not None and known else ()
        after = balances[0] if len(balances) == 1 else None
        reason = self._reason
        wrong = any(finding.severity is Severity.ERROR for finding in self._found)
        if wrong:
            verdict = CallVerdict.WRONG
        elif self._found:
            verdict = CallVerdict.NOTED
        elif outcome is Outcome.UNKNOWN or reason:
            verdict, reason = CallVerdict.OPEN, reason or NO_ANSWER
        else:
            verdict = CallVerdict.RIGHT
        # After a mistake, what was due before it.
        expected = self._expected if wrong else after
        accused = frozenset(self._accused)
        return Ruling(
            verdict, outcome, expected, tuple(self._found), accused, reason, dialect, doubted=self._doubted
        )
