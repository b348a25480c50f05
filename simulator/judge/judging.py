"""Judge one call: what it must have done, what the balance reads show, and which call is to blame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterable
from dataclasses import replace

from simulator.core.calls import Call
from simulator.core.findings import CallVerdict, Finding, Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method
from simulator.judge.account import Account, Accounts, whole_effect
from simulator.judge.blame import (
    READS_WRONGLY,
    Made,
    culprit,
    expected,
    in_doubt,
    kept_name,
    known_culprit,
    knows,
    meant,
    missing_effect,
    observe,
    reads_are_wrong,
    telling,
    what_it_did,
    what_it_did_in_all,
)
from simulator.judge.explanations import Around, of_answer, of_read, or_never_stored
from simulator.judge.findings import NO_OTHER, Findings, MayBe, MoneyFacts
from simulator.judge.rulings import (
    CAME_LATE,
    NO_ANSWER,
    NO_READ,
    SENT_BEFORE,
    SOMEONE_ELSE,
    UNREADABLE,
    Asking,
    Policy,
    ReadBalance,
    Reads,
    Ruling,
    ruled,
)
from simulator.law.book import Book, Observation, TooManyWorlds
from simulator.law.mistakes import mild_mistake
from simulator.law.roles import Kind, Role
from simulator.law.situations import Situation


class Judging:
    """One call that is being judged, and what was found so far."""

    def __init__(
        self,
        findings: Findings,
        policy: Policy,
        accounts: Accounts,
        call: Call,
        mistakes: Counter[Situation],
    ) -> None:
        self._mistakes = mistakes
        self._findings = findings
        self._policy = policy
        self._accounts = accounts
        self._call = call
        self._found: list[Finding] = []
        self._accused: set[str] = set()
        self._reason = ""
        self._expected: Money | None = None
        self._last_read: Call | None = None
        self._doubted = False

    # --- money -------------------------------------------------------------------------------------

    def money(self, account: Account) -> Asking:
        """Judge a call of a player whose balance is known."""
        book, read = account.book, None
        if account.late and self._call.outcome is Outcome.ACCEPTED:
            account.note_settled(self._call.request)
        others = self._accounts.ledger.other_owners(account.player, self._call.request)
        if not (self._call.why.fresh or knows(book, self._call.request) or others):
            return self._sent_before(account)
        before = book.balances[0]
        if self._call.reading.must_settle:
            read = yield from self._settle(account)
        call = self._call
        silent = call.outcome is Outcome.UNKNOWN and not call.reading.must_settle
        if silent and self._policy.unanswered_max is not None and in_doubt(book, call.request):
            # Another attempt without an answer adds nothing to the first one.
            return Ruling(CallVerdict.OPEN, call.outcome, reason=NO_ANSWER)
        try:
            judged = observe(book, self._call)
        except TooManyWorlds as error:
            account.lost = str(error)
            return Ruling(CallVerdict.UNJUDGED, call.outcome, reason=account.lost)
        made = Made(call, judged.role, before)
        if not judged.possible:
            yield from self._impossible(account, made)
            return self._ruling(account, call.outcome)
        balances = book.balances
        account.remember(made)
        account.trail.note(made, balances)
        if call.outcome is not Outcome.ACCEPTED or not judged.role.row.is_plain:
            self._mild(made)
        if read is not None:
            yield from self._probe(account, made, read)
        elif self._wants_read(judged, silent):
            yield from self._probe(account, made)
        elif judged.settled:
            account.another_hand = False
            if judged.role.row.is_plain and not silent and not self._found:
                # The fast path: most calls are right.
                return Ruling(CallVerdict.RIGHT, call.outcome, balances[0])
        if silent and not call.nothing_sent:
            account.count_silence(self._policy.unanswered_max)
        account.note_stated(call)
        outcome = call.outcome if book.ambiguous else made.settled(book.balances[0])
        return self._ruling(account, outcome, self._dialect(made, book))

    def _settle(self, account: Account) -> Read:
        """Read the balance, and take an answer without a clear status for what it says if that can be held
        against a read; without one the call stays open.
        """
        if not account.book.terms.exists or self._policy.reads is Reads.NEVER:
            return None
        read = yield from self._readable(account.player, None)
        if read is None or read.balance is None:
            return None
        self._call = self._call.settled(meant(account.book, self._call, read.balance))
        return read

    def _sent_before(self, account: Account) -> Ruling:
        """Continue after a call whose id is older than the book, so that its effect is unknown."""
        call = self._call
        if call.outcome is Outcome.ACCEPTED and call.balance is not None:
            account.follow(call.balance, (0, whole_effect(call.request)))
        else:
            account.lost = SENT_BEFORE
        return Ruling(CallVerdict.UNJUDGED, call.outcome, reason=SENT_BEFORE)

    def _wants_read(self, judged: Observation, silent: bool) -> bool:
        policy = self._policy
        if judged.role is Role.STRANGER or policy.reads is Reads.NEVER:
            return False
        if silent and not policy.after_silence:
            return False
        return policy.reads is Reads.ALWAYS or not judged.settled or not judged.role.row.is_plain

    def _probe(self, account: Account, made: Made, read: Call | None = None) -> Looking:
        yield from self._look(account, read, latest=made)
        situation = made.role.row.others_moved
        if situation is not None:
            for other in self._accounts.others(account, made.request):
                if other.book.terms.exists:
                    yield from self._look(other, suspect=situation)

    # --- reads -------------------------------------------------------------------------------------

    def own_read(self, account: Account) -> Asking:
        """Judge the read that this case is about."""
        call = self._call
        if not self._policy.own_players and call.balance is not None:
            account.book.terms = replace(account.book.terms, blocked=call.reading.inactive)
        yield from self._look(account, call)
        return self._ruling(account, call.outcome)

    def hostile(self, accounts: Iterable[Account]) -> Asking:
        """Read the balances that bytes which are not a webhook must not change."""
        for account in accounts:
            if account.book.terms.exists:
                yield from self._look(account, suspect=Situation.MALFORMED_MOVED)
        if self._call.outcome is Outcome.ACCEPTED:
            self._found.append(self._findings.mild(Situation.MALFORMED_ACCEPTED, self._call))
        return self._ruling(None, self._call.outcome)

    def opening(
        self, shown: Money | None, past: Collection[Money]
    ) -> Generator[ReadBalance, Call | None, tuple[Money | None, Ruling]]:
        """Choose between the first read and the balance that was shown last."""
        balance, player = self._call.balance, self._call.request.player
        if balance is not None and shown is not None and balance != shown:
            again = yield ReadBalance(player, until=(shown,))
            if again is not None and again.balance == shown:
                self._wrong_read(player, None, balance, shown, self._call, lags=balance in past)
                balance = shown
        self._accounts.opening_reads[player] = self._call.exchange.sent_ns
        return balance, self._ruling(None, self._call.outcome)

    def _look(
        self,
        account: Account,
        first: Call | None = None,
        *,
        suspect: Situation | None = None,
        latest: Made | None = None,
    ) -> Looking:
        """Read a balance with nothing in flight and hold it against the book; doubt it before accusing.

        `suspect`: the case's own call is what must not have moved it. `latest`: its call is the player's own.
        """
        book = account.book
        read = yield from self._readable(account.player, first)
        if read is None or read.balance is None:
            yield from self._unreadable(account, read)
            return
        if self._agrees(account, read.balance):
            return
        again = yield from self._ask(account.player)
        # Only what came until now may explain the difference.
        beside = self._accounts.beside(account)
        balance = None if again is None else again.balance
        agrees = balance is not None and self._agrees(account, balance)
        own = self._policy.own_players or latest is not None
        late = read.balance if balance is None else balance
        if not agrees and account.take_in_late(late, {0}, lambda _: self._agrees(account, late)):
            self._reason = CAME_LATE
            return
        if not agrees and account.answered_right and (own or account.trail.had(read.balance)):
            awaited = yield from self._ask(account.player, book.balances)
            if awaited is not None and awaited.balance in book.balances:
                balance = awaited.balance
                agrees = balance is not None and self._agrees(account, balance)
        if agrees and balance is not None:
            self._wrong_read(account.player, account, read.balance, balance, read)
            return
        if not (yield from self._is_moved_by_others(account, ())):
            actual = read.balance if balance is None else balance
            around = Around(account.in_question, beside)
            self._accuse_by_read(account, actual, read, suspect, latest, around)

    def _unreadable(self, account: Account, read: Call | None) -> Looking:
        """Accuse where the wallet answers reads that it answered before, and no more with an amount."""
        if read is None or not read.shows_no_amount:
            return
        if (read.reading.http_status or 0) >= 500:
            # Servers fail now and then: three times in a row is no chance.
            again = yield from self._ask(account.player)
            if again is None or not again.shows_no_amount:
                return
        call, before = account.latest_of(self._call)
        self._found.append(self._findings.destroyed(call, account.player, before, read, account.trail.line))
        self._accused.add(account.player)
        account.blame(call)
        account.lost = self._reason = f"the balance of player {account.player} is no amount of money any more"

    def _ask(self, player: str, until: tuple[Money, ...] = ()) -> Read:
        read = yield ReadBalance(player, until)
        if read is not None:
            self._last_read = read
        return read

    def _readable(self, player: str, first: Call | None) -> Read:
        """Return a read that shows a balance, from two at the most; say why there is none."""
        read = first
        if read is None:
            read = yield from self._ask(player)
        if read is None:
            self._reason = NO_READ
            return None
        if read.balance is None:
            read = (yield from self._ask(player)) or read
        if read.balance is None:
            if read.outcome is Outcome.REFUSED:
                self._found.append(self._findings.mild(Situation.READ_REFUSED, read, Method.BALANCE))
            self._reason = UNREADABLE
        return read

    def _agrees(self, account: Account, balance: Money) -> bool:
        """Return whether some world has that balance; with too many of them none is accused."""
        try:
            agrees = account.book.read(balance)
        except TooManyWorlds as error:
            account.lost = self._reason = str(error)
            return True
        if agrees:
            account.confirm(balance, self._last_read or self._call)
        return agrees

    # --- accusing ----------------------------------------------------------------------------------

    def _impossible(self, account: Account, made: Made) -> Looking:
        """Accuse: no right wallet gives this answer, unless the balances that were read before were wrong."""
        book, answered = account.book, made.call.balance
        possible = expected(book, made.call)
        self._expected = possible[0]
        account.trail.note(made, possible)
        if not book.terms.exists:
            # A player who does not exist has no right balance.
            facts = MoneyFacts(account.player, (), answered)
            self._accuse(account, Situation.UNKNOWN_PLAYER_ACCEPTED, made.call, facts)
            return
        actual = yield from self._balance_after(account.player, made)
        beside = self._accounts.beside(account)
        if account.late and self._answer_shows_late(account, made, possible, actual):
            return
        wanted = {answered, *(() if actual in possible else possible)} - {actual, None}
        if actual is not None and wanted:
            # Nothing is sent meanwhile: if a later read agrees with the answer, reads lag behind the answers;
            # a wallet that books later than it answers comes to the right balance by itself.
            late = yield from self._ask(account.player, tuple(each for each in wanted if each is not None))
            if answered in wanted and answered is not None and late is not None and late.balance == answered:
                self._wrong_read(account.player, account, actual, answered, made.call)
                account.take_in_corrected(made, answered, Money(answered - possible[0]))
                return
            actual = actual if late is None or late.balance is None else late.balance
        if answered is not None and len(possible) == 1:
            before = Money(made.before + answered - possible[0])
            # A wallet that stores nothing answers a repeat or a refund as if its bet had never been.
            fresh = made.role.row.kind in (Kind.BET, Kind.WIN) or account.calls == 0
            told = fresh and before in (account.shown_before, account.stated)
            if told or (reads_are_wrong(self._mistakes) and not account.unconfirmed):
                # The account was opened at a read that was wrong.
                lags = None if told else False
                self._wrong_read(account.player, account, made.before, before, made.call, lags=lags)
                account.take_in_corrected(made, answered, Money(before - made.before))
                return
        if not (yield from self._is_moved_by_others(account, possible)):
            around = Around(account.in_question, beside, account.stakes_before, account.grounded)
            self._accuse_by_answer(account, made, possible, actual, around)

    def _is_moved_by_others(
        self, account: Account, lawful: Collection[Money]
    ) -> Generator[ReadBalance, Call | None, bool]:
        """Return whether the balance changes with nothing in flight, so that no call of ours is to blame.

        A read that lags comes to a balance that is lawful or was there before, and a wallet that books late
        moves it by the amount of a call. Once single calls have shown a mistake, no more reads are spent.
        """
        if not self._policy.sends_alone or self._mistakes:
            return False
        player = account.player
        first = yield from self._ask(player)
        later = yield ReadBalance(player, idle=True)
        if first is None or later is None or first.balance is None or later.balance is None:
            return False
        moved = Money(abs(later.balance - first.balance))
        known = later.balance in (*lawful, *account.book.balances) or account.trail.had(later.balance)
        if not moved or known or moved in (*account.open_amounts, self._call.request.amount):
            return False
        facts = MoneyFacts(player, (first.balance,), later.balance)
        self._found.append(self._findings.someone_else(later, facts))
        account.lost = self._reason = SOMEONE_ELSE
        return True

    def _answer_shows_late(
        self, account: Account, made: Made, possible: tuple[Money, ...], actual: Money | None
    ) -> bool:
        """Take in an answer that is possible if late calls took effect before it; return whether it is."""
        call = made.call
        balance = actual if call.balance is None else call.balance
        if balance is None or actual not in (None, balance):
            return False
        moves = {0, whole_effect(call.request), *(each - made.before for each in possible)}
        if call.outcome is Outcome.REFUSED:
            moves = {0}
        if not account.take_in_late(balance, moves, lambda book: observe(book, self._call).possible):
            return False
        account.remember(made)
        self._reason = CAME_LATE
        if actual is not None:
            self._agrees(account, actual)
        return True

    def _balance_after(self, player: str, made: Made) -> Generator[ReadBalance, Call | None, Money | None]:
        """Return the balance after an impossible answer, None if it is unknown."""
        read = yield from self._ask(player)
        if read is None:
            return None
        unmoved = read.balance == made.before and made.role.row.moves
        if unmoved or read.balance != made.call.balance:
            # A wallet may answer before its own reads see the change: read once more before accusing.
            again = yield from self._ask(player)
            if again is not None and again.balance is not None:
                return again.balance
        return read.balance

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
        self._doubted = Situation.STALE_READ in may_be.own and actual not in possible
        told = telling(book, made, balance)
        situation = what_it_did(book, made, balance)
        known = known_culprit(book, account.unconfirmed, gap, self._mistakes)
        if known is not None and self._mistakes[situation] >= self._mistakes[known.situation]:
            known = None
        ignored = what_it_did(book, made, made.before)
        if known is None and situation not in self._mistakes and ignored in self._mistakes:
            # It had no effect, like earlier calls.
            rest = gap + possible[0] - made.before
            known_rest = known_culprit(book, account.unconfirmed, rest, self._mistakes)
            situation = ignored if known_rest else situation
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
        answers = book.balances[0] if account.unconfirmed and account.answered_right else None
        if not account.restarted and account.answered_right:
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
            lags = account is not None and account.trail.had(wrong) and current != account.stated
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
        if self._policy.cents_kept:
            may_be = may_be.without(Situation.FRACTION_DROPPED)
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
        due = (self._expected, balances[0] if len(balances) == 1 else None)
        ruling = ruled(self._found, outcome, due, frozenset(self._accused), self._reason, dialect)
        return replace(ruling, doubted=True) if self._doubted else ruling


Looking = Generator[ReadBalance, Call | None, None]
Read = Generator[ReadBalance, Call | None, Call | None]
