"""Drives the referee in tests: a wallet in memory that can be wrong, and reads that can lag or be missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.core.calls import Call, CallForm, Operation, Reading, Why, recorded_call
from simulator.core.findings import Finding, Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.judge.findings import Findings
from simulator.judge.referee import Referee
from simulator.judge.rulings import Asking, PlayerStanding, Policy, ReadBalance, Ruling

GAME = "SLOT_001"


def answered(
    request: WebhookRequest,
    outcome: Outcome,
    balance: Money | None = None,
    form: CallForm = CallForm.CANONICAL,
    *,
    fresh: bool = True,
    number: int = 0,
    **reading: Any,
) -> Call:
    """Return a call of which only that is known."""
    why = Why(None, "", fresh=fresh)
    return recorded_call(request, Reading(outcome, balance, **reading), why, form, number=number)


@dataclass
class MemoryWallet:
    """A right wallet in cents; tests break it by overriding a method or moving `balance` themselves."""

    balance: int = 1000_00
    bets: dict[str, int] = field(default_factory=dict)
    wins: dict[str, int] = field(default_factory=dict)
    refunds: dict[str, int] = field(default_factory=dict)

    def call(self, request: WebhookRequest) -> Money | None:
        """Answer with the balance, or None for a refusal."""
        assert request.transaction_id is not None
        amount = request.amount or 0
        act = {Method.BET: self.bet, Method.WIN: self.win, Method.REFUND: self.refund}[request.method]
        return Money(self.balance) if act(request.transaction_id, amount) else None

    def bet(self, id_: str, amount: int) -> bool:
        """Take a bet once, and not after its refund."""
        if id_ in self.bets or id_ in self.refunds:
            return True
        if amount > self.balance:
            return False
        self.bets[id_] = amount
        self.balance -= amount
        return True

    def win(self, id_: str, amount: int) -> bool:
        """Credit a win once."""
        if id_ not in self.wins:
            self.wins[id_] = amount
            self.balance += amount
        return True

    def refund(self, id_: str, amount: int) -> bool:  # noqa: ARG002  # for overriding
        """Give a stake back once."""
        if id_ not in self.refunds:
            self.refunds[id_] = self.bets.get(id_, 0)
            self.balance += self.refunds[id_]
        return True


@dataclass
class Driver:
    """One player whose calls go to a wallet and then to the referee.

    Without `reads` it has none to give; `lag` makes an older balance of the one that a read would show.
    `odd`: accepted answers carry no clear status, with `word` a word for success; `mute`: nor do refusals,
    which show the balance alone.
    `record` has a line for each call and each read.
    """

    wallet: MemoryWallet
    policy: Policy = field(default_factory=Policy)
    player: str = "p1"
    reads: bool = True
    odd: bool = False
    word: bool = False
    mute: bool = False
    lag: Callable[[int], int] | None = None
    findings: list[Finding] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        self.referee = Referee(Findings(), self.policy)
        self.record: list[Operation] = []
        self.opening = Money(self.wallet.balance)
        self.referee.open(self.player, Money(self.wallet.balance))

    def bet(self, amount: int, id_: str, *, lost: bool = False) -> Ruling:
        """Send a bet."""
        return self.send(WebhookRequest(Method.BET, self.player, Money(amount), id_, GAME), lost=lost)

    def win(self, amount: int, id_: str, *, lost: bool = False) -> Ruling:
        """Send a win."""
        return self.send(WebhookRequest(Method.WIN, self.player, Money(amount), id_, GAME), lost=lost)

    def refund(self, amount: int, id_: str, *, lost: bool = False) -> Ruling:
        """Send a refund."""
        return self.send(WebhookRequest(Method.REFUND, self.player, Money(amount), id_), lost=lost)

    def send(
        self, request: WebhookRequest, *, lost: bool = False, form: CallForm = CallForm.CANONICAL
    ) -> Ruling:
        """Call the wallet and judge; of a lost call nobody hears the answer."""
        self.number += 1
        answer = self.wallet.call(request)
        outcome = Outcome.REFUSED if answer is None else Outcome.ACCEPTED
        if lost:
            call = answered(request, Outcome.UNKNOWN, form=form, number=self.number)
        elif (self.odd and answer is not None) or self.mute:
            shown = Money(self.wallet.balance) if answer is None else answer
            says_yes = self.word and answer is not None
            call = answered(
                request, Outcome.UNKNOWN, shown, form, number=self.number, must_settle=True, says_yes=says_yes
            )
        else:
            call = answered(request, outcome, answer, form, number=self.number)
        self._keep(call)
        return self.judge(self.referee.call(call))

    def read(self) -> Ruling:
        """Read the balance for its own sake."""
        return self.judge(self.referee.read(self.shown()))

    def judge(self, asking: Asking) -> Ruling:
        """Give the referee the reads it asks for, and keep what it found."""
        try:
            wanted = next(asking)
            while True:
                assert isinstance(wanted, ReadBalance)
                wanted = asking.send(self._answer(wanted) if self.reads else None)
        except StopIteration as ended:
            ruling: Ruling = ended.value
        self.findings.extend(ruling.findings)
        return ruling

    def _answer(self, wanted: ReadBalance) -> Call:
        if wanted.until and self.wallet.balance in wanted.until:
            # Patience is rewarded: whatever lagged has caught up.
            return self.shown(lagging=False)
        return self.shown()

    def shown(self, *, lagging: bool = True) -> Call:
        """Return what a balance read shows now."""
        balance = self.wallet.balance if self.lag is None or not lagging else self.lag(self.wallet.balance)
        request = WebhookRequest(Method.BALANCE, self.player)
        read = answered(request, Outcome.ACCEPTED, Money(balance), account_status="1")
        self._keep(read)
        return read

    def _keep(self, call: Call) -> None:
        """Record a call as a line of a history, one after the other."""
        request, index = call.request, len(self.record)
        self.record.append(
            Operation(
                index=index,
                player=request.player,
                method=request.method,
                transaction_id=request.transaction_id,
                amount=request.amount,
                game_id=request.game_id,
                sent_ns=10 * index,
                answered_ns=None
                if call.outcome is Outcome.UNKNOWN and not call.reading.must_settle
                else 10 * index + 5,
                outcome=call.outcome,
                balance=call.balance,
                form=call.form.kind,
                says_yes=call.reading.says_yes,
            )
        )

    @property
    def causes(self) -> list[str]:
        """The causes that were found, in order."""
        return [finding.cause for finding in self.findings]

    @property
    def standing(self) -> PlayerStanding:
        """Where the player stands."""
        found = self.referee.standing(self.player)
        assert found is not None
        return found
