"""The code keeps the import rules of docs/architecture.md, and the checker that says so can say no."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from architecture_rules import COMPOSERS, MAY_IMPORT, PROVIDED_BY, violations
from import_graph import Module, module_at

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "simulator").rglob("*.py"))


def written(source: str, name: str = "simulator.core.sample") -> list[str]:
    """What the checker says about a module written by a test."""
    return [str(violation) for violation in violations(Module("sample.py", name, source))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_module_keeps_the_rules(file: Path) -> None:
    """No module imports across a boundary, does work at import, or has grown past reading."""
    found = violations(module_at(file, ROOT))
    assert not found, "\n" + "\n".join(str(violation) for violation in found)


def test_every_package_has_its_rule() -> None:
    """A package that nobody placed in the layers is a hole in them."""
    packages = {path.parent.name for path in (ROOT / "simulator").glob("*/__init__.py")}
    assert packages >= {"core"}
    assert packages <= {*MAY_IMPORT, *COMPOSERS}


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


@pytest.mark.parametrize("source", IMPURE.values(), ids=IMPURE.keys())
def test_an_impure_core_module_is_caught(source: str) -> None:
    """Every way to reach files, clocks, threads, sockets or chance from core is a violation."""
    assert written(source)


PURE = '''"""Doc."""
from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

import yaml
from faker import Faker

from simulator.core.money import Money
from simulator.errors import UsageError

from . import webhooks

CHANCE = random.Random(7)


def roll(chance: random.Random) -> int:
    return chance.randint(1, 6)
'''


def test_a_pure_core_module_passes() -> None:
    """What core needs is allowed: exact numbers, URLs as text, seeded chance, yaml and faker."""
    assert written(PURE) == []


ACROSS = {
    "core knows reports": ("simulator.core.a", "from simulator.reports import junit"),
    "core knows delivery, relatively": ("simulator.core.a", "from ..delivery import sender"),
    "core knows delivery, from its package file": ("simulator.core.__init__", "from .. import delivery"),
    "reports know the runner": ("simulator.reports.junit", "import simulator.runner.engine"),
    "reports know delivery": ("simulator.reports.junit", "from simulator.delivery.journal import Journal"),
    "api knows play": ("simulator.api.launch", "from simulator.play import page"),
    "play knows console": ("simulator.play.page", "from simulator import console"),
    "console knows runner": ("simulator.console.events", "from simulator.runner import engine"),
    "runner knows api": ("simulator.runner.engine", "from simulator.app import create_app"),
    "runner knows api, by name": (
        "simulator.runner.a",
        "import importlib\nx = importlib.import_module('simulator.api')",
    ),
    "delivery knows cli": ("simulator.delivery.sender", "from simulator.cli import main"),
    "the operator shares the ledger": ("simulator.reference_operator.a", "from simulator.core import ledger"),
    "the operator shares money": ("simulator.reference_operator.a", "from simulator.core.money import Money"),
    "api knows the app factory": ("simulator.api.launch", "from simulator.app import create_app"),
    "sessions know play": ("simulator.sessions", "from simulator.play import page"),
    "flask in the runner": ("simulator.runner.a", "from flask import Flask"),
    "requests in the api": ("simulator.api.a", "import requests"),
    "urllib3 in the runner": ("simulator.runner.a", "from urllib3.util import Retry"),
    "sqlite3 in the sender": ("simulator.delivery.sender", "import sqlite3"),
    "locust in the engine": ("simulator.runner.loader", "import locust"),
    "niquests in delivery": ("simulator.delivery.sender", "import niquests"),
    "an undeclared dependency": ("simulator.cli.run", "import httpx"),
    "environment in the cli": ("simulator.cli.run", "import os\nx = os.environ['A']"),
    "environment in delivery": ("simulator.delivery.a", "from os import getenv"),
    "import in a function": ("simulator.cli.run", "def f():\n    import json\n"),
    "work at import": ("simulator.cli.run", "print('hello')"),
    "loop at import": ("simulator.cli.run", "for x in range(3):\n    y = x"),
    "long file": ("simulator.cli.run", "x = 1\n" * 301),
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
        "from simulator.play import page\nfrom simulator.reports import junit",
    ),
    "the app factory knows everyone": (
        "simulator.app",
        "from simulator.play import page\nfrom flask import Flask",
    ),
    "play knows the sessions": ("simulator.play.page", "from simulator.sessions import SessionStore"),
    "delivery sends": ("simulator.delivery.sender", "import requests\nfrom urllib3 import HTTPResponse"),
    "doctor looks": ("simulator.cli.doctor", "import requests"),
    "the journal is a database": ("simulator.delivery.journal_sqlite", "import sqlite3"),
    "the operator is a database": (
        "simulator.reference_operator.wallet",
        "import sqlite3\nfrom flask import Flask",
    ),
    "load imports locust": ("simulator.runner.load_users", "import locust"),
    "settings read the environment": ("simulator.settings", "import os\nx = os.environ.get('A')"),
    "a heavy import with its reason": (
        "simulator.cli.run",
        "def f():\n    # costs 80 ms that `run` does not need\n    import rich\n    from rich import box\n",
    ),
    "a function of fifty lines": ("simulator.cli.run", "def f():\n" + "    x = 1\n" * 49),
    "a command that is registered": ("simulator.cli.__init__", "group.add_command(run)"),
}


@pytest.mark.parametrize(("name", "source"), ALLOWED.values(), ids=ALLOWED.keys())
def test_a_module_that_keeps_the_rules_passes(name: str, source: str) -> None:
    """The checker cries no wolf."""
    assert written(source, name) == []
