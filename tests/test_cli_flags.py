"""Whatever is typed after `betrontech-sim run` ends with an exit code and a message, never a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from command_line import SECONDS_MAX, environment
from simulator.cli.commands import group
from simulator.settings.table import RUN

# Without what would wait or look up names: the lists are many.
ROWS = [row for row in RUN if row.name not in {"wait_for_s", "proxy"}]
FLAGS = [
    *(row.flag for row in ROWS),
    *(row.short for row in ROWS if row.short),
    *("--no-strict", "--", "-h", "--no-such", "-vq", "-xj2", "--timeout=1"),
]
WORDS = [
    *("", " ", "-", "..", "~", "$HOME", ":", "=", "(", "a b", "a=b", "A: b", "a:b", "not not", "ü", "\u202e"),
    *("1", "0", "-1", "1..3", "3..1", "1e9", "1000000000000000000000", "5ms", "9999999s", "auto", "always"),
    *("json:-", "junit:", "late_bet=refused", "zero_bet=accepted", "drakon", "betrontech", "documented"),
    *("green.yaml", "green.yaml:1", "green.yaml:x", "green.yaml:99", "nowhere.yaml", "scenarios/nowhere"),
    *("http://", "http://127.0.0.1:1", "http://[::1", "http://127.0.0.1:1/?a=b#c", "http://" + "a" * 300),
]
ARGUMENTS = st.lists(st.sampled_from(FLAGS) | st.sampled_from(WORDS), max_size=8)
COMPLETE = ["--endpoint", "http://127.0.0.1:1", "--player", "1"]

SEVERAL = """
import sys
from simulator.cli import main
for line in sys.stdin:
    code = main([bytes.fromhex(part).decode() for part in line.split(",")[:-1]])
    print(f"\\nEXIT {int(code)}", flush=True)
"""
GREEN = "name: A bet\nsteps: [bet: 10.00]\n"


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(lists=st.lists(st.one_of(ARGUMENTS, ARGUMENTS.map(COMPLETE.__add__)), min_size=1, max_size=8))
def test_no_list_of_flags_shows_a_traceback(
    lists: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Usage, nothing selected, unreachable, or help: all of them are told in words."""
    here = tmp_path_factory.mktemp("flags")
    (here / "green.yaml").write_text(GREEN, "utf-8")
    typed = ("".join(f"{part.encode().hex()}," for part in ("run", *arguments)) + "\n" for arguments in lists)
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL],
        cwd=here,
        env=environment(),
        input="".join(typed),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    codes = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("EXIT ")]
    assert len(codes) == len(lists), done.stderr
    assert set(codes) <= {0, 4, 5, 7}, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


COMPLETED = {
    "a command": ([], "heal", ["healthcheck"]),
    "a flag": (["run"], "--last", ["--last-failed"]),
    "a rule": (["explain"], "ide-01", ["IDE-01"]),
    "a word of a setting": (["run", "--lang"], "p", ["pt-BR"]),
    "a defect": (["operator", "--defect"], "refund-paid-tw", ["refund-paid-twice"]),
    "a file of scenarios": (["run"], "scen", [("file", "scen")]),
    "a file of a setting": (["run", "--cacert"], "ca", [("file", "ca")]),
}


@pytest.mark.parametrize(("words", "begun", "expected"), COMPLETED.values(), ids=COMPLETED)
def test_a_shell_completes_what_is_begun(words: list[str], begun: str, expected: list[object]) -> None:
    """As click's scripts for bash, zsh and fish ask for it."""
    found = ShellComplete(group, {}, "betrontech-sim", "_BETRONTECH_SIM_COMPLETE").get_completions(
        words, begun
    )
    assert [each.value if each.type == "plain" else (each.type, each.value) for each in found] == expected
