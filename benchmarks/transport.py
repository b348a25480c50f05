"""One webhook call by the sender against a bare http.client call."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from benchmarks import bare, wallet
from benchmarks.figure import Figure, compared
from simulator.core.webhooks import Method, Reply, WebhookRequest, WireRequest
from simulator.wire.sender import Sender
from simulator.wire.target import Endpoint, Target

CALLS = 400
PAIRS = 15
REQUEST = WebhookRequest(Method.BALANCE, "1000")
WIRE = WireRequest(b'{"method":"user_balance","user_id":"1000"}')


def figures() -> list[Figure]:
    """Return one figure."""
    with wallet.running() as operator:
        endpoint = Endpoint("http", "127.0.0.1", operator.port, "/w")
        with Sender(Target(endpoint=endpoint, addresses=("127.0.0.1",))) as sender:
            connection = bare.connect(operator.port)
            assert isinstance(sender.call(REQUEST, WIRE).reply, Reply)
            return [
                compared(
                    "transport, one webhook call",
                    lambda: _timed_us(lambda: sender.call(REQUEST, WIRE)),
                    lambda: _timed_us(lambda: bare.call(connection, WIRE.body)),
                    pairs=PAIRS,
                    unit="µs",
                    target=1.3,
                    against="bare http.client",
                )
            ]


def _timed_us(call: Callable[[], object]) -> float:
    start = perf_counter()
    for _ in range(CALLS):
        call()
    return (perf_counter() - start) / CALLS * 1e6
