"""Judge one call: what it must have done, and what the balance reads show."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from dataclasses import replace

from simulator.core.calls import Call
from simulator.core.findings import CallVerdict, Outcome, Severity
from simulator.core.money import Money
from simulator.core.webhooks import Method
from simulator.judge.account import Account
from simulator.judge.accusing import Accusing
from simulator.judge.blame import (
    Made,
    expected,
    in_doubt,
    knows,
    meant,
    reads_are_wrong,
)
from simulator.judge.explanations import Around
from simulator.judge.findings import MoneyFacts
from simulator.judge.late import whole_effect
from simulator.judge.replies import SUCCESS_WITH_ERROR
from simulator.judge.rulings import (
    CAME_LATE,
    NO_ANSWER,
    NO_READ,
    SENT_BEFORE,
    SOMEONE_ELSE,
    UNREADABLE,
    Asking,
    ReadBalance,
    Reads,
    Ruling,
)
from simulator.law.book import Book, Observation, TooManyWorlds
from simulator.law.roles import Kind, Role
from simulator.law.situations import Situation


class Judging(Accusing):
    """One call that is being judged."""

    # --- money -------------------------------------------------------------------------------------

    def money(self, account: Account) -> Asking:
        """Judge a call of a player whose balance is known."""
        book, read = account.book, None
        account.traffic.note_sent(self._call.request)
        if account.late is not None and self._call.outcome is Outcome.ACCEPTED:
            account.late.note_settled(self._call.request)
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
            judged = _observe(book, self._call)
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
        stated = self._call.balance
        if self._policy.answers_only and account.book.terms.exists and stated is not None:
            self._call = self._call.settled(meant(account.book, self._call, stated))
            return None
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
        """Choose between the first read and the balance that was shown last; `past` are older ones."""
        balance, player = self._call.balance, self._call.request.player
        if balance is not None and shown is not None and balance != shown:
            again = yield ReadBalance(player, until=(shown,))
            if again is not None and again.balance == shown:
                had = balance in past or self._accounts.traffic.had(player, balance)
                self._wrong_read(player, None, balance, shown, self._call, lags=had)
                balance = shown
        self._accounts.opening_reads[player] = self._call.exchange.sent_ns
        self._accounts.past[player] = past
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
            disproved = account.traffic.disproved(account.methods_in_question)
            around = Around(account.in_question, beside, disproved=disproved)
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
        if account.late is not None and self._answer_shows_late(account, made, possible, actual):
            return
        if actual == made.before and self._is_refusal_after_all(account):
            return
        wanted = {answered, *(() if actual in possible else possible)} - {actual, None}
        if actual is not None and wanted:
            # Nothing is sent meanwhile: if a later read agrees with the answer, reads lag behind the answers;
            # a wallet that books later than it answers comes to the right balance by itself.
            late = yield from self._ask(account.player, tuple(each for each in wanted if each is not None))
            agrees = answered is not None and late is not None and late.balance == answered
            if agrees and answered is not None and answered in wanted and not self._policy.answers_only:
                self._wrong_read(account.player, account, actual, answered, made.call)
                account.take_in_corrected(made, answered, Money(answered - possible[0]))
                return
            actual = actual if late is None or late.balance is None else late.balance
        if self._read_was_wrong(account, made, possible, actual):
            return
        if not (yield from self._is_moved_by_others(account, possible)):
            disproved = account.traffic.disproved({made.request.method, *account.methods_in_question})
            stakes, grounded = account.stakes_before, account.grounded
            around = Around(account.in_question, beside, stakes, grounded, disproved)
            self._accuse_by_answer(account, made, possible, actual, around)

    def _read_was_wrong(
        self, account: Account, made: Made, possible: tuple[Money, ...], actual: Money | None
    ) -> bool:
        """Take in an answer that is right if the read at which the account was opened was wrong.

        Return whether that is so: the answer then goes on from what the wallet showed or stated before.
        """
        answered = made.call.balance
        # A read that shows what was answered before this call lags behind both answers.
        unlike = actual not in possible or (actual is not None and actual == account.shown_before)
        if answered is None or len(possible) != 1 or not unlike:
            return False
        before = Money(made.before + answered - possible[0])
        # A wallet that stores nothing answers a repeat or a refund as if its bet had never been.
        fresh = made.role.row.kind in (Kind.BET, Kind.WIN) or account.calls == 0
        told = fresh and before in (account.shown_before, account.stated)
        reads_lag = reads_are_wrong(self._mistakes) and not self._policy.answers_only
        if not told and not (reads_lag and actual not in possible and not account.unconfirmed):
            return False
        older = self._accounts.past.get(account.player, ())
        had = made.before in older or account.trail.had_before(made.before)
        had = had or account.traffic.had(account.player, made.before)
        lags = told and before != account.stated and had
        self._wrong_read(account.player, account, made.before, before, made.call, lags=lags)
        account.take_in_corrected(made, answered, Money(before - made.before))
        return True

    def _is_refusal_after_all(self, account: Account) -> bool:
        """Return whether a success that names an error is a refusal, as it moved nothing; tell its form."""
        call = self._call
        error = next((each for each in call.reading.deviations if each.form == SUCCESS_WITH_ERROR), None)
        refusal = call.settled(Outcome.REFUSED)
        if error is None or not _observe(account.book, refusal).possible:
            return False
        self._call = refusal
        self._found.append(self._findings.form(replace(error, severity=Severity.ERROR), call))
        return True

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
        if not account.take_in_late(balance, moves, lambda book: _observe(book, self._call).possible):
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


Looking = Generator[ReadBalance, Call | None, None]
Read = Generator[ReadBalance, Call | None, Call | None]


def _observe(book: Book, call: Call) -> Observation:
    """Tell the book; of several readings of an oddly written amount the first possible one counts."""
    form, nothing = call.form, call.nothing_sent
    judged = book.observe(call.request, form.kind, call.outcome, call.balance, nothing_sent=nothing)
    for request in form.alternatives:
        if judged.possible:
            break
        judged = book.observe(request, form.kind, call.outcome, call.balance, nothing_sent=nothing)
    return judged
