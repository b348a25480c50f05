"""The errors that end a command, each with its exit code.

    SimulatorError                (3)
    ├── UsageError                (4)  a flag, a variable or a file cannot be used
    │   ├── ConfigurationError    (4)  betrontech-sim.yaml or an environment variable
    │   └── ScenarioError         (4)  a scenario file, with all its problems
    ├── NothingSelected           (5)  the selection left no scenario
    └── EndpointUnreachable       (7)  no verdict was possible because no answer came

A *finding* is not an error: what a wallet does wrong is data (`simulator.core.findings`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `betrontech-sim`."""

    PASSED = 0
    FOUND = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    NOTHING_SELECTED = 5
    INCONCLUSIVE = 6
    UNREACHABLE = 7


class SimulatorError(Exception):
    """The simulator cannot go on; the message is for the user."""

    exit_code = ExitCode.INTERNAL


class UsageError(SimulatorError):
    """A flag, a variable or a file cannot be used."""

    exit_code = ExitCode.USAGE


class ConfigurationError(UsageError):
    """A setting in `betrontech-sim.yaml` or in the environment cannot be used."""


class ScenarioError(UsageError):
    """A scenario file cannot be used; the message holds every problem, framed."""

    def framed(self, say: Callable[[str], str] = str) -> str:
        """Return the problems in their frames; `say` translates what is ours."""
        return say(str(self))


class NothingSelected(SimulatorError):
    """The selection left no scenario to run."""

    exit_code = ExitCode.NOTHING_SELECTED


class EndpointUnreachable(SimulatorError):
    """The wallet did not answer before any verdict."""

    exit_code = ExitCode.UNREACHABLE
