"""Runs against the reference operator inside this process, for `demo` and `mutants`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from simulator.core.events import Event
from simulator.core.money import Money
from simulator.errors import ExitCode
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.runner import run_suite
from simulator.settings import HttpHook, RunSettings

MAX_BET = "50000.00"
"""Above every bet of the bundled suite that must be taken."""


@contextmanager
def embedded_operator(
    *, defects: tuple[str, ...] = (), dialects: tuple[str, ...] = (), seed: int = 0
) -> Iterator[OperatorServer]:
    """A reference operator on a free port of loopback, as long as the context lasts."""
    settings = OperatorSettings(defects=defects, dialects=dialects, seed=seed, max_bet=MAX_BET)
    with OperatorServer(settings) as operator:
        yield operator


def settings_for(operator: OperatorServer, **changes: object) -> RunSettings:
    """Run settings with every hook that the reference operator has, and its limit."""
    base, limit = f"{operator.base_url}/_operator", operator.operator.max_bet
    settings = RunSettings(
        endpoint=operator.endpoint,
        seed_hook=HttpHook(f"{base}/players"),
        restart_hook=HttpHook(f"{base}/restart"),
        block_hook=HttpHook(f"{base}/players/{{user_id}}/block"),
        max_bet=None if limit is None else Money(limit),
    )
    return replace(settings, **changes)  # type: ignore[arg-type]  # names are checked by replace


def run_against(operator: OperatorServer, report: Callable[[Event], None], **changes: object) -> ExitCode:
    """One run of the bundled suite, or of `paths=`, against an embedded operator."""
    return run_suite(settings_for(operator, **changes), report)
