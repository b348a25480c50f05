"""What people send: a webhook put together by hand, one again, the refund of the last bet, what is owed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.core.findings import Outcome
from simulator.core.frozen import Frozen
from simulator.core.roles import CallForm
from simulator.core.webhooks import Method, WebhookRequest, WireRequest
from simulator.core.wire import write
from simulator.delivery.by_hand import webhook_by_hand
from simulator.delivery.clock import Clock
from simulator.delivery.deliverer import Delivered, Deliverer, Errand
from simulator.delivery.dispatcher import Dispatcher, errand_of
from simulator.delivery.journal import Journal
from simulator.delivery.journal_entry import Entry, Filter, Purpose
from simulator.delivery.obligations import Obligation, Obligations, State
from simulator.delivery.parties import Agent, GameSession
from simulator.delivery.round_driver import owed_refund
from simulator.delivery.trouble import Trouble
from simulator.delivery.wallet_turns import WalletTurns
from simulator.errors import UsageError


class HandDelivery(Frozen, kw_only=True):
    """Sends by hand, in the player's turn; for any threads.

    Every method raises NoWebhookUrl, PlayerBusy, DeliveryStopped and JournalUnusable, and UsageError for what
    it is asked in vain; those that take a session raise DemoSession.
    """

    turns: WalletTurns
    deliverer: Deliverer
    obligations: Obligations
    dispatcher: Dispatcher
    journal: Journal
    trouble: Trouble
    clock: Clock
    new_id: Callable[[], str]

    def refund_last_bet(self, session: GameSession) -> Delivered:
        """Send the refund of the session's last bet, and go on with it until answered."""
        with self.turns.of_session(session) as agent:
            last = self.obligations.last_round(agent.code, session.id)
            if last.stake is None:
                raise UsageError(f"session {session.id}: there is no bet yet that could be refunded")
            owed = self.obligations.owed_as(agent.code, Method.REFUND.value, last.bet_id)
            if owed is None:
                request = WebhookRequest(Method.REFUND, last.player, last.stake, last.bet_id)
                owed = owed_refund(
                    *(agent, session.id, request, last.game),
                    since_ms=last.began_ms,
                    due_ms=self.clock.now_ms(),
                )
                owed = self.obligations.add(owed)
            return self._deliver_owed(owed, agent)

    def send_last_again(self, session: GameSession) -> Delivered:
        """Send the session's last bet, win or refund again, same bytes."""
        wanted = Filter(agent=session.launch.agent.code, session=session.id)
        for entry in self.journal.latest(wanted):
            if Method(entry.method).moves_money:
                return self.resend(entry.number)
        raise UsageError(f"session {session.id}: there is no webhook of it yet that could be sent again")

    def resend(self, number: int) -> Delivered:
        """Send an exchange's request again, same bytes; an answer settles what was owed by it."""
        entry = self.journal.entry(number)
        if entry is None:
            raise UsageError(f"the journal has no exchange {number}, or has it no more")
        agent = self.turns.agent(entry.agent)
        with self.turns.of_player(agent, entry.player):
            owed = self.obligations.owed_as(agent.code, entry.method, entry.transaction_id)
            if owed is not None:
                return self._deliver_owed(owed, agent)
            return self.deliverer.deliver(self._errand_of(entry, agent))

    def deliver_again(self, obligation: int) -> Delivered:
        """Send something that is owed, given up or not."""
        owed = self.obligations.of(obligation)
        if owed is None:
            raise UsageError(f"nothing is owed under the number {obligation}, or not any more")
        agent = self.turns.agent(owed.agent)
        with self.turns.of_player(agent, owed.player):
            return self._deliver_owed(owed, agent)

    def fire(self, agent_code: str, fields: Mapping[str, object], session: str = "") -> Delivered:
        """Send one webhook, given by its fields in the reference's names; once, whatever becomes of it."""
        agent = self.turns.agent(agent_code)
        request = webhook_by_hand(fields, self.new_id())
        same = Filter(agent=agent_code, transaction_id=request.transaction_id or "")
        with self.turns.of_player(agent, request.player):
            errand = Errand(
                agent=agent,
                session=session,
                request=request,
                wire=write(request, agent.wire),
                purpose=Purpose.HAND,
                fresh=self.journal.count(same) == 0,
                form=CallForm.ODD,
            )
            return self.deliverer.deliver(errand)

    def _deliver_owed(self, owed: Obligation, agent: Agent) -> Delivered:
        """One attempt by hand. What was given up stays so without an answer; its ladder is over."""

        def settle(outcome: Outcome) -> None:
            if outcome is not Outcome.UNKNOWN or owed.state is State.HELD:
                self.dispatcher.settle(owed, outcome)
            elif owed.state is State.UNDELIVERED:
                self.obligations.attempted(owed.number, owed.attempts + 1, None)

        try:
            return self.deliverer.deliver(errand_of(owed, agent, Purpose.RESEND), settle)
        finally:
            self.obligations.release(owed.number, self.clock.now_ms())

    def _errand_of(self, entry: Entry, agent: Agent) -> Errand:
        method = Method(entry.method)
        request = WebhookRequest(
            *(method, entry.player, entry.amount, entry.transaction_id or None, entry.game or None)
        )
        same = Filter(agent=entry.agent, method=entry.method, transaction_id=entry.transaction_id)
        return Errand(
            agent=agent,
            session=entry.session,
            request=request,
            wire=WireRequest(entry.request_body, entry.content_type, headers=agent.wire.headers),
            purpose=Purpose.RESEND,
            fresh=False,
            attempt=self.journal.count(same) + 1 if entry.transaction_id else 1,
            fault=self.trouble.take_fault(entry.session, method),
        )
