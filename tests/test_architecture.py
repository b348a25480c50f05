"""The code keeps the rules of the house (docs/architecture.md), and the checkers that say so can say no."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from architecture_rules import (
    COMPOSERS,
    MAY_IMPORT,
    OUTSIDE,
    PROVIDED_BY,
    house_violations,
    violations,
)
from import_graph import Module, read_package

ROOT = Path(__file__).parent.parent
MODULES = read_package(ROOT)


def written(source: str, name: str = "simulator.core.sample") -> list[str]:
    """What the checker says about a module written by a test."""
    return [str(violation) for violation in violations(Module("sample.py", name, source))]


def house(**sources: str) -> list[str]:
    """What the checker says about a package of modules written by a test, and an importer of each."""
    modules = [Module(f"{name}.py", f"simulator.cli.{name}", source) for name, source in sources.items()]
    return house_violations(modules)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.path)
def test_every_module_keeps_the_rules(module: Module) -> None:
    """No module imports across a boundary, does work at import, or has grown past reading."""
    found = violations(module)
    assert not found, "\n" + "\n".join(str(violation) for violation in found)


def test_the_package_keeps_the_rules_of_the_whole() -> None:
    """No circle, no class name twice, and no crowd of small files that one other file imports."""
    found = house_violations(MODULES)
    assert not found, "\n" + "\n".join(found)


def test_every_part_has_its_rule() -> None:
    """A package or a module at the top that nobody placed in the layers is a hole in them."""
    parts = {module.part for module in MODULES}
    assert parts >= {"core"}
    assert parts <= {*MAY_IMPORT, *COMPOSERS, *OUTSIDE}


def test_run_and_serve_do_not_know_each_other_and_the_example_wallet_knows_nobody() -> None:
    assert "serve" not in MAY_IMPORT["run"]
    assert "run" not in MAY_IMPORT["serve"]
    assert not MAY_IMPORT["reference_operator"]


def test_every_dependency_is_declared() -> None:
    """What the modules may import is what pip installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {entry.split("=")[0].split(">")[0] for entry in project["dependencies"]}
    assert set(PROVIDED_BY.values()) == declared


IMPURE = {
    "socket": "import socket",
    "threads": "from threading import Lock",
    "clock": "import time",
    "operating system": "import os.path",
    "files": "from pathlib import Path",
    "processes": "import subprocess",
    "database": "import sqlite3",
    "event loop": "import asyncio",
    "network half of urllib": "import urllib.request",
    "bare urllib": "import urllib",
    "dynamic import": "import importlib",
    "inside a function": "def f():\n    import logging  # a reason does not help here",
    "under TYPE_CHECKING": "import typing\nif typing.TYPE_CHECKING:\n    from tempfile import mkdtemp",
    "third party": "import jsonschema",
    "global random": "import random\nx = random.randint(1, 6)",
    "imported global random": "from random import choice",
    "system random": "import random\nx = random.SystemRandom()",
    "random without a seed": "from random import Random\nx = Random()",
    "wall clock": "from datetime import datetime\ndef f():\n    return datetime.now()",
    "wall clock by module": "import datetime\ndef f():\n    return datetime.datetime.now(None)",
    "opens a file": "def f():\n    return open('x')",
    "executes text": "def f():\n    exec('import os')",
    "prints": "def f():\n    print('x')",
}


@pytest.mark.parametrize("part", ["core", "law", "history", "judge"])
@pytest.mark.parametrize("source", IMPURE.values(), ids=IMPURE.keys())
def test_an_impure_module_is_caught(source: str, part: str) -> None:
    """Every way to reach files, clocks, threads, sockets or chance from a pure part is a violation."""
    assert written(source, f"simulator.{part}.sample")


PURE = '''"""Doc."""
from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

from simulator.core.money import Money
from simulator.errors import UsageError

from . import webhooks

CHANCE = random.Random(7)


def roll(chance: random.Random) -> int:
    return chance.randint(1, 6)
'''


@pytest.mark.parametrize("part", ["core", "law", "history", "judge"])
def test_a_pure_module_passes(part: str) -> None:
    """What a pure part needs is allowed: exact numbers, URLs as text, seeded chance."""
    assert written(PURE, f"simulator.{part}.sample") == []


ACROSS = {
    "core knows the law": ("simulator.core.a", "from simulator.law import roles"),
    "core knows the wire, relatively": ("simulator.core.a", "from ..wire import sender"),
    "core knows the wire, from its package file": ("simulator.core.__init__", "from .. import wire"),
    "the law knows histories": ("simulator.law.book", "from simulator.history import operations"),
    "histories know the judge": ("simulator.history.check", "from simulator.judge import referee"),
    "the judge knows run": ("simulator.judge.referee", "from simulator.run.context import RunContext"),
    "the judge knows settings": ("simulator.judge.referee", "from simulator.settings import RunSettings"),
    "the judge knows settings for types": (
        "simulator.judge.referee",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from simulator.settings import RunSettings",
    ),
    "the wire knows scenarios": ("simulator.wire.faults", "from simulator.scenario.steps import Fault"),
    "scenarios know the judge": ("simulator.scenario.dry_run", "import simulator.judge.referee"),
    "reports know run": ("simulator.report.junit", "import simulator.run.suite"),
    "reports know the wire": ("simulator.report.junit", "from simulator.wire.sender import Sender"),
    "run knows serve": ("simulator.run.suite", "from simulator.serve import app"),
    "run knows serve, by name": (
        "simulator.run.a",
        "import importlib\nx = importlib.import_module('simulator.serve.app')",
    ),
    "serve knows run": ("simulator.serve.app", "from simulator.run import suite"),
    "run knows load": ("simulator.run.suite", "from simulator import load"),
    "the wire knows the cli": ("simulator.wire.sender", "from simulator.cli import main"),
    "the operator shares money": ("simulator.reference_operator.a", "from simulator.core.money import Money"),
    "the operator shares errors": (
        "simulator.reference_operator.a",
        "from simulator.errors import UsageError",
    ),
    "a part without a place": ("simulator.helpers.a", "from simulator.core.money import Money"),
    "flask in run": ("simulator.run.a", "from flask import Flask"),
    "requests in serve": ("simulator.serve.a", "import requests"),
    "urllib3 in run": ("simulator.run.a", "from urllib3.util import Retry"),
    "sqlite3 in the sender": ("simulator.wire.sender", "import sqlite3"),
    "locust in the scenarios": ("simulator.scenario.loader", "import locust"),
    "niquests in the wire": ("simulator.wire.sender", "import niquests"),
    "an undeclared dependency": ("simulator.cli.run", "import httpx"),
    "environment in the cli": ("simulator.cli.run", "import os\nx = os.environ['A']"),
    "environment in the wire": ("simulator.wire.a", "from os import getenv"),
    "rules of the law read in core": ("simulator.core.a", "import tomllib"),
    "another module of the law reads files": ("simulator.law.book", "from pathlib import Path"),
    "a finding of run's own": ("simulator.run.a", "def f():\n    return Finding(rule='CON-03')"),
    "a finding of serve's own": ("simulator.serve.a", "def f():\n    return findings.Finding(rule='CON-03')"),
    "import in a function": ("simulator.cli.run", "def f():\n    import json\n"),
    "work at import": ("simulator.cli.run", "print('hello')"),
    "loop at import": ("simulator.cli.run", "for x in range(3):\n    y = x"),
    "long file": ("simulator.cli.run", "x = 1\n" * 601),
    "long function": ("simulator.cli.run", "def f():\n" + "    x = 1\n" * 50),
}


@pytest.mark.parametrize(("name", "source"), ACROSS.values(), ids=ACROSS.keys())
def test_a_module_that_breaks_a_rule_is_caught(name: str, source: str) -> None:
    """Each rule is one that the checker can report, at a line."""
    found = written(source, name)
    assert found
    assert all(line.startswith("sample.py:") for line in found)


ALLOWED = {
    "cli knows everyone": (
        "simulator.cli.serve",
        "from simulator.serve import app\nfrom simulator.run import suite",
    ),
    "load stands above run and serve": (
        "simulator.load.users",
        "import locust\nfrom simulator.run import suite\nfrom simulator.serve import app",
    ),
    "the plugin stands above run": ("simulator.pytest_plugin", "from simulator.run import suite"),
    "the judge knows law and histories": (
        "simulator.judge.referee",
        "from simulator.law.book import Book\nfrom simulator.history.check import check_history",
    ),
    "run has a referee": ("simulator.run.session", "from simulator.judge.referee import Referee"),
    "serve has a referee": ("simulator.serve.calls", "from simulator.judge.referee import Referee"),
    "the law reads its rules": (
        "simulator.law.rules",
        "import tomllib\nfrom importlib.resources import files",
    ),
    "the judge makes findings": ("simulator.judge.findings", "def f():\n    return Finding(rule='CON-03')"),
    "the wire sends": ("simulator.wire.sender", "import requests\nfrom urllib3 import HTTPResponse"),
    "the journal is a database": ("simulator.serve.journal", "import sqlite3"),
    "the operator is a database": (
        "simulator.reference_operator.wallet",
        "import sqlite3\nfrom flask import Flask",
    ),
    "settings read the environment": ("simulator.settings", "import os\nx = os.environ.get('A')"),
    "a heavy import with its reason": (
        "simulator.cli.run",
        "def f():\n    # costs 80 ms that `run` does not need\n    import rich\n    from rich import box\n",
    ),
    "a file of six hundred lines": ("simulator.cli.run", "x = 1\n" * 600),
    "a function of fifty lines": ("simulator.cli.run", "def f():\n" + "    x = 1\n" * 49),
    "a command that is registered": ("simulator.cli.__init__", "group.add_command(run)"),
}


@pytest.mark.parametrize(("name", "source"), ALLOWED.values(), ids=ALLOWED.keys())
def test_a_module_that_keeps_the_rules_passes(name: str, source: str) -> None:
    """The checker cries no wolf."""
    assert written(source, name) == []


LONG = "x = 1\n" * 40
HOUSES = {
    "a circle": ({"a": "import simulator.cli.b", "b": "import simulator.cli.a"}, "a circle of imports"),
    "a circle for types": (
        {
            "a": "import simulator.cli.b",
            "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import simulator.cli.a",
        },
        "a circle of imports",
    ),
    "a name twice": ({"a": "class Call: ...", "b": "class Call: ..."}, "the class name Call is used twice"),
    "a small file with one importer": (
        {"a": '"""Three words here."""', "b": "import simulator.cli.a", "c": "", "d": ""},
        "a.py has 1 lines and one importer",
    ),
    "too many with one importer": (
        {"a": LONG, "b": "import simulator.cli.a", "c": ""},
        "1 of 3 files have one importer, more than 30%",
    ),
}


@pytest.mark.parametrize(("sources", "message"), HOUSES.values(), ids=HOUSES.keys())
def test_a_house_that_breaks_a_rule_is_caught(sources: dict[str, str], message: str) -> None:
    assert any(message in found for found in house(**sources))


def test_a_house_that_keeps_the_rules_passes() -> None:
    """A small file may give its reason, a long one needs none, and three of ten may have one importer."""
    small = '"""Alone, because both sides of the fork load it first."""'
    used = {"e": "import simulator.cli.a", "f": "import simulator.cli.b", "g": "import simulator.cli.c"}
    assert house(a=small, b=LONG, c=LONG, d="", h="", i="", j="", **used) == []
