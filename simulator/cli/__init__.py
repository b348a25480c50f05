"""The command line. One file a command (`NAME_cmd.py`): parse, call, exit code, nothing else.

`main` is the console script; what each end of a command means for the exit code stands in `ending`, the
names of the commands in `commands`.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `betrontech-sim` with these arguments (default: the process's own); returns the exit code."""
    try:
        # Importing click takes longest: an interrupt meanwhile must end like any other, without a traceback.
        from simulator.cli.ending import run_to_the_end

        return run_to_the_end(arguments)
    except KeyboardInterrupt:
        return 2
