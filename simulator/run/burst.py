"""Releases the calls of a `parallel` step together, over real connections of their own.

What was answered is judged as a concurrent history, in `concurrent`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from simulator.core.calls import Call, CallForm, FaultSpec, Form, Operation, Why
from simulator.core.findings import Outcome, Place
from simulator.core.profiles import WireProfile
from simulator.core.steps import Balance, Bet, Details, Expect, Parallel, Refund, Resend, Send, Step, Win
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Method, WebhookRequest, WireRequest
from simulator.law.book import Book, Ledger
from simulator.law.situations import Situation
from simulator.run.context import RunContext, Stopped
from simulator.run.judge import Judge, check_claims
from simulator.run.script import CannotSend, Script
from simulator.wire.sender import Sender
from simulator.wire.writing import write


class Planned(Frozen):
    """One call that is ready to go."""

    request: WebhookRequest | None
    wire: WireRequest
    form: Form
    label: str
    place: Place
    expect: Expect
    fault: FaultSpec | None = None


class Done(Frozen):
    """A call of the burst with one of its exchanges; a fault may make more than one of a call."""

    planned: Planned
    exchange: Exchange


def plan(step: Parallel, script: Script, ledger: Ledger, profile: WireProfile) -> list[Planned]:
    """The calls of a `parallel` step in the order of the file, all of them written before the first is sent.

    Raises CannotSend.
    """
    return [
        planned
        for _ in range(step.times)
        for inner in step.steps
        for planned in _planned(inner, script, ledger, profile)
    ]


def release(
    calls: Sequence[Planned], in_flight: int, sender: Sender, stopping: Callable[[], bool]
) -> list[Done]:
    """Send them all, at most `in_flight` at once; returns what came of each, in the order of sending.

    What was not sent when `stopping` turns true stays unsent.
    """
    # As many connections as workers, and nobody else's: a wallet that serves one connection at a time waits
    # for the next call on each, so none may stand open with nobody to use it.
    sender.cool_down()
    with sender.apart() as own:
        done = _released(calls, min(in_flight, len(calls)), own, stopping)
    return sorted(done, key=lambda each: each.exchange.sent_ns)


def _released(
    calls: Sequence[Planned], width: int, sender: Sender, stopping: Callable[[], bool]
) -> list[Done]:
    sender.warm_up(width)
    start = threading.Barrier(width)
    queue = iter(calls)
    turn = threading.Lock()
    done: list[Done] = []

    def work() -> None:
        start.wait()
        while True:
            with turn:
                planned = next(queue, None)
            if planned is None or stopping():
                sender.cool_down()
                return
            done.extend(Done(planned, exchange) for exchange in _send(planned, sender))

    with ThreadPoolExecutor(max_workers=width, thread_name_prefix="burst") as pool:
        workers = [pool.submit(work) for _ in range(width)]
        wait(workers)
    for worker in workers:
        worker.result()
    return done


def _send(planned: Planned, sender: Sender) -> Iterable[Exchange]:
    if planned.fault is not None:
        return sender.disturb(planned.request, planned.wire, planned.fault)
    return (sender.call(planned.request, planned.wire),)


def _planned(step: Step, script: Script, ledger: Ledger, profile: WireProfile) -> Iterable[Planned]:
    match step:
        case Bet() | Win():
            sent = script.money_step(step, ledger)
            yield Planned(sent.request, sent.wire, sent.form, step.label, step.place, step.expect, step.fault)
        case Refund():
            sent = script.refund_step(step, ledger)
            yield Planned(sent.request, sent.wire, sent.form, step.label, step.place, step.expect, step.fault)
        case Resend():
            label = script.label_again(step)
            for _ in range(step.times):
                sent = script.resend_step(step, ledger)
                yield Planned(sent.request, sent.wire, sent.form, label, step.place, step.expect, step.fault)
        case Send():
            wire, form = script.send_step(step, ledger)
            yield Planned(form.request, wire, form, step.label, step.place, step.expect)
        case Balance() | Details():
            method = Method.BALANCE if isinstance(step, Balance) else Method.DETAILS
            request = WebhookRequest(method, script.player(step.player))
            form = Form(CallForm.CANONICAL, request)
            yield Planned(request, write(request, profile), form, method.noun, step.place, step.expect)
        case _:
            raise CannotSend(f"a {type(step).__name__.lower()} step cannot be released together with others")


# --- concurrent -----------------------------------------------------------------------------------
# Judges what a `parallel` step brought back: each player's calls as a concurrent history.


class Bursts:
    """The `parallel` steps of one scenario."""

    def __init__(
        self, context: RunContext, scenario_id: str, script: Script, judge: Judge, ledger: Ledger
    ) -> None:
        self._context = context
        self._scenario_id = scenario_id
        self._script = script
        self._judge = judge
        self._ledger = ledger

    def run(self, step: Parallel) -> None:
        """Release the calls, let everything come to rest, read the balances, and judge.

        Raises CannotSend, Stopped, TooManyWorlds.
        """
        if self._context.stopping:
            raise Stopped(self._context.stopping)
        for book in self._real_books():
            if book.ambiguous:
                self._judge.read(book.player, step.place)
        calls = plan(step, self._script, self._ledger, self._context.profile)
        self._ledger.share(_ids_of_several_players(calls))
        context = self._context
        done = release(calls, step.in_flight, context.sender, lambda: bool(context.stopping))
        answered = [(each, self._record(each)) for each in done]
        for each, call in answered:
            self._judge.note_reply(call, each.planned.place)
            self._claims(each.planned, call)
        for book in self._real_books():
            self._judge_player(book, answered, step.place)
        self._judge_strangers(answered)

    # --- inside ------------------------------------------------------------------------------------

    def _real_books(self) -> list[Book]:
        return [
            book
            for book in self._ledger.books.values()
            if book.terms.exists and book.player not in self._judge.blocked
        ]

    def _record(self, done: Done) -> Call:
        planned = done.planned
        why = Why(self._scenario_id, "step", planned.label, planned.place)
        return self._context.record(done.exchange, why, form=planned.form)

    def _claims(self, planned: Planned, call: Call) -> None:
        if planned.expect != Expect() and planned.fault is None:
            for message in check_claims(planned.expect, call, call.reading.outcome):
                self._judge.expectation(message, call, planned.place)

    def _judge_player(self, book: Book, answered: Sequence[tuple[Done, Call]], place: Place) -> None:
        history = [
            _operation(index, done, call)
            for index, (done, call) in enumerate(answered)
            if done.planned.form.request is not None and done.planned.form.request.player == book.player
        ]
        self._judge.burst(book.player, history, place)

    def _judge_strangers(self, answered: Sequence[tuple[Done, Call]]) -> None:
        for done, call in answered:
            request = done.planned.form.request
            book = None if request is None else self._ledger.books.get(request.player)
            known = book is not None and book.terms.exists
            if not known and call.for_unknown_player.reading.outcome is Outcome.ACCEPTED:
                situation = (
                    Situation.MALFORMED_ACCEPTED if request is None else Situation.UNKNOWN_PLAYER_ACCEPTED
                )
                method = None if request is None else request.method
                self._judge.mild(situation, call, done.planned.place, method)


def _operation(index: int, done: Done, call: Call) -> Operation:
    request = done.planned.form.request
    assert request is not None
    exchange = done.exchange
    return Operation(
        index=index,
        player=request.player,
        method=request.method,
        transaction_id=request.transaction_id,
        amount=request.amount,
        game_id=request.game_id,
        sent_ns=exchange.sent_ns,
        answered_ns=exchange.answered_ns,
        outcome=call.reading.outcome,
        balance=call.reading.balance,
        form=done.planned.form.form,
        label=done.planned.label,
    )


def _ids_of_several_players(calls: Sequence[Planned]) -> frozenset[str]:
    """Transaction ids that more than one player uses in this burst: whose call counts is a dialect."""
    owners: dict[str, set[str]] = {}
    for planned in calls:
        request = planned.form.request
        if request is not None and request.transaction_id is not None:
            owners.setdefault(request.transaction_id, set()).add(request.player)
    return frozenset(id_ for id_, players in owners.items() if len(players) > 1)
