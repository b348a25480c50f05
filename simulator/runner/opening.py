"""Brings a player to a balance with ordinary calls, so that scenarios run against any operator unchanged."""

from __future__ import annotations

from simulator.core.findings import Outcome, Place
from simulator.core.forms import Form
from simulator.core.ledger import Ledger
from simulator.core.money import CENT, Money, format_money
from simulator.core.roles import CallForm
from simulator.core.webhooks import Method, WebhookRequest
from simulator.runner.context import RunContext, Why
from simulator.runner.judge import Judge
from simulator.runner.script import DEFAULT_GAME, Script

ADJUSTING_CALLS_MAX = 2_500
"""A jackpot of 99,999,999.99 is taken back in bets of 50,000.00."""


class CannotReach(Exception):
    """The balance cannot be reached; the message is why the scenario is skipped."""


class Opening:
    """Adjusting calls for one scenario, judged by the ledger like all others, refusals allowed."""

    def __init__(self, context: RunContext, judge: Judge, script: Script, why: Why, place: Place) -> None:
        self._context = context
        self._judge = judge
        self._script = script
        self._why = why
        self._place = place

    def read(self, player: str) -> Money:
        """The player's balance before anything is done. Raises CannotReach."""
        for _ in range(2):
            call = self._judge.ask_balance(player, self._place, self._why.purpose)
            balance = self._judge.opening_balance(player, call, self._place)
            if balance is not None:
                return balance
        raise CannotReach(f"the balance of player {player} cannot be read")

    def reach(self, player: str, balance: Money, target: Money) -> bool:
        """Adjust until the player has `target`. False when the wallet got the money wrong on the way.

        Raises CannotReach, as soon as it is seen that it would take too many calls.
        """
        self._judge.ledger = Ledger()
        book = self._judge.ledger.open(player, balance)
        self._judge.trails.open(player, balance)
        chunk = self._context.settings.max_bet
        for _ in range(ADJUSTING_CALLS_MAX):
            missing = target - book.balances[0]
            if missing == 0:
                return True
            if missing > 0:
                accepted = self._win(player, Money(missing), book.balances[0])
            else:
                chunk = Money(min(-missing, chunk or -missing))
                accepted = self._call(Method.BET, player, chunk)
            if player in self._judge.finder.blocked:
                return False
            if accepted and chunk is not None and -missing > chunk * ADJUSTING_CALLS_MAX:
                raise CannotReach(_too_far(player, book.balances[0], target, chunk))
            if not accepted:
                if missing > 0 or chunk is None or chunk <= 1:
                    raise CannotReach(_refusal(player, book.balances[0], target))
                chunk = Money(chunk // 2)
        raise CannotReach(_refusal(player, book.balances[0], target))

    def _win(self, player: str, missing: Money, balance: Money) -> bool:
        """A win, after a bet of a cent in the same game where there is a cent: some wallets ask for one."""
        staked = balance >= CENT and self._call(Method.BET, player, CENT)
        if player in self._judge.finder.blocked:
            return False
        return self._call(Method.WIN, player, Money(missing + CENT) if staked else missing)

    def _call(self, method: Method, player: str, amount: Money) -> bool:
        request = WebhookRequest(method, player, amount, self._script.new_id("adjust"), DEFAULT_GAME)
        sent = self._script.flow_call(request)
        call = self._context.call(sent.request, sent.wire, self._why, form=CallForm.OPTIONAL)
        outcome = self._judge.money_call(Form(CallForm.OPTIONAL, request), call, self._place)
        if method is Method.BET and outcome is Outcome.ACCEPTED:
            self._script.accepted_bet(request)
        return outcome is Outcome.ACCEPTED


def _refusal(player: str, balance: Money, target: Money) -> str:
    return f"{_cannot(player, balance, target)}: the operator refused the adjusting calls"


def _too_far(player: str, balance: Money, target: Money, bet: Money) -> str:
    return (
        f"{_cannot(player, balance, target)}: with bets of {format_money(bet)} that takes more than "
        f"{ADJUSTING_CALLS_MAX:,} calls"
    )


def _cannot(player: str, balance: Money, target: Money) -> str:
    return f"player {player} has {format_money(balance)} and cannot be brought to {format_money(target)}"
