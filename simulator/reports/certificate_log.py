"""What a certificate needs of the calls themselves: their hash, and whether refusals and races were seen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from simulator.core.events import ExchangeRecorded, ScenarioFinished
from simulator.core.findings import Outcome
from simulator.core.webhooks import Reply
from simulator.reports.json_values import encode


class CallLog:
    """A fold over exchanges. The hash knows no clock and no random ids: same seed, same replies, same hash.

    `plain` takes the random part of a run out of a text.
    """

    def __init__(self) -> None:
        self.refusals = 0
        self.races = 0
        self.calls = 0
        self._lines: dict[str, list[str]] = {}
        self._busy_until: dict[tuple[str, str | None], int] = {}
        self._digest = hashlib.sha256()

    def on(self, event: ExchangeRecorded, plain: Callable[[str], str]) -> None:
        """Take one call."""
        self.calls += 1
        self.refusals += event.outcome is Outcome.REFUSED
        self._watch_races(event)
        exchange = event.exchange
        reply = exchange.reply
        told = reply.status if isinstance(reply, Reply) else reply.kind.value
        body = reply.body.decode("utf-8", "backslashreplace") if isinstance(reply, Reply) else ""
        sent = exchange.wire.body.decode("utf-8", "backslashreplace")
        line = encode([event.purpose, exchange.fault, plain(sent), told, plain(body), event.outcome])
        self._lines.setdefault(event.scenario_id or "", []).append(line)

    def finished(self, event: ScenarioFinished) -> None:
        """Seal a scenario's calls. Those of a burst come in any order, so the lines are sorted."""
        self._seal(event.scenario.id)

    def hash(self) -> str:
        """SHA-256 over all calls; asked once, at the end."""
        for scenario_id in sorted(self._lines):
            self._seal(scenario_id)
        return self._digest.hexdigest()

    def _seal(self, scenario_id: str) -> None:
        lines = sorted(self._lines.pop(scenario_id, ()))
        self._digest.update("\n".join([scenario_id, *lines, ""]).encode())

    def _watch_races(self, event: ExchangeRecorded) -> None:
        """Two answered calls of one player that overlapped in time: the operator had a race to lose."""
        exchange = event.exchange
        if exchange.answered_ns is None or event.purpose != "step":
            return
        key = (event.scenario_id or "", event.player)
        self.races += exchange.sent_ns < self._busy_until.get(key, 0)
        self._busy_until[key] = max(exchange.answered_ns, self._busy_until.get(key, 0))
