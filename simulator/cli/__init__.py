"""The command line. `main` is the console script, `commands` the table of commands; each `NAME_cmd.py` parses
the flags of one command, calls what does the work and returns the exit code.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence

GARBAGE_OBJECTS_MIN = 100_000
"""How many new objects start a garbage collection: most objects come from imports and live to the end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `betrontech-sim` with these arguments (default: those of the process); return the exit code."""
    gc.set_threshold(GARBAGE_OBJECTS_MIN)
    try:
        # Importing click takes longest: an interrupt during it must end without a traceback, like any other.
        from simulator.cli.commands import run_to_the_end

        return run_to_the_end(arguments)
    except KeyboardInterrupt:
        return 2
    finally:
        # Spare the interpreter's last garbage collection, which takes a fifth of a short run.
        gc.freeze()
