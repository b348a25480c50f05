"""The fault matrix: every scenario again with each fault at each money step; only the money is judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

from simulator.core.calls import FaultKind, FaultSpec
from simulator.core.findings import Place
from simulator.core.steps import (
    NO_EXPECT,
    Balance,
    Bet,
    Details,
    Expect,
    Expected,
    Parallel,
    Refund,
    Repeat,
    Resend,
    Scenario,
    Send,
    Step,
    Win,
)

DELAY_NS = 50_000_000

_MONEY_STEPS = (Bet, Win, Refund, Resend)


def fault_matrix(scenarios: Iterable[Scenario], faults: Iterable[FaultKind]) -> tuple[Scenario, ...]:
    """Return each scenario as it is, then its cells, whose ids name the fault and the line of the step."""
    kinds = tuple(faults)
    return tuple(each for scenario in scenarios for each in (scenario, *_cells(scenario, kinds)))


def _cells(scenario: Scenario, kinds: tuple[FaultKind, ...]) -> Iterator[Scenario]:
    if scenario.skip or scenario.xfail:
        return
    plain = tuple(_without_claims(step) for step in scenario.steps)
    last = tuple(_without_claims(step) for step in scenario.finally_)
    for kind, (place, steps) in product(kinds, list(_places(plain))):
        spec = FaultSpec(kind, DELAY_NS if kind is FaultKind.DELAY else 0)
        cell = f"{kind.value}@{place.line}:{place.column}"
        yield replace(
            scenario,
            id=f"{scenario.id}[{cell}]",
            name=f"{scenario.name} [{cell}]",
            steps=steps(spec),
            finally_=last,
            # A fault takes its time.
            timeout_ns=None,
        )


class _Put:
    """Puts a fault at one of the steps of a scenario."""

    def __init__(self, steps: tuple[Step, ...], index: int, inner: _Put | None = None) -> None:
        self._steps = steps
        self._index = index
        self._inner = inner

    def __call__(self, fault: FaultSpec) -> tuple[Step, ...]:
        step = self._steps[self._index]
        if isinstance(step, Repeat) and self._inner is not None:
            # One disturbed pass is enough: a fault of 200 ms a thousand times over would prove no more, and
            # sixty unknown outcomes at once prove less.
            rest = (replace(step, times=step.times - 1),) if step.times > 1 else ()
            changed: tuple[Step, ...] = (replace(step, times=1, steps=self._inner(fault)), *rest)
        elif isinstance(step, Parallel) and self._inner is not None:
            changed = (replace(step, times=1, steps=self._inner(fault) + step.steps * (step.times - 1)),)
        else:
            assert isinstance(step, _MONEY_STEPS)
            changed = (replace(step, fault=fault),)
        return (*self._steps[: self._index], *changed, *self._steps[self._index + 1 :])


def _places(steps: tuple[Step, ...]) -> Iterator[tuple[Place, _Put]]:
    """Yield every money step without a fault, with a function that puts one there.

    What a step captures is needed later, so that its reply has to be read.
    """
    for index, step in enumerate(steps):
        if isinstance(step, _MONEY_STEPS) and step.fault is None and not step.expect.capture:
            yield step.place, _Put(steps, index)
        elif isinstance(step, Parallel | Repeat):
            for place, inner in _places(step.steps):
                yield place, _Put(steps, index, inner)


def _without_claims(step: Step) -> Step:
    """Return the step without its expectations, which need not hold in a scenario with a fault."""
    match step:
        case Repeat() | Parallel():
            return replace(step, steps=tuple(_without_claims(inner) for inner in step.steps))
        case Balance():
            return replace(step, is_=None, expect=replace(NO_EXPECT, capture=step.expect.capture))
        case Bet() | Win() | Refund() | Resend() | Send() | Details():
            either = step.expect.outcome is Expected.EITHER
            outcome = Expected.EITHER if either else None
            return replace(step, expect=Expect(outcome=outcome, capture=step.expect.capture))
        case _:
            return step
