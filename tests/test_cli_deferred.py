"""What requests imports and no webhook needs is loaded when it is used, and is then what it always was."""

from __future__ import annotations

import subprocess
import sys

import pytest

DEFERRED = """
from simulator.cli.deferred import defer_what_requests_imports
defer_what_requests_imports()
import simulator.delivery.sender
"""
NOT_YET = """
import sys
from simulator.cli import main
assert main(["run", "--endpoint", "http://127.0.0.1:1/", "--player", "1000"]) == 7
assert "requests" in sys.modules
loaded = {"charset_normalizer.api", "idna.core", "importlib.metadata._adapters"} & set(sys.modules)
assert not loaded, loaded
"""
USED = {
    "encodings": "import requests; r = requests.Response(); r._content = 'ş'.encode('utf-16'); "
    "assert r.apparent_encoding.lower().replace('-', '_').startswith('utf_16'), r.apparent_encoding",
    "names": "import requests; r = requests.Request('GET', 'http://bücher.example/').prepare(); "
    "assert r.url == 'http://xn--bcher-kva.example/', r.url",
    "versions": "import importlib.metadata; assert importlib.metadata.version('requests')",
    "a name taken": "from importlib.metadata import version; assert version('requests')",
    "what urllib3 took": "import urllib3.http2 as h; assert h.version('requests')",
    "an error": "from importlib.metadata import PackageNotFoundError, version\n"
    "try: version('no-such-thing')\nexcept PackageNotFoundError: pass\nelse: raise SystemExit(1)",
    "all of it": "import charset_normalizer as c; assert c.from_bytes(b'abc').best(); assert c.VERSION",
    "a part": "import charset_normalizer.api as a; assert a.from_bytes(b'abc').best()",
    "requests' own look": "import requests.help; assert requests.help.info()['charset_normalizer']",
    "from two threads": "import threading, idna\nfound = []\n"
    "def use(): found.append(idna.encode('bücher'))\n"
    "threads = [threading.Thread(target=use) for _ in range(8)]\n"
    "for t in threads: t.start()\nfor t in threads: t.join()\nassert found == [b'xn--bcher-kva'] * 8",
}


def python(code: str) -> None:
    """Run it in an interpreter of its own, warnings being errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_run_does_without_them() -> None:
    """Nothing on the way to a webhook asks anything of them."""
    python(NOT_YET)


@pytest.mark.parametrize("use", USED.values(), ids=USED)
def test_they_are_themselves_once_used(use: str) -> None:
    """For whoever uses them in the same process, requests included."""
    python(f"{DEFERRED}{use}")


def test_what_was_there_before_is_left_alone() -> None:
    """A program that has imported them keeps its modules."""
    python(
        "import sys, charset_normalizer, importlib.metadata, idna\n"
        "names = ('charset_normalizer', 'importlib.metadata', 'idna')\n"
        "before = [sys.modules[name] for name in names]\n"
        f"{DEFERRED}"
        "assert [sys.modules[name] for name in names] == before\n"
        "assert {type(module).__name__ for module in before} == {'module'}"
    )
