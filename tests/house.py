"""The numbers of the house: how large the simulator is, and how far one has to walk in it.

`python tests/house.py` (or `make house`) prints them, with `--names` what is behind each.
Everything is measured: the tree is read, and one bet is run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from architecture_rules import FILE_LINES_MAX, FUNCTION_LINES_MAX, SMALL_FILE_LINES
from house_walk import walks
from import_graph import (
    ImportGraph,
    Module,
    functions,
    public_classes_defined_twice,
    read_package,
)

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what it counts, and the names behind it."""

    title: str
    value: str
    names: Sequence[str] = ()


def figures(modules: list[Module]) -> Iterator[Figure]:
    """Measure everything, what is read first and what is run last."""
    graph = ImportGraph(modules)
    yield Figure("files", f"{len(modules):,}")
    yield Figure("lines of Python", f"{sum(module.lines for module in modules):,}")
    twice = public_classes_defined_twice(modules)
    yield _figure(
        "public class names defined twice", [f"{name}: {', '.join(at)}" for name, at in twice.items()]
    )
    for title, with_types in (("import circles", False), ("import circles, imports for types too", True)):
        yield _figure(title, [", ".join(circle) for circle in graph.circles(with_types=with_types)])
    yield from _lonely(graph)
    long = [each for each in modules if each.lines > FILE_LINES_MAX]
    yield _figure(f"files over {FILE_LINES_MAX} lines", [f"{each.name} ({each.lines})" for each in long])
    found = [(each, node, size) for each in modules for node, size in functions(each)]
    yield _figure(
        f"functions over {FUNCTION_LINES_MAX} lines",
        [f"{each.name}.{node.name} ({size})" for each, node, size in found if size > FUNCTION_LINES_MAX],
    )
    yield from _walked()


def _figure(title: str, names: Sequence[str]) -> Figure:
    return Figure(title, f"{len(names):,}", names)


def _lonely(graph: ImportGraph) -> Iterator[Figure]:
    """Count the files that one other file imports, and how many of them are small."""
    single = graph.single_importer()
    share = 100 * len(single) / len(graph.modules)
    names = [f"{each.name} <- {', '.join(graph.importers(each.name))}" for each in single]
    yield Figure("files that one other file imports", f"{len(single):,} ({share:.1f} %)", names)
    small = [each for each in single if each.lines < SMALL_FILE_LINES and not each.is_start]
    yield _figure(
        f"of them public modules under {SMALL_FILE_LINES} lines",
        [f"{each.name} ({each.lines})" for each in small if not each.name.rpartition(".")[2].startswith("_")],
    )


def _walked() -> Iterator[Figure]:
    done = walks()
    yield Figure("files that one plain bet crosses", f"{len(done.bet.files)}", done.bet.files)
    yield Figure("changes of file in one plain bet", f"{done.bet.changes}")
    yield Figure("files from YAML text to verdict", f"{len(done.verdict.files)}", done.verdict.files)


NOTES = """
An importer is a file whose code imports the other one, in a function too; `if TYPE_CHECKING:` does not count.
A circle is a group of files that import each other at their top level; who imports `simulator` itself wants
its version, and closes none.
One plain bet is the third of three in a run without reports: from the end of the second step to its own end,
the simulator's files whose functions were called, the example wallet's left out; a change of file is a call
into another file than the call before it. YAML text to verdict is the same from the start of that run to the
end of its scenario, with preflight and opening; what is imported on the way counts.
"""


def main(arguments: Sequence[str]) -> None:
    """Print every figure, with `--names` what is behind it."""
    with_names = "--names" in arguments
    for figure in figures(read_package(ROOT)):
        print(f"{figure.title:<42}{figure.value:>14}", flush=True)
        for name in figure.names if with_names else ():
            print(f"    {name}")
    print(NOTES, end="")


if __name__ == "__main__":
    main(sys.argv[1:])
