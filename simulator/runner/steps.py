"""Runs the steps of one scenario, one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from random import Random

from simulator.core.events import StepFinished
from simulator.core.findings import Outcome, Place
from simulator.core.ledger import Book, Ledger
from simulator.core.money import format_money
from simulator.core.roles import CallForm
from simulator.core.scenario import (
    Balance,
    Bet,
    Block,
    Details,
    Expect,
    FaultKind,
    FaultSpec,
    Parallel,
    Play,
    Refund,
    Repeat,
    Resend,
    Restart,
    Round,
    Scenario,
    Send,
    Step,
    Wait,
    Win,
)
from simulator.core.situations import Situation
from simulator.core.webhooks import Method, WebhookRequest
from simulator.core.wire import write
from simulator.delivery.wait import wait_for
from simulator.errors import EndpointUnreachable
from simulator.runner.cast import Cast, NoPlayer
from simulator.runner.claims import check_claims
from simulator.runner.context import Call, RunContext, Why
from simulator.runner.hooks import Hooks
from simulator.runner.judge import Judge
from simulator.runner.played_rounds import Rounds
from simulator.runner.script import CannotSend, Script, Sent

ODD_DELIVERY = frozenset({FaultKind.CHUNKED, FaultKind.SLOW_BODY, FaultKind.DELAY})
"""Faults under which the whole call arrives and is answered, if in an unusual way."""

RESTART_S = 60.0
"""How long an operator may take until it answers again after its restart hook has ended."""

_SETTLING = (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN)


class Steps:
    """The steps of one scenario against one operator."""

    def __init__(
        self,
        scenario: Scenario,
        context: RunContext,
        script: Script,
        judge: Judge,
        ledger: Ledger,
        rng: Random,
        hooks: Hooks,
        cast: Cast,
    ) -> None:
        self._scenario = scenario
        self._context = context
        self._script = script
        self._judge = judge
        self._ledger = ledger
        self._hooks = hooks
        self._cast = cast
        self._rounds = Rounds(script, judge, ledger, rng, self.make)

    def run(self, steps: Iterable[Step], *, always: bool = False) -> None:
        """Run steps; those of a player whose balance is no longer known are blocked, unless `always`.

        Raises CannotSend, TooManyWorlds, Stopped.
        """
        for step in steps:
            if isinstance(step, Repeat):
                for _ in range(step.times):
                    self.run(step.steps, always=always)
                continue
            blocked = self._judge.finder.blocked
            if blocked and not always and self._players_of(step) & blocked:
                self._finished(step.place, "blocked")
                continue
            before = len(self._judge.finder.found)
            self._do(step)
            self._finished(step.place, "passed" if len(self._judge.finder.found) == before else "failed")

    def _finished(self, place: Place, status: str) -> None:
        self._context.emit(StepFinished(scenario_id=self._scenario.id, place=place, status=status))

    def _players_of(self, step: Step) -> set[str]:
        if isinstance(step, Wait | Restart):
            return set()
        if isinstance(step, Parallel):
            return set().union(*(self._players_of(inner) for inner in step.steps))
        return {self._script.player(getattr(step, "player", None))}

    def _do(self, step: Step) -> None:
        match step:
            case Bet() | Win():
                self._settle_before(step)
                self._money(self._script.money_step(step, self._ledger), step)
            case Refund():
                self._money(self._script.refund_step(step, self._ledger), step)
            case Resend():
                for _ in range(step.times):
                    self._money(self._script.resend_step(step, self._ledger), step)
            case Balance():
                self._balance(step)
            case Details():
                self._details(step)
            case Send():
                self._send(step)
            case Round():
                self._rounds.round(step)
            case Play():
                self._rounds.play(step)
            case Wait():
                time.sleep(step.duration_ns / 1e9 * self._context.settings.time_scale)
            case Restart():
                self._restart()
            case Block():
                self._block(step)
            case Parallel():
                self._parallel(step)
            case _:
                raise CannotSend(f"a {type(step).__name__.lower()} step cannot stand here")

    def _parallel(self, step: Parallel) -> None:
        # The checker of concurrent histories is large, and most scenarios have no use for it.
        from simulator.runner.concurrent import Bursts

        Bursts(self._context, self._scenario.id, self._script, self._judge, self._ledger).run(step)

    def _restart(self) -> None:
        hook = self._context.settings.restart_hook
        if hook is None:
            raise CannotSend("no restart hook is configured")
        self._hooks.call(hook, {})
        target = self._context.sender.target
        try:
            wait_for(lambda: target, RESTART_S)
        except EndpointUnreachable as error:
            raise CannotSend(f"the operator did not come back after its restart: {error}") from None

    def _block(self, step: Block) -> None:
        book = self._book(step.player)
        try:
            self._cast.block(book.player)
        except NoPlayer as error:
            raise CannotSend(str(error)) from None
        book.terms = replace(book.terms, blocked=True)

    def make(self, sent: Sent, place: Place, label: str) -> Outcome:
        """Make one ordinary call and judge it. Raises Stopped."""
        return self._judge_call(sent, self._call(sent, place, label), place, label)

    # --- money -------------------------------------------------------------------------------------

    def _money(self, sent: Sent, step: Bet | Win | Refund | Resend) -> Outcome:
        label = self._script.label_again(step) if isinstance(step, Resend) else step.label
        if step.fault is not None:
            return self._disturbed(sent, step, step.fault, label)
        call = self._call(sent, step.place, label)
        outcome = self._judge_call(sent, call, step.place, label)
        self._claims(step.expect, call, outcome, step.place)
        return outcome

    def _disturbed(
        self, sent: Sent, step: Bet | Win | Refund | Resend, fault: FaultSpec, label: str
    ) -> Outcome:
        """A call under a fault of ours: what is unknown stays open until an answer or a read settles it."""
        why = Why(self._scenario.id, "step", label, step.place)
        calls = self._context.disturb(sent.request, sent.wire, fault, why)
        if fault.kind in ODD_DELIVERY and sent.form.form is CallForm.CANONICAL:
            sent = replace(sent, form=replace(sent.form, form=CallForm.OPTIONAL))
        # Of two copies the one that took effect came first, in whatever order they were answered.
        outcome = Outcome.UNKNOWN
        for call in sorted(calls, key=lambda each: _SETTLING.index(each.reading.outcome)):
            outcome = self._judge_call(sent, call, step.place, label)
        if fault.kind in ODD_DELIVERY:
            self._claims(step.expect, calls[0], outcome, step.place)
        if sent.request.method is Method.BET:
            self._script.accepted_bet(sent.request)
        return outcome

    def _call(self, sent: Sent, place: Place, label: str) -> Call:
        why = Why(self._scenario.id, "step", label, place)
        return self._context.call(sent.request, sent.wire, why, form=sent.form.form)

    def _judge_call(self, sent: Sent, call: Call, place: Place, label: str) -> Outcome:
        if sent.form.request is None:
            self._judge.hostile_call(call, self._ledger.books, place)
            return call.reading.outcome
        outcome = self._judge.money_call(sent.form, call, place, label)
        if sent.request.method is Method.BET and outcome is Outcome.ACCEPTED:
            self._script.accepted_bet(sent.request)
        return outcome

    def _settle_before(self, step: Bet | Win) -> None:
        """A step that needs the balance needs one balance: read it when several are possible."""
        book = self._ledger.books.get(self._script.player(step.player))
        if book is not None and book.ambiguous:
            self._judge.read(book, step.place)

    def _claims(self, expect: Expect, call: Call, outcome: Outcome, place: Place) -> None:
        latency_ms_max = self._context.settings.latency_ms_max
        if latency_ms_max is not None and (call.exchange.latency_ns or 0) > latency_ms_max * 1_000_000:
            took_ms = (call.exchange.latency_ns or 0) // 1_000_000
            words = f"answered after {took_ms} ms, the limit is {latency_ms_max} ms"
            self._judge.finder.mild(Situation.SLOW, call, place, detail=words)
        request = call.exchange.request
        player = "" if request is None else request.player
        for message in check_claims(expect, call, outcome):
            self._judge.broken_claim(message, call, player, place)

    # --- reads -------------------------------------------------------------------------------------

    def _balance(self, step: Balance) -> None:
        book = self._book(step.player)
        if not book.terms.exists:
            self._stranger_read(Method.BALANCE, book.player, step.place, step.expect)
            return
        found = self._judge.read(book, step.place, purpose="step")
        if found is not None and step.is_ is not None and found != step.is_:
            call = self._judge.ask_balance(book.player, step.place)
            words = f"balance: the scenario says {format_money(step.is_)}, found {format_money(found)}"
            self._judge.broken_claim(words, call, book.player, step.place)
        elif step.expect != Expect():
            call = self._judge.ask_balance(book.player, step.place, "step")
            self._claims(step.expect, call, call.reading.outcome, step.place)

    def _details(self, step: Details) -> None:
        book = self._book(step.player)
        if not book.terms.exists:
            self._stranger_read(Method.DETAILS, book.player, step.place, step.expect)
            return
        call = self._ask(Method.DETAILS, book.player, step.place)
        self._judge.finder.reply_form(call, step.place)
        if call.reading.outcome is Outcome.REFUSED:
            self._judge.finder.mild(Situation.DETAILS_WRONG, call, step.place, Method.DETAILS)
        self._claims(step.expect, call, call.reading.outcome, step.place)

    def _stranger_read(self, method: Method, player: str, place: Place, expect: Expect) -> None:
        call = self._ask(method, player, place)
        if call.reading.outcome is Outcome.ACCEPTED:
            self._judge.finder.mild(Situation.UNKNOWN_PLAYER_ACCEPTED, call, place, method)
        self._claims(expect, call, call.reading.outcome, place)

    def _ask(self, method: Method, player: str, place: Place) -> Call:
        request = WebhookRequest(method, player)
        why = Why(self._scenario.id, "step", place=place)
        return self._context.call(request, write(request, self._context.profile), why)

    def _book(self, name: str | None) -> Book:
        return self._ledger.books[self._script.player(name)]

    # --- anything at all ---------------------------------------------------------------------------

    def _send(self, step: Send) -> None:
        wire, form = self._script.send_step(step, self._ledger)
        why = Why(self._scenario.id, "step", step.label, step.place)
        call = self._context.call(form.request, wire, why, form=form.form)
        outcome = call.reading.outcome
        if form.request is None:
            self._judge.hostile_call(call, self._ledger.books, step.place)
        elif form.request.method.moves_money:
            outcome = self._judge.money_call(form, call, step.place, step.label)
        else:
            self._judge.sent_read(form.request, call, step.place)
        self._claims(step.expect, call, outcome, step.place)
