"""Play rounds against wallets, and keep what is still to be delivered.

Play page, control API and console use this one object. DEMO sessions are refused: play money never reaches a
wallet.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import field, replace
from itertools import count

from simulator.core import json as exact_json
from simulator.core.findings import Outcome
from simulator.core.money import ZERO, Money, format_money
from simulator.core.profiles import WireProfile
from simulator.core.rounds import VOLATILITIES, RoundPlan, Spin, spin
from simulator.core.values import Frozen
from simulator.core.webhooks import IdFormat, Method, Reply, WebhookRequest
from simulator.errors import UsageError
from simulator.serve.by_hand import HandDelivery, RoundTrouble, Trouble
from simulator.serve.calls import (
    CalledAgent,
    Delivered,
    Deliverer,
    GameSession,
    SessionCall,
    WalletCalls,
    is_demo,
    unsent,
)
from simulator.serve.causes import SeenCauses
from simulator.serve.clock import Clock, Ladder
from simulator.serve.dispatcher import Dispatcher
from simulator.serve.entries import Purpose
from simulator.serve.journal import Journal
from simulator.serve.obligations import Obligation, Obligations, State
from simulator.serve.referees import Referees
from simulator.serve.rounds import RoundDriver, RoundResult
from simulator.serve.store import JournalStore
from simulator.serve.turns import PlayerQueues, WalletTurns

STOP_ROUNDS, STOP_ROUND_S = 15, 0.05

STAKE_MAX = Money(1_000_000_00)

UNIT = Money(1_00)


class WalletCounts(Frozen):
    """How many calls were sent to wallets, by the kind of their session. `demo` must be 0."""

    charged: int
    demo: int


class RoundDelivery:
    """Plays rounds against the wallets of agents; thread-safe. `start` comes first, `stop` last.

    `find_agent` returns the present agent with a code. `run` is the random part of transaction ids, so that
    no two runs share one. `games` are those that wallets know. `by_hand` sends calls on request, `trouble`
    injects faults.
    """

    def __init__(
        self,
        store: JournalStore,
        journal: Journal,
        clock: Clock,
        ladder: Ladder,
        find_agent: Callable[[str], CalledAgent | None],
        *,
        seed: int,
        run: str = "",
        games: Collection[str] = (),
        id_format: IdFormat | None = None,
    ) -> None:
        self.clock = clock
        self.journal = journal
        self.causes = SeenCauses(store, journal)
        self.trouble = Trouble()
        self.referees = Referees(journal.left_off)
        self._seed = seed
        self._run = run or secrets.token_hex(5)
        self._ids = count(1)
        self._id_format = id_format or IdFormat()
        # The dispatcher needs the objects that are built on the calls.
        self._calls = WalletCalls(lambda: self._dispatcher.wake())
        self._queues = PlayerQueues()
        self._obligations = Obligations(store)
        self._deliverer = Deliverer(self._calls, journal, self.referees, clock, self._queues.free_turn)
        self._dispatcher = Dispatcher(
            self._deliverer, self._calls.is_away, self._obligations, self._queues, clock, ladder, find_agent
        )
        self._turns = WalletTurns(self._queues, find_agent, self._dispatcher.wake)
        self.by_hand = HandDelivery(
            turns=self._turns,
            deliverer=self._deliverer,
            obligations=self._obligations,
            dispatcher=self._dispatcher,
            journal=journal,
            trouble=self.trouble,
            clock=clock,
            new_id=lambda: self._new_id("hand"),
            games=games,
        )

    @property
    def ladder(self) -> Ladder:
        """Return the waits between attempts; new ones apply from the next attempt on."""
        return self._dispatcher.ladder

    @ladder.setter
    def ladder(self, ladder: Ladder) -> None:
        self._dispatcher.ladder = ladder

    def start(self) -> None:
        """Deliver what is owed from before, and what will be."""
        self._dispatcher.start()

    def stop(self) -> None:
        """Cut calls short and send nothing more; what is owed stays written down. Within two seconds."""
        self._turns.stopping.set()
        self._dispatcher.stop()
        for _ in range(STOP_ROUNDS):
            # Again, since a call may have been about to be sent when the others were ended.
            self._calls.stop()
            if self._dispatcher.idle(STOP_ROUND_S) and self._queues.idle(STOP_ROUND_S):
                break

    # --- playing -----------------------------------------------------------------------------------

    def open_wallet(self, session: GameSession) -> WalletOpening:
        """Send the calls of a launch: account_details, then user_balance. Raises the errors of `play`."""
        details = WebhookRequest(Method.DETAILS, session.launch.player)
        with self._turns.of_session(session) as agent:
            first = self._deliverer.deliver(self._call(session, agent, details))
            return opening_of(first, self._ask_balance(session, agent), agent.wire)

    def read_balance(self, session: GameSession) -> Delivered:
        """Read the player's balance; `balance` is None if it cannot be read. Raises the errors of `play`."""
        with self._turns.of_session(session) as agent:
            return self._ask_balance(session, agent)

    def play(
        self, session: GameSession, stake: Money, *, volatility: str = "medium", drawn: Spin | None = None
    ) -> RoundResult:
        """Play one round: bet, then its win, of 0.00 for a loss if wanted; after an unknown bet its refund.

        The spin is `spin_of` the round unless one is given. What is not answered at once goes on in the
        background. Raises UsageError for a stake that is none, DemoSession, NoWebhookUrl, PlayerBusy,
        DeliveryStopped and JournalUnusable; then nothing more is sent than was.
        """
        if not ZERO < stake <= STAKE_MAX:
            limits = f"from 0.01 to {format_money(STAKE_MAX)}"
            raise UsageError(f"a stake must be {limits}, found {format_money(stake)}")
        with self._turns.of_session(session) as agent:
            played = self.rounds_of(session) + 1
            drawn = drawn or self.spin_of(session, played, volatility)
            win = drawn.payout(stake)
            bet_id, win_id = self._new_id("bet"), self._new_id("win")
            player, game = session.launch.player, session.launch.game.id
            settled = win > ZERO or sends_zero_wins(session, agent)
            plan = RoundPlan(player, game, bet_id, stake, win_id, win if settled else None)
            troubles = self.trouble.take_round(session.id, wins=win > ZERO)
            driver = self._driver(session, agent)
            if RoundTrouble.REFUND_BEFORE_BET in troubles:
                return driver.refund_then_bet(plan, played, drawn)
            if RoundTrouble.WIN_BEFORE_BET in troubles:
                return driver.win_then_bet(plan, played, drawn)
            result = driver.play(plan, played, drawn)
        return self._with_more_calls(result, plan, session, troubles)

    def _with_more_calls(
        self, result: RoundResult, plan: RoundPlan, session: GameSession, troubles: frozenset[RoundTrouble]
    ) -> RoundResult:
        """Send what a provider sends too much after a round, as requested, and return the result with it."""
        more: list[Delivered] = []
        if RoundTrouble.WIN_TWICE in troubles and result.win > ZERO and not result.pending:
            more.append(self.by_hand.resend(result.numbers[-1]))
        if RoundTrouble.SAME_ID_OTHER_AMOUNT in troubles:
            again = {
                "method": Method.BET.value,
                "user_id": plan.player,
                "amount": format_money(Money(plan.stake + UNIT)),
                "game_id": plan.game,
                "transaction_id": plan.bet_id,
            }
            more.append(self.by_hand.fire(session.launch.agent.code, again, session.id))
        balances = [each.balance for each in more if each.balance is not None]
        numbers = (*result.numbers, *(number for each in more for number in each.numbers))
        return replace(result, numbers=numbers, balance=[result.balance, *balances][-1])

    def rounds_of(self, session: GameSession) -> int:
        """Return how many rounds the session has begun."""
        return self._obligations.last_round(session.launch.agent.code, session.id).played

    def spin_of(self, session: GameSession, round_number: int, volatility: str = "medium") -> Spin:
        """Return the spin of a round, which (seed, agent, session number, round) determine."""
        key = (self._seed, session.launch.agent.code, session.number, round_number)
        return spin(VOLATILITIES[volatility], *key)

    # --- obligations -------------------------------------------------------------------------------

    def pending(self) -> list[Obligation]:
        """Return the obligations that are to be sent, the next one first."""
        return self._obligations.due()

    def undelivered(self) -> list[Obligation]:
        """Return the obligations that were given up at the end of the ladder."""
        return self._obligations.undelivered()

    def owing(self, state: State) -> int:
        """Return how many obligations are in that state."""
        return self._obligations.count(state)

    def drained(self, timeout_s: float) -> bool:
        """Wait until nothing is pending; False when the time is over before."""
        return self._dispatcher.drained(timeout_s)

    def reset(self) -> None:
        """Remove all exchanges, obligations, rounds and faults, on request."""
        with self.journal.transaction():
            self._obligations.clear()
            self.journal.clear()
        self.trouble.clear()
        self.referees.forget()
        self._deliverer.forget()
        self._dispatcher.wake()

    @property
    def wallet_calls(self) -> WalletCounts:
        """Return how many calls were sent to wallets."""
        return WalletCounts(self._calls.charged_calls, self._calls.demo_calls)

    def _ask_balance(self, session: GameSession, agent: CalledAgent) -> Delivered:
        request = WebhookRequest(Method.BALANCE, session.launch.player)
        return self._deliverer.deliver(self._call(session, agent, request))

    def _call(self, session: GameSession, agent: CalledAgent, request: WebhookRequest) -> SessionCall:
        call = unsent(agent, request, Purpose.LAUNCH)
        return SessionCall(agent=agent, session=session.id, unsent=call, demo=is_demo(session))

    def _driver(self, session: GameSession, agent: CalledAgent) -> RoundDriver:
        return RoundDriver(
            deliverer=self._deliverer,
            obligations=self._obligations,
            ladder=self.ladder,
            agent=agent,
            session=session.id,
            clock=self.clock,
            began_ms=self.clock.now_ms(),
            fault=lambda method: self.trouble.take_fault(session.id, method),
            stopping=self._turns.stopping.is_set,
            demo=is_demo(session),
        )

    def _new_id(self, kind: str) -> str:
        return self._id_format.written(f"{kind}-{self._run}-{next(self._ids)}")


def sends_zero_wins(session: GameSession, agent: CalledAgent) -> bool:
    """Return whether lost rounds of the session end in a win of 0.00: its own wish, or else the agent's."""
    wanted = session.launch.zero_wins
    return agent.zero_wins if wanted is None else wanted


# --- the answers of a launch ----------------------------------------------------------------------

SHOWN_LENGTH_MAX = 200

BODY_BYTES_MAX = 1_000


class WalletOpening(Frozen):
    """The two answers of a launch. `balance` is None if it cannot be read, and `problem` says why.

    `details` are the text fields of `account_details`, with the wallet's names, without the id. `refusal` is
    the answer that was not accepted, as the wallet wrote it; empty if both were.
    """

    balance: Money | None
    details_outcome: Outcome
    balance_outcome: Outcome
    problem: str
    numbers: tuple[int, ...]
    details: dict[str, str] = field(default_factory=dict)
    refusal: str = ""

    @property
    def refused(self) -> bool:
        """Return whether the wallet refuses the player."""
        return Outcome.REFUSED in (self.balance_outcome, self.details_outcome)


def opening_of(details: Delivered, balance: Delivered, wire: WireProfile) -> WalletOpening:
    """Return both answers together."""
    failed = next((each for each in (balance, details) if each.outcome is not Outcome.ACCEPTED), None)
    return WalletOpening(
        balance=balance.balance,
        details_outcome=details.outcome,
        balance_outcome=balance.outcome,
        problem=balance.problem or details.problem,
        numbers=(*details.numbers, *balance.numbers),
        details=_texts(details, wire),
        refusal="" if failed is None else _as_written(failed),
    )


def _as_written(failed: Delivered) -> str:
    reply = failed.sent.exchange.reply
    if not isinstance(reply, Reply):
        return failed.problem
    body = " ".join(reply.body[:BODY_BYTES_MAX].decode("utf-8", "replace").split())
    return f"HTTP {reply.status} {body}"[:SHOWN_LENGTH_MAX]


def _texts(details: Delivered, wire: WireProfile) -> dict[str, str]:
    reply = details.sent.exchange.reply
    if details.outcome is not Outcome.ACCEPTED or not isinstance(reply, Reply):
        return {}
    try:
        found = exact_json.parse(reply.body.decode()).value
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    named = ((name, found.get(name)) for name in wire.reply.details)
    return {name: text[:SHOWN_LENGTH_MAX] for name, text in named if isinstance(text, str)}
