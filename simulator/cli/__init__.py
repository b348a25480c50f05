"""The command line. One file a command (`NAME_cmd.py`): parse, call, exit code, nothing else.

`main` is the console script; what each end of a command means for the exit code stands in `ending`, the
names of the commands in `commands`.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence

GARBAGE_OBJECTS_MIN = 100_000
"""From so many new objects on the collector looks for garbage; what imports make lives to the end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `betrontech-sim` with these arguments (default: the process's own); returns the exit code."""
    gc.set_threshold(GARBAGE_OBJECTS_MIN)
    try:
        # Importing click takes longest: an interrupt meanwhile must end like any other, without a traceback.
        from simulator.cli.commands import run_to_the_end

        return run_to_the_end(arguments)
    except KeyboardInterrupt:
        return 2
    finally:
        # The interpreter would look through everything once more as it ends: a fifth of a short run.
        gc.freeze()
