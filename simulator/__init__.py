"""The BetronTech simulator: the API to build against, and a judge of the operator's wallet.

The public Python API is what `__all__` lists. Each name is imported when it is first used, so that the
command line pays only for what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.core.calls import Operation as Operation
    from simulator.errors import ExitCode as ExitCode
    from simulator.errors import SimulatorError as SimulatorError
    from simulator.history.check import check_history as check_history
    from simulator.reference_operator.server import OperatorServer as OperatorServer
    from simulator.run.assertions import assert_wallet_right as assert_wallet_right
    from simulator.run.suite import run_suite as run_suite
    from simulator.scenario.files import load_scenarios as load_scenarios
    from simulator.settings import HttpHook as HttpHook
    from simulator.settings import RunSettings as RunSettings

# A constant, because importlib.metadata costs milliseconds at every start; a test holds it to pyproject.toml.
__version__ = "0.2.0"

_HOMES = {
    "ExitCode": "simulator.errors",
    "HttpHook": "simulator.settings",
    "Operation": "simulator.core.calls",
    "OperatorServer": "simulator.reference_operator.server",
    "RunSettings": "simulator.settings",
    "SimulatorError": "simulator.errors",
    "assert_wallet_right": "simulator.run.assertions",
    "check_history": "simulator.history.check",
    "load_scenarios": "simulator.scenario.files",
    "run_suite": "simulator.run.suite",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Only a program that uses the API needs it.
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
