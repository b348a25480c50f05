"""The installed `betrontech-sim`, started as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

from simulator.cli.commands import run_to_the_end
from simulator.errors import ExitCode

SCRIPT = str(Path(sys.executable).parent / "betrontech-sim")
SECONDS_MAX = 60


def environment(**variables: str) -> dict[str, str]:
    """This process's environment in English, without settings of ours and of GitHub, with these variables."""
    others = ("BETRONTECH_SIM_", "GITHUB_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**kept, "LC_ALL": "C.UTF-8", **variables}


def simulate(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script in that folder to its end. Output that shows a traceback fails the test."""
    done = subprocess.run(
        [SCRIPT, *arguments],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def in_process(*arguments: str, folder: Path, terminal: str = "utf-8") -> subprocess.CompletedProcess[str]:
    """Run a command as `simulate` does, without the second that a process takes, on such a terminal."""
    told, complained = TextIOWrapper(BytesIO(), terminal, newline="\n"), StringIO()
    with chdir(folder), redirect_stdout(told), redirect_stderr(complained):
        code = run_to_the_end(arguments)
    told.flush()
    assert code != ExitCode.INTERNAL, complained.getvalue()
    printed = told.detach().getvalue().decode()
    return subprocess.CompletedProcess(arguments, code, printed, complained.getvalue())


def start(*arguments: str, folder: Path, merged: bool = False) -> subprocess.Popen[str]:
    """Start the script in that folder; the caller ends it. `merged`: errors are among its output."""
    return subprocess.Popen(
        [SCRIPT, *arguments],
        cwd=folder,
        env=environment(PYTHONUNBUFFERED="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merged else subprocess.PIPE,
        text=True,
    )
