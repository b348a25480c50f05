"""Drive one round: send the calls of its flow, and write its obligations before each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.core.calls import FaultSpec
from simulator.core.findings import Outcome
from simulator.core.money import ZERO, Money
from simulator.core.rounds import Ask, Ending, RoundPlan, Spin, play_round
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest
from simulator.serve.calls import CalledAgent, Delivered, Deliverer, SessionCall, unsent
from simulator.serve.clock import Clock, Ladder
from simulator.serve.entries import Purpose
from simulator.serve.obligations import Obligation, Obligations, State
from simulator.wire.writing import OpenRound, write


class RoundResult(Frozen, kw_only=True):
    """The result of a round so far.

    `outcome` is that of the bet. `win` is 0.00 unless the bet was accepted. `balance` is the last one in an
    answer. `pending`: a win or a refund is retried in the background. `refunded`: the bet is being refunded.
    `problem` is why there was no answer, or the wallet's reason for its refusal. `win_id` is that of the win,
    `win_outcome` its outcome, None if none was sent. `numbers` are the exchanges in the journal.
    """

    round: int
    bet_id: str
    stake: Money
    spin: Spin
    outcome: Outcome
    win: Money
    balance: Money | None
    pending: bool
    refunded: bool
    problem: str
    win_id: str
    win_outcome: Outcome | None
    numbers: tuple[int, ...]


@dataclass(slots=True)
class RoundDriver:
    """One round of a player whose turn the caller has. `stopping` is checked before later calls."""

    deliverer: Deliverer
    obligations: Obligations
    ladder: Ladder
    agent: CalledAgent
    session: str
    clock: Clock
    began_ms: int
    fault: Callable[[Method], FaultSpec | None]
    stopping: Callable[[], bool]
    demo: bool = False
    _next: Ask | None = None
    _ending: Ending | None = None
    _made: list[Delivered] = field(default_factory=list)

    def play(self, plan: RoundPlan, played: int, spin: Spin) -> RoundResult:
        """Play it. The bet's refund is owed before the bet goes out, its win as soon as it is accepted."""
        flow = play_round(plan)
        number = self.obligations.begin_round(self._refund_of(plan), played)

        def settle(outcome: Outcome) -> None:
            try:
                self._next = flow.send(outcome)
            except StopIteration as end:
                self._next, self._ending = None, end.value
                self.obligations.settle(number)
                return
            if self._next.attempt > 1:
                self.later(number)
                self._next = None
            elif self._next.request.method is Method.WIN:
                win = self._next.request
                self.obligations.become_win(number, win, write(win, self.agent.wire, open_round=_of(plan)))

        try:
            self._next = next(flow)
            while self._next is not None and not (self._made and self.stopping()):
                self._made.append(
                    self.deliverer.deliver(
                        self._call(self._next, plan, fresh=self._next.request.method is not Method.REFUND),
                        settle,
                    )
                )
        finally:
            flow.close()
            # Only a round that was cut short leaves something for the dispatcher.
            self.obligations.release(number, self.began_ms)
        return self._result(plan, played, spin, self._made[0])

    def refund_then_bet(self, plan: RoundPlan, played: int, spin: Spin) -> RoundResult:
        """Send the refund before its bet, as a bad network does; the round is refunded in any case."""
        refund, bet = self._refund_of(plan), next(play_round(plan))
        number = self.obligations.begin_round(refund, played)

        def settle(outcome: Outcome) -> None:
            if outcome is Outcome.UNKNOWN:
                self.later(number)
            else:
                self.obligations.settle(number)

        try:
            self._made.append(
                self.deliverer.deliver(self._call(Ask(refund.request), plan, fresh=True), settle)
            )
        finally:
            self.obligations.release(number, self.began_ms)
        self._made.append(self.deliverer.deliver(self._call(bet, plan, fresh=False)))
        self._ending = Ending.REFUNDED
        return self._result(plan, played, spin, self._made[1])

    def win_then_bet(self, plan: RoundPlan, played: int, spin: Spin) -> RoundResult:
        """Send the win before its bet, as a bad network does; a win without an answer goes on, as always."""
        assert plan.win is not None
        win = WebhookRequest(Method.WIN, plan.player, plan.win, plan.win_id, plan.game)
        bet = next(play_round(plan))
        number = self.obligations.begin_round(self._refund_of(plan), played)
        self.obligations.become_win(number, win, write(win, self.agent.wire, open_round=_of(plan)))

        def settle(outcome: Outcome) -> None:
            if outcome is Outcome.UNKNOWN:
                self.later(number)
            else:
                self.obligations.settle(number)

        try:
            first = self.deliverer.deliver(self._call(Ask(win), plan, fresh=True), settle)
        finally:
            self.obligations.release(number, self.began_ms)
        second = self.deliverer.deliver(self._call(bet, plan, fresh=True))
        if second.outcome is Outcome.UNKNOWN:
            # A bet without an answer is refunded, as in any other round.
            owed = self.obligations.add(self._refund_of(plan))
            self.obligations.release(owed.number, self.began_ms)
        self._made += [first, second]
        self._ending = None if first.outcome is Outcome.UNKNOWN else Ending.PAID
        return self._result(plan, played, spin, second)

    def later(self, number: int) -> None:
        """Leave a call without an answer to the retry ladder."""
        if self.stopping():
            return  # we may have cut it short ourselves: no attempt
        wait_ms = self.ladder.wait_ms(1)
        next_ms = None if wait_ms is None else self.clock.now_ms() + wait_ms
        self.obligations.attempted(number, 1, next_ms)

    def _refund_of(self, plan: RoundPlan) -> Obligation:
        request = WebhookRequest(Method.REFUND, plan.player, plan.stake, plan.bet_id)
        return owed_refund(
            self.agent, self.session, request, plan.game, since_ms=self.began_ms, due_ms=self.began_ms
        )

    def _call(self, ask: Ask, plan: RoundPlan, *, fresh: bool) -> SessionCall:
        request, fault = ask.request, self.fault(ask.request.method)
        wire = write(request, self.agent.wire, open_round=_of(plan))
        call = unsent(self.agent, request, Purpose.ROUND, wire=wire, fresh=fresh, fault=fault)
        return SessionCall(
            agent=self.agent, session=self.session, unsent=call, attempt=ask.attempt, demo=self.demo
        )

    def _result(self, plan: RoundPlan, played: int, spin: Spin, bet: Delivered) -> RoundResult:
        problems = [made.problem for made in self._made if made.problem]
        balances = [made.balance for made in self._made if made.balance is not None]
        wins = [made.outcome for made in self._made if made.sent.request.method is Method.WIN]
        accepted = bet.outcome is Outcome.ACCEPTED and self._ending is not Ending.REFUNDED
        return RoundResult(
            round=played,
            bet_id=plan.bet_id,
            stake=plan.stake,
            spin=spin,
            outcome=bet.outcome,
            win=plan.win if accepted and plan.win is not None else ZERO,
            balance=balances[-1] if balances else None,
            pending=self._ending is None,
            refunded=bet.outcome is Outcome.UNKNOWN or self._ending is Ending.REFUNDED,
            problem=problems[0] if problems else "",
            win_id=plan.win_id,
            win_outcome=wins[-1] if wins else None,
            numbers=tuple(number for made in self._made for number in made.numbers),
        )


def owed_refund(
    agent: CalledAgent, session: str, request: WebhookRequest, game: str, *, since_ms: int, due_ms: int
) -> Obligation:
    """Return a refund as an obligation that its round holds."""
    assert request.transaction_id is not None
    assert request.amount is not None
    wire = write(request, agent.wire, open_round=OpenRound(request.transaction_id, request.amount, game))
    return Obligation(
        state=State.HELD,
        due_ms=due_ms,
        since_ms=since_ms,
        attempts=0,
        agent=agent.code,
        session=session,
        player=request.player,
        method=Method.REFUND,
        transaction_id=request.transaction_id,
        game=game,
        amount=request.amount,
        content_type=wire.content_type,
        body=wire.body,
    )


def _of(plan: RoundPlan) -> OpenRound:
    return OpenRound(plan.bet_id, plan.stake, plan.game)
