"""What the fixtures of the pytest plugin return: settings, a judge of your wallet, a running simulator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from simulator.core.findings import Verdict
from simulator.core.steps import Scenario
from simulator.errors import SimulatorError
from simulator.run.assertions import play
from simulator.run.suite import selected
from simulator.scenario.files import load_scenarios
from simulator.settings import RunSettings, load_run_settings, load_values
from simulator.settings.table import RUN

NO_ENDPOINT = (
    "no endpoint: name the URL at which your wallet answers webhooks with --betrontech-endpoint URL, with "
    "BETRONTECH_SIM_ENDPOINT, in betrontech-sim.yaml, or in a fixture betrontech_endpoint of your own"
)
NO_PLAYER = (
    "no player: name a user id that your wallet knows with --betrontech-player ID, with "
    "BETRONTECH_SIM_PLAYER, in betrontech-sim.yaml, or in a fixture betrontech_players of your own"
)


class WalletUnderTest:
    """Plays scenarios against your wallet, and raises `WalletIsWrong` with the report.

    `settings` are those of `betrontech-sim run`. In `folder` stand the balances that a killed process has
    left, for the next test to restore.
    """

    def __init__(self, settings: RunSettings, folder: Path) -> None:
        self.settings = settings
        self._folder = folder

    def run(self, *paths: str | os.PathLike[str]) -> None:
        """Play scenario files or folders; without any, the bundled suite.

        Raises WalletIsWrong, NotProven; a file that cannot be read fails the test.
        """
        __tracebackhide__ = True
        settings = replace(self.settings, paths=tuple(os.fspath(path) for path in paths))
        with _told_in_words():
            scenarios = selected(settings)
        self.play(scenarios, settings)

    def steps(self, text: str) -> None:
        """Play a scenario that is given as YAML: a list of steps, or a whole scenario.

        Raises WalletIsWrong, NotProven; a text that cannot be read fails the test.
        """
        __tracebackhide__ = True
        whole = text if re.search(r"^steps:", text, re.MULTILINE) else f"steps:\n{_indented(text)}"
        named = whole if re.search(r"^name:", whole, re.MULTILINE) else f"name: Steps of a test\n{whole}"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "steps.yaml")
            file.write_text(named, "utf-8")
            with _told_in_words():
                scenarios = load_scenarios((str(file),))
            self.play(scenarios)

    def play(self, scenarios: Sequence[Scenario], settings: RunSettings | None = None) -> None:
        """Play loaded scenarios. A single one that is skipped, or expected to fail, ends the test as that."""
        __tracebackhide__ = True
        with _told_in_words():
            told = play(scenarios, settings or self.settings, self._folder)
        for text in told.warnings:
            sys.stderr.write(f"{text}\n")
        if len(told.ended) == 1:
            [ended] = told.ended
            reason = ended.reason.partition("\n")[0]
            if ended.verdict is Verdict.SKIPPED:
                pytest.skip(reason)
            if ended.verdict is Verdict.XFAILED:
                pytest.xfail(reason)


# --- settings -------------------------------------------------------------------------------------


def endpoint_of(config: pytest.Config) -> str | None:
    """Return the endpoint of the options, else of the environment or the configuration file."""
    endpoint: str | None = _given("endpoint", config.getoption("--betrontech-endpoint"))
    return endpoint


def players_of(config: pytest.Config) -> tuple[str, ...]:
    """Return the players of the options, else of the environment or the configuration file."""
    named = tuple(config.getoption("--betrontech-player"))
    return _given("players", named or None) or ()


def _given(name: str, typed: Any) -> Any:
    with _told_in_words():
        return load_values(RUN, {name: typed}).get(name)


def settings_of(endpoint: str | None, players: Sequence[str]) -> RunSettings:
    """Return the settings of a run, with all else from the environment or the configuration file."""
    if not endpoint:
        pytest.fail(NO_ENDPOINT, pytrace=False)
    flags = {"endpoint": endpoint, "players": tuple(players) or None}
    with _told_in_words():
        if not players and "seed_hook" not in load_values(RUN, {}):
            pytest.fail(NO_PLAYER, pytrace=False)
        return load_run_settings(flags)


@contextmanager
def _told_in_words() -> Iterator[None]:
    """Fail the test with the sentence of an error of the user's, without a stack."""
    __tracebackhide__ = True
    try:
        yield
    except SimulatorError as error:
        pytest.fail(str(error), pytrace=False)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip("\n").splitlines())


# --- the simulator --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServedSimulator:
    """A running simulator: `url` is where it serves, `api_url` the base URL for your client."""

    url: str

    @property
    def api_url(self) -> str:
        """Return the base URL of the BetronTech API."""
        return f"{self.url}/api"


@contextmanager
def serving(folder: Path, webhook_url: str | None) -> Iterator[ServedSimulator]:
    """Serve on a free port; its games call the wallet at `webhook_url`, or the example wallet without one."""
    wallet = ("--webhook-url", webhook_url) if webhook_url else ("--with-operator",)
    with Path(folder, "serve.log").open("w+b") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "serve", "--port", "0", *wallet],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        with process:
            try:
                yield ServedSimulator(_ready(process, folder))
            finally:
                process.terminate()


def _ready(process: subprocess.Popen[bytes], folder: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().decode("utf-8", "replace")
    found = re.search(r"http://[^\s\",]+", line)
    if found is None:
        told = Path(folder, "serve.log").read_text("utf-8", "replace")
        pytest.fail(f"the simulator did not start:\n{told}", pytrace=False)
    return found[0]
