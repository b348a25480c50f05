"""The ledger's eye on play: what it says of each exchange, a book a player, opened at a balance read.

It judges calls of one player one after another, which the player's queue sees to. Whether a call is made at
all is not its business; where only a balance read can tell, it says so, and is told what was read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.core.calls import Call, CallForm, Player, Reading
from simulator.core.findings import Outcome, Severity
from simulator.core.money import ZERO, Money, format_change
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.book import Book, Ledger, Terms, TooManyWorlds
from simulator.law.roles import Applied, Entry, Pending, Role, situation_of
from simulator.law.rules import rule_of, words_of
from simulator.law.situations import Situation
from simulator.serve.journal import EntryVerdict, PlayFinding

PLAYERS_MAX = 10_000

CALLS_MAX = 2000
"""A book that has seen so many calls is closed, and a new one opened at its balance."""

UNANSWERED_MAX = 8
"""So many calls without an answer leave too many possible states: the book is begun anew."""

_RECENT_MAX = 8

_PLAIN = frozenset({Role.FRESH_BET, Role.FRESH_WIN, Role.DUE_REFUND})
"""Roles whose accepted answer says as much as a read."""


class Judgement(Frozen):
    """What the ledger says of one exchange. `suspect` asks for a balance read before the last word is said.

    `outcome` is that of the call, settled by a read where its answer left it open.
    """

    verdict: EntryVerdict
    outcome: Outcome
    expected: Money | None = None
    findings: tuple[PlayFinding, ...] = ()
    suspect: SuspectCall | None = None


@dataclass(slots=True)
class _Account:
    """One player's book. `doubted` after a change that nobody could explain."""

    book: Book
    calls: int = 0
    unanswered: int = 0
    doubted: bool = False
    recent: deque[SuspectCall] = field(default_factory=lambda: deque(maxlen=_RECENT_MAX))


class Watch:
    """The books of all players, the longest unused closed beyond PLAYERS_MAX."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: OrderedDict[Player, _Account] = OrderedDict()

    def balances(self, player: Player) -> tuple[Money, ...]:
        """What the ledger thinks the player may have; nothing for a player without a book."""
        account = self._accounts.get(player)
        return () if account is None else account.book.balances

    def forget(self) -> None:
        """Close all books."""
        with self._lock:
            self._accounts.clear()

    # --- what was sent -----------------------------------------------------------------------------

    def read(self, player: Player, sent: Call) -> Judgement:
        """Judge a balance read with nothing of ours in flight; a player without a book gets one."""
        reading = sent.reading
        forms = form_findings(reading)
        balance = reading.balance
        if balance is None:
            return Judgement(EntryVerdict.UNJUDGED, reading.outcome, None, forms)
        account = self._account(player)
        blocked = inactive(reading.account_status)
        if account is not None and not fits(account.book, balance):
            expected = account.book.balances
            finding = blame(account.recent, expected, balance, (0, 2)) or someone_else(expected, balance)
            self._open(player, balance, blocked=blocked)
            verdict = EntryVerdict.WRONG if finding.severity is Severity.ERROR else EntryVerdict.NOTED
            return Judgement(verdict, reading.outcome, finding.expected[0], (*forms, finding))
        if account is None or account.book.terms.blocked is not blocked:
            self._open(player, balance, blocked=blocked)
        else:
            account.recent.clear()
        return Judgement(_verdict(forms), reading.outcome, balance, forms)

    def money(
        self,
        player: Player,
        request: WebhookRequest,
        sent: Call,
        *,
        fresh: bool,
        form: CallForm = CallForm.CANONICAL,
        attempt: int = 1,
    ) -> Judgement:
        """Judge a bet, win or refund.

        `fresh`: nothing with its transaction_id went out before, not even the bet that a refund names.
        `attempt` counts from 1.
        """
        reading = sent.reading
        forms = form_findings(reading)
        account = self._account(player)
        if account is None or not (fresh or knows(account.book, request)):
            self._start_over(player, reading.balance if reading.outcome is Outcome.ACCEPTED else None)
            return Judgement(EntryVerdict.UNJUDGED, reading.outcome, None, forms)
        if reading.outcome is Outcome.UNKNOWN and not reading.must_settle and in_doubt(account.book, request):
            # One more attempt without an answer tells nothing that the first one did not.
            return Judgement(EntryVerdict.OPEN, reading.outcome, None, forms)
        try:
            suspect, settled = observed(account.book, player, request, sent, form, resent=attempt > 1)
        except TooManyWorlds:
            self._start_over(player, None)
            return Judgement(EntryVerdict.UNJUDGED, reading.outcome, None, forms)
        account.calls += 1
        if not suspect.possible:
            return Judgement(EntryVerdict.OPEN, reading.outcome, None, forms, suspect)
        account.recent.append(suspect)
        now = None if account.book.ambiguous else account.book.balances[0]
        if reading.outcome is Outcome.UNKNOWN and reading.must_settle:
            return Judgement(EntryVerdict.OPEN, reading.outcome, now, forms, suspect)
        if reading.outcome is Outcome.UNKNOWN:
            account.unanswered += 1
            if account.unanswered >= UNANSWERED_MAX:
                self._start_over(player, now)
            return Judgement(EntryVerdict.OPEN, reading.outcome, now, forms)
        if settled and suspect.role in _PLAIN:
            account.doubted = False
            self._shorten(player, account)
            return Judgement(_verdict(forms), reading.outcome, now, forms)
        return Judgement(_verdict(forms), reading.outcome, now, forms, suspect)

    def explain(self, suspect: SuspectCall, sent: Call, *, last: bool) -> Judgement | None:
        """The last word on a suspect, by a balance read after it; None asks for one more read.

        Without a readable balance the answer alone decides.
        """
        balance, account = sent.reading.balance, self._account(suspect.player)
        if balance is None:
            return self._unread(suspect)
        if account is None:
            self._open(suspect.player, balance)
            return Judgement(EntryVerdict.UNJUDGED, suspect.outcome, balance, suspect.forms)
        if suspect.possible and fits(account.book, balance):
            account.recent.clear()
            account.doubted = False
            outcome = suspect.outcome
            if suspect.must_settle and balance != suspect.before[0]:
                outcome = Outcome.ACCEPTED
            return Judgement(_verdict(suspect.forms), outcome, balance, suspect.forms)
        if not last:
            # A wallet may answer before its own reads see the change: look once more before accusing.
            return None
        return self._accuse(suspect, account, balance, sent.reading.account_status)

    # --- naming ------------------------------------------------------------------------------------

    def _accuse(
        self, suspect: SuspectCall, account: _Account, balance: Money, status: str | None
    ) -> Judgement:
        moved = Money(balance - suspect.before[0])
        refused_bet = suspect.outcome is Outcome.REFUSED and suspect.request.method is Method.BET
        blocked = inactive(status)
        if refused_bet and not moved and blocked:
            self._open(suspect.player, balance, blocked=True)
            finding = not_active(str(status), (balance,), balance)
            return Judgement(EntryVerdict.NOTED, suspect.outcome, balance, (*suspect.forms, finding))
        doubted = account.doubted
        opened = self._open(suspect.player, balance, blocked=blocked)
        if suspect.request.method is Method.BET and not telling(suspect, balance) and not doubted:
            # Once may be another's hand between two of our rounds; twice in a row is the wallet.
            opened.doubted = True
            finding = someone_else(suspect.expected, balance)
            return Judgement(EntryVerdict.NOTED, suspect.outcome, balance, (*suspect.forms, finding))
        shown = None if telling(suspect, balance) else blame(account.recent, suspect.expected, balance, (0,))
        shown = shown or money_finding(
            situation_after(suspect, balance), suspect.request.method, suspect.expected, balance
        )
        return Judgement(EntryVerdict.WRONG, suspect.outcome, suspect.expected[0], (*suspect.forms, shown))

    def _unread(self, suspect: SuspectCall) -> Judgement:
        if suspect.possible:
            return Judgement(EntryVerdict.OPEN, suspect.outcome, None, suspect.forms)
        self._start_over(suspect.player, None)
        situation = situation_after(suspect, None)
        finding = money_finding(situation, suspect.request.method, suspect.expected, None)
        return Judgement(EntryVerdict.WRONG, suspect.outcome, None, (*suspect.forms, finding))

    # --- keeping books -----------------------------------------------------------------------------

    def _account(self, player: Player) -> _Account | None:
        with self._lock:
            account = self._accounts.get(player)
            if account is not None:
                self._accounts.move_to_end(player)
            return account

    def _open(self, player: Player, balance: Money, *, blocked: bool = False) -> _Account:
        book = Ledger().open(player[1], balance, Terms(blocked=blocked))
        account = _Account(book)
        with self._lock:
            self._accounts[player] = account
            self._accounts.move_to_end(player)
            while len(self._accounts) > PLAYERS_MAX:
                self._accounts.popitem(last=False)
        return account

    def _start_over(self, player: Player, balance: Money | None) -> None:
        """Go on from an answered balance; without one, from the next."""
        if balance is not None:
            self._open(player, balance)
            return
        with self._lock:
            self._accounts.pop(player, None)

    def _shorten(self, player: Player, account: _Account) -> None:
        if account.calls >= CALLS_MAX and not account.book.ambiguous:
            self._open(player, account.book.balances[0], blocked=account.book.terms.blocked)


def seen(sent: Call) -> Judgement:
    """A balance read that served to judge another call: only its own form is left to say."""
    forms, balance = form_findings(sent.reading), sent.reading.balance
    verdict = EntryVerdict.UNJUDGED if balance is None else _verdict(forms)
    return Judgement(verdict, sent.reading.outcome, balance, forms)


def _verdict(forms: tuple[PlayFinding, ...]) -> EntryVerdict:
    return EntryVerdict.NOTED if forms else EntryVerdict.RIGHT


# --- watch_findings -------------------------------------------------------------------------------
# What the ledger saw during play, by name: which mistake a balance shows, and whose, or that it is none.


class SuspectCall(Frozen):
    """A call whose effect a balance read has to tell. `possible`: its answer alone is not wrong.

    `before` and `expected` are the balances that the player may have had before it, and may have after it;
    `resent`: it went out before and was not answered.
    """

    player: Player
    request: WebhookRequest
    outcome: Outcome
    role: Role
    before: tuple[Money, ...]
    expected: tuple[Money, ...]
    stake: Money | None
    forms: tuple[PlayFinding, ...]
    possible: bool
    must_settle: bool
    resent: bool


def telling(suspect: SuspectCall, balance: Money) -> bool:
    """Whether a movement is one of those that mistakes of wallets make, and another hand hardly."""
    amount = suspect.request.amount or 0
    if suspect.role is Role.UNAFFORDABLE_BET and balance <= ZERO:
        return True
    moved = balance - suspect.before[0]
    return moved in (0, amount, -amount, 2 * amount, -2 * amount)


def situation_after(suspect: SuspectCall, balance: Money | None) -> Situation:
    """What this call did, when a read after it shows `balance`; None is a read that nobody answered."""
    amount, role, stake = suspect.request.amount, suspect.role, suspect.stake
    moved = None if balance is None else Money(balance - suspect.before[0])
    if suspect.resent and moved is not None and moved == 2 * (amount or 0):
        # The attempt that was not answered took effect, and this one did once more.
        role = _AGAIN.get(suspect.request.method, role)
    if role is Role.REFUND_OF_UNKNOWN and len(suspect.before) > 1 and moved == 0:
        # The bet that was not answered had been taken, and its stake is still gone.
        role, stake = Role.DUE_REFUND, amount
    return situation_of(role, suspect.outcome, amount, moved, stake)


_AGAIN = {Method.WIN: Role.REPEATED_WIN, Method.REFUND: Role.REPEATED_REFUND}


def blame(
    recent: Iterable[SuspectCall], expected: tuple[Money, ...], balance: Money, times: tuple[int, ...]
) -> PlayFinding | None:
    """The latest call that explains all of a wrong balance, if it took effect so many `times`."""
    for call in reversed(tuple(recent)):
        effect = call.expected[0] - call.before[0] if call.outcome is Outcome.ACCEPTED else 0
        moved = effect + balance - expected[0]
        if effect and moved in [effect * each for each in times]:
            situation = situation_of(call.role, call.outcome, call.request.amount, Money(moved), call.stake)
            about = f"{call.request.method.noun} {call.request.transaction_id}"
            return money_finding(situation, call.request.method, expected, balance, about)
    return None


def inactive(status: str | None) -> bool:
    """What `user_balance` says of the account, as JSON; no status, or a word for one, says nothing."""
    number = (status or "1").strip('"')
    return number == "false" or (number.isdecimal() and number != "1")


def form_findings(reading: Reading) -> tuple[PlayFinding, ...]:
    """How the reply is written, where it is not as documented."""
    return tuple(
        PlayFinding(each.rule, each.severity, f"form:{each.rule}:{each.form}", each.message)
        for each in reading.deviations
    )


def money_finding(
    situation: Situation, method: Method, expected: tuple[Money, ...], found: Money | None, about: str = ""
) -> PlayFinding:
    """Money that is not where it should be; `about` names the call where it is another one's doing."""
    words = words_of(situation)
    return PlayFinding(
        rule=rule_of(situation, (), method),
        severity=Severity.ERROR,
        cause=situation.value,
        message=words.title + (f" ({about})" if about else ""),
        why=words.why,
        expected=expected,
        found=found,
    )


def someone_else(expected: tuple[Money, ...], found: Money) -> PlayFinding:
    """The balance moved between our calls: not by itself a mistake."""
    situation = Situation.MONEY_FROM_NOWHERE
    by = format_change(Money(found - expected[0]))
    return PlayFinding(
        rule=rule_of(situation),
        severity=Severity.NOTE,
        cause=situation.value,
        message=f"someone else uses this player: the balance changed by {by} with nothing of ours in flight",
        why="the ledger goes on from the balance it read; with nobody else at it, money was lost or made",
        expected=expected,
        found=found,
    )


def not_active(status: str, expected: tuple[Money, ...], found: Money) -> PlayFinding:
    """A refused bet of an account that says it is not active."""
    situation = Situation.BLOCKED_PLAYER_WRONG
    return PlayFinding(
        rule=rule_of(situation, (), Method.BET),
        severity=Severity.NOTE,
        cause="account-not-active",
        message=f"the account is not active (status {status}), so its bets may be refused",
        expected=expected,
        found=found,
    )


# --- watched_book ---------------------------------------------------------------------------------
# What the ledger's eye on play asks of a player's book, and how it tells it of a call.


def observed(
    book: Book, player: Player, request: WebhookRequest, sent: Call, form: CallForm, *, resent: bool
) -> tuple[SuspectCall, bool]:
    """Tell the book of a call: what to look at if its answer does not suffice, and whether it does.

    Raises TooManyWorlds.
    """
    reading, before = sent.reading, book.balances
    expected, stake = _expected(book, request, form), _stake(book, request)
    judged = book.observe(request, form, reading.outcome, reading.balance, nothing_sent=sent.nothing_sent)
    suspect = SuspectCall(
        *(player, request, reading.outcome, judged.role, before, expected, stake, form_findings(reading)),
        possible=judged.possible,
        must_settle=reading.must_settle,
        resent=resent,
    )
    return suspect, judged.settled


def knows(book: Book, request: WebhookRequest) -> bool:
    """Whether the book has heard of that id; it has not if it was opened since."""
    methods = (Method.WIN,) if request.method is Method.WIN else (Method.BET, Method.REFUND)
    return request.transaction_id is None or any(
        _entries(book, method, request.transaction_id) for method in methods
    )


def in_doubt(book: Book, request: WebhookRequest) -> bool:
    """Whether the book reckons already with this very call having taken effect, unanswered or not."""
    if request.transaction_id is None:
        return False
    entries = _entries(book, request.method, request.transaction_id)
    return any(isinstance(entry, Applied | Pending) for entry in entries)


def _entries(book: Book, method: Method, transaction_id: str) -> list[Entry]:
    """What the book's worlds know of an id."""
    fact = book.fact(method, transaction_id)
    found = [world.delta.get((method, transaction_id)) for world in book.worlds]
    return [entry for entry in (fact, *found) if entry is not None]


def fits(book: Book, balance: Money) -> bool:
    """Whether some world has that balance; with too many of them nobody knows, and none is accused."""
    try:
        return book.read(balance)
    except TooManyWorlds:
        return True


def _expected(book: Book, request: WebhookRequest, form: CallForm) -> tuple[Money, ...]:
    found = {
        Money(world.balance + branch.moves)
        for world in book.worlds
        for branch in book.branches(world, request, form)
    }
    return tuple(sorted(found)) or book.balances


def _stake(book: Book, request: WebhookRequest) -> Money | None:
    if request.method is not Method.REFUND or request.transaction_id is None:
        return None
    bet = book.fact(Method.BET, request.transaction_id)
    return Money(bet.amount) if isinstance(bet, Applied) else None
