"""The rules of the house as data, and the checkers that read them off syntax trees.

What lives here: rules, and pure functions from modules to violations. Which files are checked, and what
fails, stands in test_architecture.py; how imports are read, in import_graph.py.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from import_graph import ImportGraph, Module, Violation, functions, imports, public_classes_defined_twice

# Rule 1: package → the other parts of the simulator that it may import. `errors` is the tree of exceptions.
BASE = frozenset({"core", "errors"})
BELOW = BASE | {"law", "history", "judge", "wire", "scenario", "report", "settings"}
MAY_IMPORT = {
    "errors": frozenset[str](),
    "core": frozenset({"errors"}),
    "law": BASE,
    "history": BASE | {"law"},
    "judge": BASE | {"law", "history"},
    "wire": BASE,
    "scenario": BASE | {"law", "wire"},
    "report": BASE | {"law"},
    "settings": BASE | {"wire", "scenario"},
    "archive": BASE | {"law", "history", "judge", "wire"},
    "run": BELOW,
    # `serve --with-operator` starts the example wallet beside it.
    "serve": BELOW | {"reference_operator"},
    "reference_operator": frozenset[str](),
}
# These put the parts together: they alone may use both `run` and `serve`.
COMPOSERS = frozenset({"cli", "explore", "load", "record", "pytest_plugin"})
# `import simulator` for the version, and for where the package lies.
PACKAGE_ITSELF = frozenset({"", "__version__"})
# The package's own files hand names on and start the command line.
OUTSIDE = frozenset({"__init__", "__main__"})

# Rule 2. A list of what is allowed, not of what is forbidden: a new I/O module cannot slip in unseen.
PURE = frozenset({"core", "law", "history", "judge"})
# fmt: off
PURE_STDLIB = frozenset({
    "__future__", "abc", "array", "base64", "binascii", "bisect", "collections", "contextlib", "copy",
    "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "gc", "graphlib",
    "hashlib", "heapq", "hmac", "html", "ipaddress", "itertools", "json", "keyword", "math", "numbers",
    "operator", "pathlib.PurePath", "pathlib.PurePosixPath", "posixpath.dirname", "posixpath.join",
    "posixpath.normpath", "random", "re", "shlex", "statistics", "string", "struct", "textwrap", "types",
    "typing", "unicodedata", "urllib.parse", "zlib",
})
# fmt: on
# The rules of the law are data files of the package, which are read once; no file of a user is.
PURE_ALSO = {"simulator.law.rules": frozenset({"importlib.resources", "pathlib.Path", "tomllib"})}
IMPURE_CALLS = frozenset({"open", "print", "input", "exec", "eval", "breakpoint", "__import__"})
# It compiles constructors, as the standard library's dataclasses does; exec elsewhere could hide anything.
MAY_EXEC = "simulator.core.values"
CLOCK_METHODS = frozenset({"now", "today", "utcnow"})

# What is imported or read → the only places for it.
ONLY_IN = {
    "flask": ("simulator.serve", "simulator.reference_operator"),
    "requests": ("simulator.wire", "simulator.run.doctor"),
    "urllib3": ("simulator.wire", "simulator.run.doctor"),
    "gevent": ("simulator.load",),
    "locust": ("simulator.load",),
    "pyarrow": ("simulator.archive",),
    "pytest": ("simulator.pytest_plugin",),
    "sqlite3": ("simulator.serve.journal", "simulator.serve.store", "simulator.reference_operator"),
    "niquests": (),
}
ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"})
ENVIRONMENT_READER = "simulator.settings"

# Module of a dependency → the requirement in pyproject.toml that brings it.
PROVIDED_BY = {
    "click": "click",
    "faker": "faker",
    "flask": "flask",
    "jinja2": "flask",
    "markupsafe": "flask",
    "werkzeug": "flask",
    "gunicorn": "gunicorn",
    "jwt": "pyjwt",
    "prometheus_client": "prometheus-client",
    "requests": "requests",
    "urllib3": "requests",
    "certifi": "requests",
    "rich": "rich",
    "yaml": "pyyaml",
}

# Rule 3.
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 50
SMALL_FILE_LINES = 40
SINGLE_IMPORTER_SHARE_MAX = 0.30
REASON = "because"
"""The word by which a small module's docstring says why it is a file of its own."""

# Rule 4: causes come out of the judge.
CAUSE_MAKER = "judge"
CAUSE_HOME = "simulator.core.findings"


def violations(module: Module) -> list[Violation]:
    """Find everything in one module that breaks a rule, by line."""
    found = [*import_violations(module), *environment_violations(module), *size_violations(module)]
    found += [*place_violations(module), *import_time_violations(module), *cause_violations(module)]
    if module.part in PURE:
        found += purity_violations(module)
    return sorted(found, key=lambda violation: violation.line)


def within(name: str, places: tuple[str, ...] | frozenset[str]) -> bool:
    """Tell whether a name is one of the places or lies below: `load` holds `load_users`, not `loader`."""
    return any(name == place or name.startswith((f"{place}.", f"{place}_")) for place in places)


def import_violations(module: Module) -> Iterator[Violation]:
    """Find imports against rules 1 and 2, in the wrong place, or of a dependency that is not declared."""
    for each in imports(module):
        node, target = each.node, each.target
        if target.split(".")[0] == "simulator":
            yield from layer_violation(module, node, target)
        elif module.part in PURE and not within(
            target, PURE_STDLIB | PURE_ALSO.get(module.name, frozenset())
        ):
            message = f"rule 2: {module.part} is pure and may not import {target}; pass in what it needs"
            yield module.at(node, message)
        for name, places in ONLY_IN.items():
            if within(target, (name,)) and not within(module.name, places):
                where = ", ".join(places) or "nowhere"
                yield module.at(node, f"{name} belongs to {where}, not to {module.name}")
        root = target.split(".")[0]
        if root not in {*sys.stdlib_module_names, *PROVIDED_BY, *ONLY_IN, "simulator"}:
            yield module.at(node, f"{root} is no dependency that pyproject.toml declares")


def layer_violation(module: Module, node: ast.stmt | ast.expr, target: str) -> Iterator[Violation]:
    """Find an import of a part that this one may not know (rule 1)."""
    part = target.partition(".")[2].partition(".")[0]
    if module.part in COMPOSERS | OUTSIDE or part in {module.part, *PACKAGE_ITSELF}:
        return
    allowed = MAY_IMPORT.get(module.part)
    if allowed is None:
        yield module.at(node, f"rule 1: {module.part} has no place in the layers; it may not import {target}")
    elif part not in allowed:
        may = ", ".join(sorted(allowed)) or "nothing of the simulator"
        yield module.at(node, f"rule 1: {module.part} may import {may}; not {target}")


def environment_violations(module: Module) -> Iterator[Violation]:
    """Find reads of the environment outside of the settings."""
    if module.name == ENVIRONMENT_READER or module.name.startswith(f"{ENVIRONMENT_READER}."):
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=attr) if attr in ENVIRONMENT:
                yield module.at(node, f"os.{attr} is for {ENVIRONMENT_READER} only")
            case ast.ImportFrom(module="os", names=names):
                for alias in names:
                    if alias.name in ENVIRONMENT:
                        yield module.at(node, f"os.{alias.name} is for {ENVIRONMENT_READER} only")
            case _:
                pass


def purity_violations(module: Module) -> Iterator[Violation]:
    """Find I/O built-ins, clocks and randomness without a seed (rule 2 beyond imports)."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id="exec")) if module.name == MAY_EXEC:
                pass
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield module.at(node, f"rule 2: {module.part} is pure and may not call {name}()")
            case (
                ast.Call(func=ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=attr))
                | ast.Call(func=ast.Attribute(value=ast.Attribute(attr="datetime" | "date"), attr=attr))
            ) if attr in CLOCK_METHODS:
                yield module.at(
                    node, f"rule 2: {module.part} has no clock, so no {attr}(); take the time as an argument"
                )
            case ast.Attribute(value=ast.Name(id="random"), attr=attr) if attr != "Random":
                yield module.at(node, f"rule 2: random.{attr} is global; use random.Random(seed)")
            case ast.ImportFrom(module="random", names=names):
                for alias in names:
                    if alias.name != "Random":
                        yield module.at(
                            node, f"rule 2: random.{alias.name} is global; use random.Random(seed)"
                        )
            case ast.Call(
                func=ast.Name(id="Random") | ast.Attribute(value=ast.Name(id="random"), attr="Random"),
                args=[],
                keywords=[],
            ):
                yield module.at(node, "rule 2: Random() without a seed never repeats")
            case _:
                pass


def place_violations(module: Module) -> Iterator[Violation]:
    """Find imports inside a function without a reason in a comment, on their line or before it."""
    lines = module.source.splitlines()
    for outer in ast.walk(module.tree):
        if not isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(outer):
            if isinstance(node, ast.Import | ast.ImportFrom):
                reasons = [line for line in lines[outer.lineno : node.lineno] if "#" in line]
                if not reasons:
                    message = "imports stand at the top of the file, or a comment says why not"
                    yield module.at(node, message)


def import_time_violations(module: Module) -> Iterator[Violation]:
    """Find statements at the top level that do something: importing a module only defines things."""
    if module.name.endswith(".__main__"):
        return
    for node in module.tree.body:
        match node:
            case ast.Expr(value=ast.Constant()):
                pass
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=attr))) if attr.startswith(
                ("add_", "register")
            ):
                pass
            case ast.Expr() | ast.For() | ast.While() | ast.With():
                yield module.at(node, "importing a module only defines things; this statement does something")
            case _:
                pass


def size_violations(module: Module) -> Iterator[Violation]:
    """Find files and functions that are too long to read in one go (rule 3)."""
    if module.lines > FILE_LINES_MAX:
        message = (
            f"rule 3: the file has {module.lines} lines, more than {FILE_LINES_MAX}; split it by meaning"
        )
        yield Violation(module.path, FILE_LINES_MAX + 1, message)
    for node, length in functions(module):
        if length > FUNCTION_LINES_MAX:
            message = f"{node.name}() has {length} lines, more than {FUNCTION_LINES_MAX}; split it by meaning"
            yield module.at(node, f"rule 3: {message}")


def cause_violations(module: Module) -> Iterator[Violation]:
    """Find findings that are made outside of the judge (rule 4)."""
    if module.part == CAUSE_MAKER or module.name == CAUSE_HOME:
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id="Finding") | ast.Attribute(attr="Finding")):
                message = f"rule 4: findings are made in simulator.{CAUSE_MAKER}, not in {module.name}"
                yield module.at(node, message)
            case _:
                pass


def house_violations(modules: list[Module]) -> list[str]:
    """Find what breaks a rule of the whole package: circles, names, small files, and how many stand alone."""
    graph = ImportGraph(modules)
    found = [f"rule 1: a circle of imports: {', '.join(each)}" for each in graph.circles(with_types=True)]
    for name, homes in public_classes_defined_twice(modules).items():
        found.append(f"rule 3: the class name {name} is used twice: in {', '.join(homes)}")
    single = graph.single_importer()
    for module in single:
        if module.lines < SMALL_FILE_LINES and not module.is_start and not gives_reason(module):
            [importer] = graph.importers(module.name)
            found.append(
                f"rule 3: {module.path} has {module.lines} lines and one importer: move it into {importer}, "
                f'or say in its docstring why it is a file of its own ("... {REASON} ...")'
            )
    if len(single) > SINGLE_IMPORTER_SHARE_MAX * len(modules):
        found.append(
            f"rule 3: {len(single)} of {len(modules)} files have one importer, more than "
            f"{SINGLE_IMPORTER_SHARE_MAX:.0%}; `python tests/house.py --names` lists them"
        )
    return found


def gives_reason(module: Module) -> bool:
    """Tell whether the docstring of a small module says why it is a file of its own."""
    return REASON in (ast.get_docstring(module.tree) or "").lower().split()
