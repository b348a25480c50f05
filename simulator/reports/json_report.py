"""The run as one JSON document, written while it runs: a scenario is in the file once it has ended.

``{"seed", "endpoint", …, "scenarios": […], "findings": […], "dialect": {…}, "counts": {…}, …, "exit_code",
"outcome"}``: what is known first stands first, and no scenario is kept in memory.
"""

from __future__ import annotations

from typing import TextIO

from simulator.core.events import Event, ExchangeRecorded, RunStarted, ScenarioFinished
from simulator.reports.json_values import (
    JsonObject,
    encode,
    end_object,
    exchange_object,
    finding_object,
    result_object,
    run_object,
)
from simulator.reports.tally import Tally

_NOT_STARTED: JsonObject = {"seed": None, "endpoint": None}


class JsonReport:
    """One document; before `close` it is the beginning of one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tally = Tally()
        self._begun = False
        self._separator = ""

    def on(self, event: Event) -> None:
        self._tally.on(event)
        if type(event) is ExchangeRecorded:
            return
        match event:
            case RunStarted():
                self._begin(run_object(event))
            case ScenarioFinished():
                self._scenario(event)

    def close(self) -> None:
        cut = self._tally.finish()
        self._begin(_NOT_STARTED)
        for event in cut:
            self._scenario(event)
        tally = self._tally
        rest: JsonObject = {
            "findings": [finding_object(finding, None) for finding in tally.run_findings],
            "dialect": {
                observed.knob: {"value": observed.value, "evidence": observed.evidence}
                for observed in tally.dialect.values()
            },
            **end_object(tally),
        }
        self._stream.write(f"\n],{encode(rest)[1:]}\n")
        self._stream.flush()

    def _begin(self, header: JsonObject) -> None:
        if not self._begun:
            self._begun = True
            self._stream.write(f'{encode(header)[:-1]},"scenarios":[')

    def _scenario(self, event: ScenarioFinished) -> None:
        self._begin(_NOT_STARTED)
        written = {
            **result_object(event),
            "findings": [finding_object(finding, event.scenario) for finding in event.findings],
            "exchanges": [exchange_object(exchange) for exchange in event.exchanges],
        }
        self._stream.write(f"{self._separator}\n{encode(written)}")
        self._stream.flush()
        self._separator = ","
