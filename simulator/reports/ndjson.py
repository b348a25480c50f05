"""Every event as a line of JSON, flushed at once: what was sent is in the file even after a kill.

`betrontech-sim judge` reads the ``opening`` and ``exchange`` lines.
"""

from __future__ import annotations

from typing import TextIO

from simulator.core.events import (
    DialectObserved,
    Event,
    ExchangeRecorded,
    FindingRaised,
    Opening,
    RunFinished,
    RunStarted,
    ScenarioFinished,
    ScenarioStarted,
    StepFinished,
)
from simulator.core.money import format_money
from simulator.core.scenario import Scenario
from simulator.reports.json_values import (
    JsonObject,
    encode,
    end_object,
    exchange_object,
    finding_object,
    place_object,
    result_object,
    run_object,
)
from simulator.reports.tally import Tally


class NdjsonReport:
    """Lines of ``{"type": "run|scenario|opening|exchange|step|finding|result|dialect|end", …}``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tally = Tally()

    def on(self, event: Event) -> None:
        self._tally.on(event)
        if type(event) is ExchangeRecorded:
            self._line("exchange", exchange_object(event))
            return
        match event:
            case RunStarted():
                self._line("run", run_object(event))
            case ScenarioStarted():
                self._line("scenario", _scenario_object(event.scenario))
            case Opening():
                opening = {"player": event.player, "balance": format_money(event.balance)}
                self._line("opening", {**opening, "scenario": event.scenario_id})
            case StepFinished():
                step = {"scenario": event.scenario_id, "status": event.status}
                self._line("step", {**step, **place_object(event.place)})
            case FindingRaised():
                scenario = self._tally.running(event.scenario_id)
                self._line(
                    "finding", {"scenario": event.scenario_id, **finding_object(event.finding, scenario)}
                )
            case ScenarioFinished():
                self._line("result", result_object(event))
            case DialectObserved() | RunFinished():
                pass  # told at the close, when the last word on both is known

    def close(self) -> None:
        for event in self._tally.finish():
            self._line("result", result_object(event))
        for observed in self._tally.dialect.values():
            evidence = {"value": observed.value, "evidence": observed.evidence}
            self._line("dialect", {"knob": observed.knob, **evidence})
        self._line("end", end_object(self._tally))

    def _line(self, kind: str, written: JsonObject) -> None:
        self._stream.write(f'{{"type":"{kind}",{encode(written)[1:]}\n')
        self._stream.flush()


def _scenario_object(scenario: Scenario) -> JsonObject:
    return {
        "scenario": scenario.id,
        "name": scenario.name,
        **place_object(scenario.place),
        "level": scenario.level,
        "covers": scenario.covers,
    }
