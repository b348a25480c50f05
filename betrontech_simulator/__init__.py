"""The public Python API of the simulator, under a name that no other package has.

`simulator` is a name that projects give to packages of their own: programs and tests import this one. Names
are imported when they are first used, as there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import simulator

if TYPE_CHECKING:
    from simulator import ExitCode as ExitCode
    from simulator import HttpHook as HttpHook
    from simulator import Operation as Operation
    from simulator import OperatorServer as OperatorServer
    from simulator import RunSettings as RunSettings
    from simulator import SimulatorError as SimulatorError
    from simulator import assert_wallet_right as assert_wallet_right
    from simulator import check_history as check_history
    from simulator import load_scenarios as load_scenarios
    from simulator import run_suite as run_suite

__version__ = simulator.__version__

__all__ = simulator.__all__


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(simulator, name)
    return found
