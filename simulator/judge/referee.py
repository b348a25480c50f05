"""Judge each call in turn against what a right wallet would have done.

The referee does no I/O. `Referee.call` is a generator that yields the balance reads it wants and receives
each with its answer. Its driver makes them: a run, the server, or the lines of a file. A driver without a
read sends None, and the answer alone decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Sequence
from dataclasses import replace

from simulator.core.calls import Call, CallForm, KnownAs, Operation
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.money import CENT, ZERO, Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.judge.account import Account, Accounts, Traffic
from simulator.judge.bursts import BurstJudging
from simulator.judge.findings import Findings, MoneyFacts
from simulator.judge.judging import Judging
from simulator.judge.rulings import (
    NO_ANSWER,
    NOT_OPENED,
    UNREADABLE,
    Asking,
    LeftOff,
    PlayerStanding,
    Policy,
    ReadBalance,
    Reads,
    Ruling,
)
from simulator.law.book import Book, Ledger, Terms
from simulator.law.likeness import resembles
from simulator.law.situations import Situation


class Referee:
    """Judges calls, player by player; the players of one referee share their transaction ids.

    `findings` makes the findings. `mistakes` counts what single calls have shown, and `traffic` keeps the
    latest calls; referees of the same wallet may share both.
    """

    def __init__(
        self,
        findings: Findings,
        policy: Policy | None = None,
        mistakes: Counter[Situation] | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self.findings = findings
        self.policy = policy or Policy()
        self._mistakes = Counter() if mistakes is None else mistakes
        self._traffic = traffic or Traffic()
        self._accounts = self._no_accounts()

    @property
    def ledger(self) -> Ledger:
        """Return the books of all players."""
        return self._accounts.ledger

    # --- asking ------------------------------------------------------------------------------------

    def standing(self, player: str) -> PlayerStanding | None:
        """Return what the law says, what the wallet shows and the difference; None for an unknown player."""
        account = self._accounts.get(player)
        return None if account is None or account.lost else account.standing

    def balances(self, player: str) -> tuple[Money, ...]:
        """Return the balances that a right wallet may show now, from its present state."""
        account = self._accounts.get(player)
        return () if account is None or account.lost else account.book.balances

    def lost(self, player: str) -> str:
        """Return why the balance of a player is not known any more; nothing while it is."""
        account = self._accounts.get(player)
        return "" if account is None else account.lost

    def difference(self, player: str) -> Money:
        """Return what a player's wallet has too much, whether its balance is known now or not."""
        return self._accounts.difference(player)

    def knows(self, player: str) -> bool:
        """Return whether the player has an account whose balance is known."""
        account = self._accounts.get(player)
        return account is not None and not account.lost

    def needs_read_before(self, player: str, request: WebhookRequest | None, form: CallForm) -> bool:
        """Return whether only a read can tell what a call will do from what those before it have done.

        Their answers were right, and yet a wallet may not have done what they say. A bet or a win shows that
        as well as a read; after any other call, a wrong balance may be its own. `request` is None for several
        calls at once.
        """
        account = self._accounts.get(player)
        if account is None or account.lost or self.policy.reads is Reads.NEVER:
            return False
        book = account.book
        if book.ambiguous or not account.unconfirmed:
            return False
        # The cheap question first: most calls are plain.
        asked = None if request is None or request.method is Method.REFUND else request
        if asked is not None and book.role(asked, form).row.is_plain:
            return False
        return any(made.effect(book) for made in account.unconfirmed)

    def shown_before(self, player: str) -> Money | None:
        """Return the balance of the last answers, if the account goes on from a read that contradicts it."""
        account = self._accounts.get(player)
        return None if account is None or account.lost else account.shown_before

    # --- telling -----------------------------------------------------------------------------------

    def open(
        self, player: str, balance: Money, terms: Terms | None = None, shown_before: Money | None = None
    ) -> Book:
        """Begin a player's account at a balance.

        `shown_before` is the balance that the wallet showed earlier, if it differs: the first answer shows
        which of the two was wrong.
        """
        return self._accounts.open(player, balance, terms, shown_before)

    def carry_over(self, player: str, before: LeftOff) -> None:
        """Let a player's account, when it is opened, go on with what is known from before."""
        self._accounts.carry_over(player, before)

    def restarted(self) -> None:
        """Note that the wallet was restarted: what that did to a balance is no mistake of an earlier call,
        unless it is that one call which is missing.
        """
        self._accounts.restarted()

    def forget(self) -> None:
        """Close all accounts."""
        self._accounts = self._no_accounts()

    def _no_accounts(self) -> Accounts:
        policy = self.policy
        return Accounts(policy.players_max, self._traffic, calls_kept_max=policy.calls_kept_max)

    def call(self, call: Call) -> Asking:
        """Judge one bet, win or refund."""
        self._traffic.note(call.request, call.exchange.sent_ns, call.exchange.answered_ns)
        account = self._accounts.get(call.request.player)
        if call.why.account is KnownAs.UNKNOWN and (account is None or account.book.terms.exists):
            return (yield from self._of_unknown(call, account))
        if account is None or account.lost:
            return (yield from self._without_account(call, account))
        terms = account.book.terms
        known = account.book.terms = _known_terms(call, terms)
        ruling = yield from self._of_known(call, account)
        if account.book.terms is known:
            account.book.terms = terms
        return ruling

    def _of_known(self, call: Call, account: Account) -> Asking:
        """Judge a call of a player whose balance is known."""
        ruling = yield from self._case(call).money(account)
        self._accounts.note_call()
        limit = self.policy.calls_max
        if limit is not None and account.calls >= limit and not account.book.ambiguous:
            self.open(account.player, account.book.balances[0], account.book.terms)
        return ruling

    def read(self, call: Call) -> Asking:
        """Judge a balance read with nothing in flight, made for its own sake."""
        account = self._accounts.get(call.request.player)
        if account is not None and not account.book.terms.exists:
            account = None
        if account is None or account.lost:
            return self._first_read(call, account)
        if call.balance is None and not self.policy.own_players:
            return Ruling(CallVerdict.UNJUDGED, call.outcome, reason=UNREADABLE)
        return (yield from self._case(call).own_read(account))

    def burst(self, player: str, calls: Sequence[Operation], at: Call) -> Asking:
        """Judge one player's calls that overlapped, as a concurrent history. The account must be open.

        `at` is the call at which findings are reported.
        """
        account = self._accounts.get(player)
        assert account is not None
        for each in calls:
            self._traffic.note_sent(each.request)
        case = BurstJudging(self.findings, self.policy, self._accounts, at, self._mistakes)
        return (yield from case.burst(account, calls))

    def hostile(self, call: Call, players: Iterable[str]) -> Asking:
        """Judge bytes that are no webhook: whatever the answer, no player's balance moves."""
        accounts = [self._accounts.get(player) for player in players]
        return (yield from self._case(call).hostile(each for each in accounts if each is not None))

    def opening(
        self, read: Call, shown: Money | None, past: Collection[Money] = ()
    ) -> Generator[ReadBalance, Call | None, tuple[Money | None, Ruling]]:
        """Return the balance to open an account at, from the first read; None if that shows none.

        A read that differs from what the wallet showed last is looked at again. If it stays it is believed,
        until the next answer contradicts it (see `open`). `past` are older balances of the player, which a
        read that lags may show.
        """
        return (yield from self._case(read).opening(shown, past))

    # --- inside ------------------------------------------------------------------------------------

    def _case(self, call: Call) -> Judging:
        return Judging(self.findings, self.policy, self._accounts, call, self._mistakes)

    def _without_account(self, call: Call, account: Account | None) -> Asking:
        """Return what can be said of a call for a player whose balance is not known."""
        if call.reading.must_settle and not self.policy.own_players:
            read = yield ReadBalance(call.request.player)
            if read is not None and read.balance == call.balance:
                call = call.settled(Outcome.ACCEPTED)
        accepted = call.outcome is Outcome.ACCEPTED
        if self.policy.own_players and account is None:
            if not accepted:
                return Ruling(CallVerdict.RIGHT, call.outcome)
            return (yield from self._stranger(call))
        # An account that is opened again has lost nothing any more.
        reason = account.lost if account is not None else NOT_OPENED
        if accepted and call.balance is not None:
            self.open(call.request.player, call.balance)
            opened = self._accounts.get(call.request.player)
            if opened is not None and opened.late is not None:
                opened.late.note_settled(call.request)
        return Ruling(CallVerdict.UNJUDGED, call.outcome, reason=reason)

    def _of_unknown(self, call: Call, account: Account | None) -> Asking:
        """Judge a call for a player who does not exist, as its sender knows: it must not be accepted."""
        if call.outcome is not Outcome.ACCEPTED:
            unclear = call.outcome is Outcome.UNKNOWN
            verdict = CallVerdict.OPEN if unclear else CallVerdict.RIGHT
            return Ruling(verdict, call.outcome, reason=NO_ANSWER if unclear else "")
        if account is not None and call.balance is not None:
            account.follow(call.balance)
        return (yield from self._stranger(call))

    def _stranger(self, call: Call) -> Asking:
        player, method = call.request.player, call.request.method
        facts = MoneyFacts(player, (), call.balance)
        situation = Situation.UNKNOWN_PLAYER_ACCEPTED
        for known in tuple(self.ledger.books):
            account = self._accounts.get(known) if resembles(player, known) else None
            # An account that was opened for the id has a balance of its own.
            if account is None or not _may_be_of(account, call):
                continue
            if call.balance in (ZERO, call.request.amount):
                # A new account begins at 0.00, and the player may have that, too.
                read = yield ReadBalance(known)
                if read is not None and read.balance not in (None, call.balance):
                    continue
            situation = Situation.SAME_PLAYER_ID
            if call.balance is not None:
                account.follow(call.balance)
        finding = self.findings.money(situation, call, facts, method)
        return Ruling(CallVerdict.WRONG, call.outcome, None, (finding,), frozenset({player}))

    def _first_read(self, call: Call, account: Account | None) -> Ruling:
        """Return what can be said of a read for a player whose balance is not known; it is, from here on."""
        call = call.for_unknown_player
        if call.why.account is KnownAs.UNKNOWN or (self.policy.own_players and account is None):
            if call.outcome is not Outcome.ACCEPTED:
                return Ruling(CallVerdict.RIGHT, call.outcome)
            finding = self.findings.mild(Situation.UNKNOWN_PLAYER_ACCEPTED, call, call.request.method)
            return Ruling(CallVerdict.NOTED, call.outcome, None, (finding,))
        if call.balance is None:
            return Ruling(CallVerdict.UNJUDGED, call.outcome, reason=UNREADABLE)
        self.open(call.request.player, call.balance, Terms(blocked=call.reading.inactive))
        return Ruling(CallVerdict.RIGHT, call.outcome, call.balance)


def _may_be_of(account: Account, call: Call) -> bool:
    """Return whether the balance in an answer may be that of the account, moved by the call or not."""
    moved = call.request.amount or ZERO
    balances = account.book.balances
    return call.balance is None or any(call.balance in (b, b + moved, b - moved) for b in balances)


def _known_terms(call: Call, terms: Terms) -> Terms:
    """Return the terms for one call: its sender may know that the account is blocked, or the bet barred."""
    amount = call.request.amount
    if call.why.account is KnownAs.BLOCKED and not terms.blocked:
        return replace(terms, blocked=True)
    if call.why.account is KnownAs.LIMITED and amount is not None:
        return replace(terms, max_bet=Money(amount - CENT))
    return terms
