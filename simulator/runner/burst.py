"""Releases the calls of a `parallel` step together, over real connections of their own.

What was answered is judged as a concurrent history, in `concurrent`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from simulator.core.findings import Place
from simulator.core.forms import Form
from simulator.core.frozen import Frozen
from simulator.core.ledger import Ledger
from simulator.core.roles import CallForm
from simulator.core.scenario import (
    Balance,
    Bet,
    Details,
    Expect,
    FaultSpec,
    Parallel,
    Refund,
    Resend,
    Send,
    Step,
    Win,
)
from simulator.core.webhooks import Exchange, Method, WebhookRequest, WireRequest
from simulator.core.wire import WireProfile, write
from simulator.delivery.sender import Sender
from simulator.runner.script import CannotSend, Script


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
