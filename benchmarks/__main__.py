"""`make bench`: every line of the performance targets beside its baseline, from one run. Never a test.

A benchmark is a module here with `figures()`. Ratios of one run say something, absolute figures of a shared
machine little. Names on the command line choose: `python -m benchmarks start steps`.
"""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.figure import Figure, table

MODULES = ("transport", "reading", "steps", "start", "loader", "memory", "consistency", "serve")


def main(chosen: list[str]) -> None:
    """Run the benchmarks of those names, or all."""
    for name in chosen:
        if name not in MODULES:
            raise SystemExit(f'no benchmark "{name}": there are {", ".join(MODULES)}')
    figures: list[Figure] = []
    for name in chosen or MODULES:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures += import_module(f"benchmarks.{name}").figures()
    print(table(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
