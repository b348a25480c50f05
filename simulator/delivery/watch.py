"""The ledger's eye on play: what it says of each exchange, a book a player, opened at a balance read.

It judges calls of one player one after another, which the player's queue sees to. Whether a call is made at
all is not its business; where only a balance read can tell, it says so, and is told what was read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from simulator.core.findings import Outcome, Severity
from simulator.core.frozen import Frozen
from simulator.core.ledger import Book, Ledger, Terms, TooManyWorlds
from simulator.core.money import Money
from simulator.core.roles import CallForm, Role
from simulator.core.webhooks import Method, WebhookRequest
from simulator.delivery.journal_entry import PlayFinding, Verdict
from simulator.delivery.player_queues import Player
from simulator.delivery.wallet_calls import Sent
from simulator.delivery.watch_findings import (
    Suspect,
    blame,
    form_findings,
    inactive,
    money_finding,
    not_active,
    situation_after,
    someone_else,
    telling,
)
from simulator.delivery.watched_book import fits, in_doubt, knows, observed

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

    verdict: Verdict
    outcome: Outcome
    expected: Money | None = None
    findings: tuple[PlayFinding, ...] = ()
    suspect: Suspect | None = None


@dataclass(slots=True)
class _Account:
    """One player's book. `doubted` after a change that nobody could explain."""

    book: Book
    calls: int = 0
    unanswered: int = 0
    doubted: bool = False
    recent: deque[Suspect] = field(default_factory=lambda: deque(maxlen=_RECENT_MAX))


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

    def read(self, player: Player, sent: Sent) -> Judgement:
        """Judge a balance read with nothing of ours in flight; a player without a book gets one."""
        reading = sent.reading
        forms = form_findings(reading)
        balance = reading.balance
        if balance is None:
            return Judgement(Verdict.UNJUDGED, reading.outcome, None, forms)
        account = self._account(player)
        blocked = inactive(reading.account_status)
        if account is not None and not fits(account.book, balance):
            expected = account.book.balances
            finding = blame(account.recent, expected, balance, (0, 2)) or someone_else(expected, balance)
            self._open(player, balance, blocked=blocked)
            verdict = Verdict.WRONG if finding.severity is Severity.ERROR else Verdict.NOTED
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
        sent: Sent,
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
            return Judgement(Verdict.UNJUDGED, reading.outcome, None, forms)
        if reading.outcome is Outcome.UNKNOWN and not reading.must_settle and in_doubt(account.book, request):
            # One more attempt without an answer tells nothing that the first one did not.
            return Judgement(Verdict.OPEN, reading.outcome, None, forms)
        try:
            suspect, settled = observed(account.book, player, request, sent, form, resent=attempt > 1)
        except TooManyWorlds:
            self._start_over(player, None)
            return Judgement(Verdict.UNJUDGED, reading.outcome, None, forms)
        account.calls += 1
        if not suspect.possible:
            return Judgement(Verdict.OPEN, reading.outcome, None, forms, suspect)
        account.recent.append(suspect)
        now = None if account.book.ambiguous else account.book.balances[0]
        if reading.outcome is Outcome.UNKNOWN and reading.must_settle:
            return Judgement(Verdict.OPEN, reading.outcome, now, forms, suspect)
        if reading.outcome is Outcome.UNKNOWN:
            account.unanswered += 1
            if account.unanswered >= UNANSWERED_MAX:
                self._start_over(player, now)
            return Judgement(Verdict.OPEN, reading.outcome, now, forms)
        if settled and suspect.role in _PLAIN:
            account.doubted = False
            self._shorten(player, account)
            return Judgement(_verdict(forms), reading.outcome, now, forms)
        return Judgement(_verdict(forms), reading.outcome, now, forms, suspect)

    def explain(self, suspect: Suspect, sent: Sent, *, last: bool) -> Judgement | None:
        """The last word on a suspect, by a balance read after it; None asks for one more read.

        Without a readable balance the answer alone decides.
        """
        balance, account = sent.reading.balance, self._account(suspect.player)
        if balance is None:
            return self._unread(suspect)
        if account is None:
            self._open(suspect.player, balance)
            return Judgement(Verdict.UNJUDGED, suspect.outcome, balance, suspect.forms)
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

    def _accuse(self, suspect: Suspect, account: _Account, balance: Money, status: str | None) -> Judgement:
        moved = Money(balance - suspect.before[0])
        refused_bet = suspect.outcome is Outcome.REFUSED and suspect.request.method is Method.BET
        blocked = inactive(status)
        if refused_bet and not moved and blocked:
            self._open(suspect.player, balance, blocked=True)
            finding = not_active(str(status), (balance,), balance)
            return Judgement(Verdict.NOTED, suspect.outcome, balance, (*suspect.forms, finding))
        doubted = account.doubted
        opened = self._open(suspect.player, balance, blocked=blocked)
        if suspect.request.method is Method.BET and not telling(suspect, balance) and not doubted:
            # Once may be another's hand between two of our rounds; twice in a row is the wallet.
            opened.doubted = True
            finding = someone_else(suspect.expected, balance)
            return Judgement(Verdict.NOTED, suspect.outcome, balance, (*suspect.forms, finding))
        shown = None if telling(suspect, balance) else blame(account.recent, suspect.expected, balance, (0,))
        shown = shown or money_finding(
            situation_after(suspect, balance), suspect.request.method, suspect.expected, balance
        )
        return Judgement(Verdict.WRONG, suspect.outcome, suspect.expected[0], (*suspect.forms, shown))

    def _unread(self, suspect: Suspect) -> Judgement:
        if suspect.possible:
            return Judgement(Verdict.OPEN, suspect.outcome, None, suspect.forms)
        self._start_over(suspect.player, None)
        situation = situation_after(suspect, None)
        finding = money_finding(situation, suspect.request.method, suspect.expected, None)
        return Judgement(Verdict.WRONG, suspect.outcome, None, (*suspect.forms, finding))

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


def seen(sent: Sent) -> Judgement:
    """A balance read that served to judge another call: only its own form is left to say."""
    forms, balance = form_findings(sent.reading), sent.reading.balance
    verdict = Verdict.UNJUDGED if balance is None else _verdict(forms)
    return Judgement(verdict, sent.reading.outcome, balance, forms)


def _verdict(forms: tuple[PlayFinding, ...]) -> Verdict:
    return Verdict.NOTED if forms else Verdict.RIGHT
