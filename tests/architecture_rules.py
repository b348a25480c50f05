"""The import rules of docs/architecture.md as data, and the checker that reads them off a syntax tree.

What lives here: rules and a pure function from source text to violations. Which files are checked, and what
fails, stands in test_architecture.py; how imports are read, in import_graph.py.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from import_graph import Module, Violation, functions, imports

# Rule 1. A list of what is allowed, not of what is forbidden: a new I/O module cannot slip in unseen.
# fmt: off
PURE_STDLIB = frozenset({
    "__future__", "abc", "array", "base64", "binascii", "bisect", "collections", "contextlib", "copy",
    "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "gc", "graphlib",
    "hashlib", "heapq", "hmac", "html", "ipaddress", "itertools", "json", "keyword", "math", "numbers",
    "operator", "pathlib.PurePath", "pathlib.PurePosixPath", "posixpath.dirname", "posixpath.join",
    "posixpath.normpath", "random", "re", "statistics", "string", "struct", "textwrap", "types", "typing",
    "unicodedata", "urllib.parse", "zlib",
})
# fmt: on
PURE_THIRD_PARTY = frozenset({"yaml", "faker"})
IMPURE_CALLS = frozenset({"open", "print", "input", "exec", "eval", "breakpoint", "__import__"})
# It compiles constructors, as the standard library's dataclasses does; exec elsewhere could hide anything.
MAY_EXEC = "simulator.core.frozen"
CLOCK_METHODS = frozenset({"now", "today", "utcnow"})

# Rules 2 to 4: package → the packages and modules of ours it may import, itself aside.
SHARED = frozenset({"core", "delivery", "settings", "errors"})
# What api, play and console of one server have in common: accounts, game sessions, and what holds them.
SERVER = frozenset({"agents", "sessions", "server_state", "event_streams", "api_faults"})
MAY_IMPORT = {
    "core": frozenset({"errors"}),
    "errors": frozenset[str](),
    "settings": frozenset({"core", "errors"}),
    "delivery": SHARED,
    "reports": frozenset({"core", "errors"}),
    **dict.fromkeys(("api", "play", "console", *SERVER), SHARED | SERVER),
    "runner": SHARED,
    "reference_operator": frozenset({"settings", "errors"}),
}
# `import simulator` for the version, and for where the package lies.
PACKAGE_ITSELF = frozenset({"", "__version__"})
# Without an entry above stand the parts that put the others together: `cli`, `app`, `serving`.
COMPOSERS = frozenset({"cli", "serving"})

# Rule 5: what is imported or read → the only places for it.
ONLY_IN = {
    "flask": tuple(
        f"simulator.{part}"
        for part in ("api", "play", "console", "reference_operator", "app", "event_streams")
    ),
    "requests": ("simulator.delivery", "simulator.cli.doctor"),
    "urllib3": ("simulator.delivery", "simulator.cli.doctor"),
    "locust": ("simulator.runner.load",),
    "sqlite3": ("simulator.delivery.journal", "simulator.reference_operator"),
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
    "requests": "requests",
    "urllib3": "requests",
    "certifi": "requests",
    "rich": "rich",
    "yaml": "pyyaml",
}

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
SMALL_FILE_LINES = 40


def violations(module: Module) -> list[Violation]:
    """Everything in one module that breaks a rule, by line."""
    found = [*import_violations(module), *environment_violations(module), *size_violations(module)]
    found += [*place_violations(module), *import_time_violations(module)]
    if module.part == "core":
        found += purity_violations(module)
    return sorted(found, key=lambda violation: violation.line)


def within(name: str, places: tuple[str, ...] | frozenset[str]) -> bool:
    """Whether a dotted name is one of the places or lies below: `load` holds `load_users`, not `loader`."""
    return any(name == place or name.startswith((f"{place}.", f"{place}_")) for place in places)


def import_violations(module: Module) -> Iterator[Violation]:
    """Rules 1 to 5, as far as they are about imports, and dependencies that nobody declared."""
    for each in imports(module):
        node, target = each.node, each.target
        if target.split(".")[0] == "simulator":
            yield from layer_violation(module, node, target)
        elif module.part == "core" and not within(target, PURE_STDLIB | PURE_THIRD_PARTY):
            yield module.at(node, f"rule 1: core is pure and may not import {target}; pass in what it needs")
        for name, places in ONLY_IN.items():
            if within(target, (name,)) and not within(module.name, places):
                where = ", ".join(places) or "nowhere"
                yield module.at(node, f"rule 5: {name} belongs to {where}, not to {module.name}")
        root = target.split(".")[0]
        if root not in {*sys.stdlib_module_names, *PROVIDED_BY, *ONLY_IN, "simulator"}:
            yield module.at(node, f"{root} is no dependency that pyproject.toml declares")


def layer_violation(module: Module, node: ast.stmt | ast.expr, target: str) -> Iterator[Violation]:
    """Rules 2 to 4: which of our parts may import which."""
    part = target.partition(".")[2].partition(".")[0]
    allowed = MAY_IMPORT.get(module.part)
    if allowed is None or part in {module.part, *allowed, *PACKAGE_ITSELF}:
        return
    may = ", ".join(sorted(allowed)) or "nothing of ours"
    yield module.at(node, f"rules 1-4: {module.part} may import {may}; not {target}")


def environment_violations(module: Module) -> Iterator[Violation]:
    """Rule 5: the environment is read in one module."""
    if module.name == ENVIRONMENT_READER or module.name.startswith(f"{ENVIRONMENT_READER}."):
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=attr) if attr in ENVIRONMENT:
                yield module.at(node, f"rule 5: os.{attr} is for {ENVIRONMENT_READER} only")
            case ast.ImportFrom(module="os", names=names):
                for alias in names:
                    if alias.name in ENVIRONMENT:
                        yield module.at(node, f"rule 5: os.{alias.name} is for {ENVIRONMENT_READER} only")
            case _:
                pass


def purity_violations(module: Module) -> Iterator[Violation]:
    """Rule 1 beyond imports: no I/O built-ins, no clock, no randomness without a seed."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id="exec")) if module.name == MAY_EXEC:
                pass
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield module.at(node, f"rule 1: core is pure and may not call {name}()")
            case (
                ast.Call(func=ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=attr))
                | ast.Call(func=ast.Attribute(value=ast.Attribute(attr="datetime" | "date"), attr=attr))
            ) if attr in CLOCK_METHODS:
                yield module.at(
                    node, f"rule 1: core has no clock, so no {attr}(); take the time as an argument"
                )
            case ast.Attribute(value=ast.Name(id="random"), attr=attr) if attr != "Random":
                yield module.at(node, f"rule 1: random.{attr} is global; use random.Random(seed)")
            case ast.ImportFrom(module="random", names=names):
                for alias in names:
                    if alias.name != "Random":
                        yield module.at(
                            node, f"rule 1: random.{alias.name} is global; use random.Random(seed)"
                        )
            case ast.Call(
                func=ast.Name(id="Random") | ast.Attribute(value=ast.Name(id="random"), attr="Random"),
                args=[],
                keywords=[],
            ):
                yield module.at(node, "rule 1: Random() without a seed never repeats")
            case _:
                pass


def place_violations(module: Module) -> Iterator[Violation]:
    """Rule 6: an import inside a function has its reason in a comment, on its line or before it."""
    lines = module.source.splitlines()
    for outer in ast.walk(module.tree):
        if not isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(outer):
            if isinstance(node, ast.Import | ast.ImportFrom):
                reasons = [line for line in lines[outer.lineno : node.lineno] if "#" in line]
                if not reasons:
                    message = "imports stand at the top of the file, or a comment says why not"
                    yield module.at(node, f"rule 6: {message}")


def import_time_violations(module: Module) -> Iterator[Violation]:
    """No surprise at the top level: importing a module defines things and does nothing else."""
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
    """Files and functions short enough to read in one go."""
    if module.lines > FILE_LINES_MAX:
        message = f"the file has {module.lines} lines, more than {FILE_LINES_MAX}; split it by meaning"
        yield Violation(module.path, FILE_LINES_MAX + 1, message)
    for node, length in functions(module):
        if length > FUNCTION_LINES_MAX:
            message = f"{node.name}() has {length} lines, more than {FUNCTION_LINES_MAX}; split it by meaning"
            yield module.at(node, message)
