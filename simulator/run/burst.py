"""Send the calls of a `parallel` step together, over their own connections, and judge them as a history."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

from simulator.core.calls import Call, Operation, UnsentCall, Why
from simulator.core.findings import Outcome, Place
from simulator.core.steps import Expect, Parallel
from simulator.core.webhooks import Exchange, Method, WebhookRequest
from simulator.law.book import Book, Ledger, TooManyWorlds
from simulator.law.situations import Situation
from simulator.run.context import RunContext, Stopped
from simulator.run.judge import Judge
from simulator.scenario.expecting import broken_expectations
from simulator.scenario.script import Planned, Script
from simulator.wire.sender import Sender

Done = tuple[Planned, Exchange]
"""A call with one of its exchanges; with a fault it may have several."""


def release(
    calls: Sequence[Planned], in_flight: int, sender: Sender, stopping: Callable[[], bool]
) -> list[Done]:
    """Send them all, at most `in_flight` at once; returns what came of each, in the order of sending.

    What was not sent when `stopping` turns true stays unsent.
    """
    # As many connections as workers, and no other: a wallet that serves one connection at a time waits for
    # the next call on each, so no connection may be open that is not used.
    sender.cool_down()
    with sender.apart() as own:
        done = _released(calls, min(in_flight, len(calls)), own, stopping)
    return sorted(done, key=lambda each: each[1].sent_ns)


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
            done.extend((planned, exchange) for exchange in _send(planned.call, sender))

    with ThreadPoolExecutor(max_workers=width, thread_name_prefix="burst") as pool:
        workers = [pool.submit(work) for _ in range(width)]
        wait(workers)
    for worker in workers:
        worker.result()
    return done


def _send(unsent: UnsentCall, sender: Sender) -> Iterable[Exchange]:
    if unsent.fault is not None:
        return sender.disturb(unsent.request, unsent.wire, unsent.fault)
    return (sender.call(unsent.request, unsent.wire),)


# --- judge a `parallel` step: the calls of each player as a concurrent history --------------------


class Bursts:
    """The `parallel` steps of one scenario."""

    def __init__(self, context: RunContext, script: Script, judge: Judge, ledger: Ledger) -> None:
        self._context = context
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
            self._judge.read_before(book.player, step.place)
        calls = self._script.together(step, self._ledger)
        self._ledger.share(_ids_of_several_players(calls))
        context = self._context
        context.rate_limit.rest(len(calls))
        for planned in calls:
            context.traffic.note(planned.call.request, time.monotonic_ns())
        done = release(calls, step.in_flight, context.sender, lambda: bool(context.stopping))
        answered = [(planned, context.record(planned.call, exchange)) for planned, exchange in done]
        for _, call in answered:
            self._judge.note_reply(call)
        answered = self._sent_again(answered)
        for planned, call in answered:
            self._claims(planned, call)
        calls_made = [call for _, call in answered]
        try:
            for book in self._real_books():
                self._judge_player(book, calls_made, step.place)
        except TooManyWorlds:
            turned_away = sum(call.reading.busy for call in calls_made)
            if not turned_away:
                raise
            raise Stopped(
                f"your wallet's rate limit turned away {turned_away} of {len(calls_made)} calls sent together"
            ) from None
        self._judge_strangers(calls_made)

    def _real_books(self) -> list[Book]:
        return [
            book
            for book in self._ledger.books.values()
            if book.terms.exists and book.player not in self._judge.blocked
        ]

    def _sent_again(self, answered: Sequence[tuple[Planned, Call]]) -> list[tuple[Planned, Call]]:
        """Send calls again, one after the other, of which the wallet said that it has too many; return all.

        A wallet may say so of a call while another one of the player is under way, and what the first attempt
        did stays open. A refusal is final, as it is for a provider.
        """
        found: list[tuple[Planned, Call]] = []
        later: list[tuple[Planned, Call]] = []
        for planned, call in answered:
            if not call.reading.busy:
                found.append((planned, call))
                continue
            found.append((replace(planned, expect=Expect()), call))
            again = self._context.call(planned.call)
            self._judge.note_reply(again)
            if again.outcome is Outcome.ACCEPTED:
                self._context.turned_away(call)
            later.append((planned, again))
        return found + later

    def _claims(self, planned: Planned, call: Call) -> None:
        if planned.expect != Expect() and planned.call.fault is None:
            for message in broken_expectations(planned.expect, call, call.outcome, self._script.filled):
                self._judge.expectation(message, call)

    def _judge_player(self, book: Book, calls: Sequence[Call], place: Place) -> None:
        history = [
            Operation.of(call, index)
            for index, call in enumerate(calls)
            if call.form.request is not None and call.form.request.player == book.player
        ]
        ids: dict[str, str] = {}

        def send(request: WebhookRequest, why: Why) -> Call:
            known = request.transaction_id or ""
            own_id = ids.setdefault(known, self._script.new_id("alone"))
            game = None if request.method is Method.REFUND else request.game_id or self._script.game()
            fresh = replace(request, transaction_id=own_id, game_id=game)
            return self._context.call(self._script.flow_call(fresh, why))

        self._judge.burst(book.player, history, place, send)

    def _judge_strangers(self, calls: Sequence[Call]) -> None:
        for call in calls:
            request = call.form.request
            book = None if request is None else self._ledger.books.get(request.player)
            known = book is not None and book.terms.exists
            if not known and call.for_unknown_player.reading.outcome is Outcome.ACCEPTED:
                situation = (
                    Situation.MALFORMED_ACCEPTED if request is None else Situation.UNKNOWN_PLAYER_ACCEPTED
                )
                method = None if request is None else request.method
                self._judge.mild(situation, call, method)


def _ids_of_several_players(calls: Sequence[Planned]) -> frozenset[str]:
    """Return the transaction ids that several players use in this burst; wallets may count each or one."""
    owners: dict[str, set[str]] = {}
    for planned in calls:
        request = planned.call.form.request
        if request is not None and request.transaction_id is not None:
            owners.setdefault(request.transaction_id, set()).add(request.player)
    return frozenset(id_ for id_, players in owners.items() if len(players) > 1)
