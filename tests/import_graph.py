"""The package as the files of a folder say it: its modules, and which of them imports which.

What lives here: reading syntax trees. Which imports are allowed is said in architecture_rules.py, and what is
counted in house.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

PACKAGE = "simulator"


@dataclass(frozen=True, slots=True)
class Violation:
    """A line that breaks a rule, and the rule in words."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a statement, or a call of import_module, brings in.

    `for_types` says that it stands under `if TYPE_CHECKING:`, `deferred` that it stands inside a function.
    """

    node: ast.stmt | ast.expr
    target: str
    for_types: bool = False
    deferred: bool = False


@dataclass(frozen=True)
class Module:
    """One source file under its dotted name; a package's own file is named `package.__init__`."""

    path: str
    name: str
    source: str = field(repr=False)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; raises SyntaxError."""
        return ast.parse(self.source, self.path)

    @property
    def part(self) -> str:
        """The package or module below `simulator` that it belongs to, such as "core"."""
        return self.name.split(".")[1]

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return len(self.source.splitlines())

    @property
    def is_start(self) -> bool:
        """Whether it is a package's own file, or run as a program: nobody has to import such a file."""
        return self.name.endswith((".__init__", ".__main__"))

    def at(self, node: ast.stmt | ast.expr, message: str) -> Violation:
        """Return a violation at the node's line."""
        return Violation(self.path, node.lineno, message)


def read_package(root: Path) -> list[Module]:
    """Read every file of the package that lies in this folder."""
    return [module_at(file, root) for file in sorted((root / PACKAGE).rglob("*.py"))]


def module_at(file: Path, root: Path) -> Module:
    """Read one file as a module under its dotted name."""
    relative = file.relative_to(root)
    return Module(str(relative), ".".join(relative.with_suffix("").parts), file.read_text("utf-8"))


def imports(module: Module) -> Iterator[Import]:
    """Find each import with the dotted name it brings, relative ones and import_module("…") resolved."""
    yield from _imports_in(module.tree, module.name.split(".")[:-1], for_types=False, deferred=False)


def _imports_in(node: ast.AST, package: list[str], *, for_types: bool, deferred: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        typed = for_types or (isinstance(node, ast.If) and child in node.body and _asks_for_types(node.test))
        inside = deferred or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        for target in _targets(child, package):
            assert isinstance(child, ast.stmt | ast.expr)
            yield Import(child, target, typed, inside)
        yield from _imports_in(child, package, for_types=typed, deferred=inside)


def _asks_for_types(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _targets(node: ast.AST, package: list[str]) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=source, names=names, level=level):
            base = package[: len(package) - level + 1] if level else []
            prefix = ".".join([*base, *([source] if source else [])])
            return [f"{prefix}.{alias.name}" for alias in names]
        case ast.Call(
            func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return [name]
        case _:
            return []


@dataclass(frozen=True, slots=True)
class Edge:
    """One file that imports another, in one way or several."""

    source: str = field(repr=False)
    target: str
    for_types: bool
    deferred: bool


class ImportGraph:
    """Who imports whom among these modules, by their names."""

    def __init__(self, modules: list[Module]) -> None:
        self.modules: Mapping[str, Module] = {module.name: module for module in modules}
        self.edges = frozenset(self._edges())

    def _edges(self) -> Iterator[Edge]:
        for name, module in self.modules.items():
            for each in imports(module):
                target = self._file_of(each.target)
                if target not in (None, name):
                    yield Edge(name, str(target), each.for_types, each.deferred)

    def _file_of(self, target: str) -> str | None:
        """The module that a dotted name lies in: itself, or the longest beginning that is a file."""
        words = target.split(".")
        while words:
            name = ".".join(words)
            for candidate in (name, f"{name}.__init__"):
                if candidate in self.modules:
                    return candidate
            words.pop()
        return None

    def importers(self, name: str) -> frozenset[str]:
        """Return the modules that import this one when they run, inside functions too."""
        return self._importers.get(name, frozenset())

    @cached_property
    def _importers(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for edge in self.edges:
            if not edge.for_types:
                found.setdefault(edge.target, set()).add(edge.source)
        return {name: frozenset(sources) for name, sources in found.items()}

    def single_importer(self) -> list[Module]:
        """Return the modules that exactly one other module imports."""
        return [module for name, module in self.modules.items() if len(self.importers(name)) == 1]

    def circles(self, *, with_types: bool) -> list[list[str]]:
        """Return the groups of modules that import each other at their top level, each sorted.

        `import simulator` is left out: it is for the version, and the package imports parts for types only.
        """
        targets: dict[str, set[str]] = {name: set() for name in self.modules}
        for edge in self.edges:
            if edge.deferred or edge.target == f"{PACKAGE}.__init__":
                continue
            if with_types or not edge.for_types:
                targets[edge.source].add(edge.target)
        reach = {name: _reachable(name, targets) for name in targets}
        groups = {
            tuple(sorted(other for other in reach[name] if name in reach[other]))
            for name in targets
            if name in reach[name]
        }
        return [list(group) for group in sorted(groups)]


def _reachable(start: str, targets: Mapping[str, set[str]]) -> set[str]:
    """Return what is reached over at least one import."""
    found: set[str] = set()
    ahead = list(targets[start])
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead.extend(targets[name])
    return found


def public_classes_defined_twice(modules: list[Module]) -> dict[str, list[str]]:
    """Return each public class name that several files define, with their names."""
    homes: dict[str, list[str]] = {}
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module.name)
    return {name: places for name, places in sorted(homes.items()) if len(places) > 1}


def functions(module: Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Return each function and how many lines it has, its decorators left out."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1
