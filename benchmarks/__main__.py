"""`make bench`: every line of the performance targets beside its baseline, from one run. Never a test.

A benchmark is a module here with `figures()`. Ratios of one run say something, absolute figures of a shared
machine little. Names on the command line choose: `python -m benchmarks start steps`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from benchmarks.figure import Figure, table

MODULES = ("transport", "reading", "steps", "start", "loader", "memory", "consistency", "serve")
HERE = Path(__file__).parent


def main(chosen: list[str]) -> None:
    """Run the benchmarks of those names, or all."""
    figures: list[Figure] = []
    for name in chosen or [name for name in MODULES if (HERE / f"{name}.py").exists()]:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures += import_module(f"benchmarks.{name}").figures()
    print(table(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
