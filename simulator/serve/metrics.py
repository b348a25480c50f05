"""`/metrics` in Prometheus' text format: counts of the whole server, with no name of an agent or a player.

It is open, as `/healthz` is, so it holds nothing that a token would protect.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from simulator.serve.obligations import State
from simulator.serve.state import ServerState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

PREFIX = "betrontech_sim_"


def metrics_of(state: ServerState) -> bytes:
    """Return what Prometheus reads of a server now."""
    registry = CollectorRegistry()
    registry.register(ServerCollector(state))
    return generate_latest(registry)


class ServerCollector(Collector):
    """Reads the counts when it is asked."""

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Yield each metric with its present value."""
        state, delivery = self._state, self._state.delivery
        room, counts = delivery.journal.room, delivery.wallet_calls
        webhooks = _counter("webhooks", "Webhooks sent to wallets since the start.", "session")
        webhooks.add_metric(["charged"], counts.charged)
        webhooks.add_metric(["demo"], counts.demo)
        yield webhooks
        yield _counter(
            "api_calls", "Calls that your code made to the API since the start.", state.api_log.latest
        )
        obligations = _gauge("obligations", "Wins and refunds without an answer.", "state")
        obligations.add_metric(["pending"], delivery.owing(State.DUE))
        obligations.add_metric(["undelivered"], delivery.owing(State.UNDELIVERED))
        yield obligations
        yield _gauge("causes", "Causes of findings that are not dismissed.", len(delivery.causes.all()))
        yield _gauge("sessions", "Game sessions that the server knows.", len(state.sessions.all()))
        yield _gauge("agents", "Agents that the server knows.", len(state.agents.all()))
        yield _gauge("journal_exchanges", "Exchanges in the journal.", room.exchanges)
        yield _gauge("journal_exchanges_max", "Exchanges that the journal keeps at most.", room.exchanges_max)
        yield _gauge("journal_bytes", "Bytes of the journal.", room.bytes)
        yield _gauge("journal_bytes_max", "Bytes that the journal keeps at most.", room.bytes_max)
        yield _counter("journal_dropped", "Exchanges that left the journal since the start.", room.dropped)
        yield _gauge("stopping", "1 while the server stops.", int(state.stopping.is_set()))


def _counter(name: str, what: str, value: int | str) -> CounterMetricFamily:
    """Return a counter with this value, or with this label and no value yet."""
    if isinstance(value, str):
        return CounterMetricFamily(PREFIX + name, what, labels=[value])
    return CounterMetricFamily(PREFIX + name, what, value)


def _gauge(name: str, what: str, value: int | str) -> GaugeMetricFamily:
    """Return a gauge with this value, or with this label and no value yet."""
    if isinstance(value, str):
        return GaugeMetricFamily(PREFIX + name, what, labels=[value])
    return GaugeMetricFamily(PREFIX + name, what, value)
