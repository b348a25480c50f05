"""`make bench`: measure every performance target beside its baseline, in one run.

A benchmark is a module here with `figures()`. Ratios within one run are meaningful, absolute figures of a
shared machine hardly. `python -m benchmarks start steps` runs only some of them.
"""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.figure import Figure, table

MODULES = (
    "transport",
    "reading",
    "steps",
    "suite",
    "explore",
    "start",
    "loader",
    "memory",
    "consistency",
    "judging",
    "load",
    "serve",
)


def main(chosen: list[str]) -> None:
    """Run the benchmarks with these names, or all."""
    for name in chosen:
        if name not in MODULES:
            raise SystemExit(f'no benchmark is called "{name}"; valid: {", ".join(MODULES)}')
    figures: list[Figure] = []
    for name in chosen or MODULES:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures += import_module(f"benchmarks.{name}").figures()
    print(table(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
