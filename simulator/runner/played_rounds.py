"""Whole game rounds within a scenario: the flow says what is asked, the answers say how it goes on."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from simulator.core.findings import Outcome, Place
from simulator.core.ledger import Ledger
from simulator.core.money import Money
from simulator.core.outcomes import VOLATILITIES, draw_spin
from simulator.core.rounds import Ask, Flow, RoundPlan, play_round
from simulator.core.scenario import Play, Round
from simulator.core.webhooks import Method, WebhookRequest
from simulator.runner.judge import Judge
from simulator.runner.script import DEFAULT_GAME, Script, Sent

FLOW_ATTEMPTS = 5
"""How often a round's win or refund is sent before the round counts as undelivered."""

Make = Callable[[Sent, Place, str], Outcome]
"""Makes one call and judges it."""


class Rounds:
    """The `round` and `play` steps of one scenario."""

    def __init__(self, script: Script, judge: Judge, ledger: Ledger, rng: Random, make: Make) -> None:
        self._script = script
        self._judge = judge
        self._ledger = ledger
        self._rng = rng
        self._make = make

    def round(self, step: Round) -> None:
        """Rounds with the win that the author wrote, or one from the outcome model."""
        player = self._script.player(step.player)
        for _ in range(step.spins):
            if player in self._judge.finder.blocked:
                return
            stake = self._script.amount(step.bet, player, self._ledger)
            if step.win is None:
                win: Money | None = draw_spin(VOLATILITIES["medium"], self._rng).payout(stake)
            else:
                self._script.accepted_bet(WebhookRequest(Method.BET, player, stake))
                win = self._script.amount(step.win, player, self._ledger)
            self._drive(self._plan(player, step.game, stake, win), step.place)

    def play(self, step: Play) -> None:
        """A session from the outcome model, until the player cannot pay the stake."""
        player = self._script.player(step.player)
        rng = self._rng if step.seed is None else Random(step.seed)
        for _ in range(step.rounds):
            stake = self._script.amount(step.stake, player, self._ledger)
            if player in self._judge.finder.blocked or stake > self._ledger.books[player].balances[0]:
                return
            win = draw_spin(VOLATILITIES[step.volatility], rng).payout(stake)
            self._drive(self._plan(player, step.game, stake, win), step.place)

    def _plan(self, player: str, game: str | None, stake: Money, win: Money | None) -> RoundPlan:
        bet_id, win_id = self._script.new_id("bet"), self._script.new_id("win")
        return RoundPlan(player, game or DEFAULT_GAME, bet_id, stake, win_id, win)

    def _drive(self, plan: RoundPlan, place: Place) -> None:
        """Make the calls that a flow asks for, until it ends or the player is blocked."""
        flow: Flow = play_round(plan, attempts=FLOW_ATTEMPTS)
        ask: Ask = next(flow)
        while True:
            sent = self._script.flow_call(ask.request)
            outcome = self._make(sent, place, ask.request.method.noun)
            if plan.player in self._judge.finder.blocked:
                return
            try:
                ask = flow.send(outcome)
            except StopIteration:
                return
