"""The BetronTech simulator: the API to build against, and a judge of the operator's wallet.

The public Python API is what `__all__` lists. Each name is imported when it is first used, so that the
command line pays only for what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

# A constant, because importlib.metadata costs milliseconds at every start; a test holds it to pyproject.toml.
__version__ = "0.1.0"

if TYPE_CHECKING:
    from simulator.core.consistency import check_history as check_history
    from simulator.core.history import Operation as Operation
    from simulator.errors import ExitCode as ExitCode
    from simulator.errors import SimulatorError as SimulatorError
    from simulator.reference_operator.server import OperatorServer as OperatorServer
    from simulator.runner import run_suite as run_suite
    from simulator.runner.files import load_scenarios as load_scenarios
    from simulator.settings import HttpHook as HttpHook
    from simulator.settings import RunSettings as RunSettings

_HOMES = {
    "ExitCode": "simulator.errors",
    "HttpHook": "simulator.settings",
    "Operation": "simulator.core.history",
    "OperatorServer": "simulator.reference_operator.server",
    "RunSettings": "simulator.settings",
    "SimulatorError": "simulator.errors",
    "check_history": "simulator.core.consistency",
    "load_scenarios": "simulator.runner.files",
    "run_suite": "simulator.runner",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Only a program that uses the API needs it.
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
