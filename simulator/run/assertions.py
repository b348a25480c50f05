"""Play scenarios from a program or a test, and raise with the report where the wallet is wrong.

Several processes may do so at once, as the workers of pytest-xdist do: a player is locked as long as it is
played with.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from simulator.core.findings import Severity, Verdict
from simulator.core.languages import Lang
from simulator.core.steps import Scenario
from simulator.errors import ExitCode
from simulator.report.events import Event, FindingRaised, ScenarioFinished
from simulator.report.languages import Words
from simulator.report.terminal import QUIET, TerminalReport
from simulator.run.players import PlayerLocks
from simulator.run.suite import run_scenarios, selected
from simulator.settings import RunSettings


class WalletIsWrong(AssertionError):
    """Raised where your wallet does what no right wallet does; the message is the report."""


class NotProven(Exception):
    """Raised where it could not be decided whether your wallet is right; the message says why."""


class Told:
    """What a run told: the scenarios that ended, and its warnings, each once."""

    def __init__(self) -> None:
        self.ended: list[ScenarioFinished] = []
        self.warnings: dict[str, None] = {}

    def on(self, event: Event) -> None:
        """Take in one event of the run."""
        if isinstance(event, ScenarioFinished):
            self.ended.append(event)
        elif isinstance(event, FindingRaised) and event.finding.severity is Severity.WARNING:
            self.warnings[f"warning[{event.finding.rule}] {event.finding.message}"] = None


def assert_wallet_right(
    endpoint: str,
    players: Sequence[str],
    *paths: str | os.PathLike[str],
    folder: Path | None = None,
    **settings: Any,
) -> None:
    """Play scenario files and folders, or the bundled suite, against a wallet.

    `settings` are the fields of `RunSettings`. In `folder`, the current one unless given, stand the balances
    that a killed run has left, for the next one to restore. Raises WalletIsWrong, NotProven, and
    SimulatorError where nothing could start.
    """
    __tracebackhide__ = True
    wanted = RunSettings(
        endpoint=endpoint, players=tuple(players), paths=tuple(os.fspath(path) for path in paths), **settings
    )
    play(selected(wanted), wanted, folder or Path())


def play(scenarios: Sequence[Scenario], settings: RunSettings, folder: Path) -> Told:
    """Play loaded scenarios with players that nobody else plays with, and return what was told.

    Raises WalletIsWrong, NotProven, SimulatorError, and KeyboardInterrupt after balances were restored.
    """
    # What failed is the wallet: pytest shows the test that asked, and not this function.
    __tracebackhide__ = True
    shown, told = StringIO(), Told()
    words = Words(settings.lang or Lang.ENGLISH)
    report = TerminalReport(shown, color="never", verbosity=QUIET, words=words, repeats=False)

    def on(event: Event) -> None:
        told.on(event)
        report.on(event)

    with _players_locked(settings, scenarios) as players:
        code = run_scenarios(replace(settings, players=players), scenarios, on, folder)
    report.close()
    if code is ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code is ExitCode.FOUND:
        raise WalletIsWrong(shown.getvalue().strip())
    if code is not ExitCode.PASSED and not _calm(told):
        raise NotProven(shown.getvalue().strip())
    return told


def _calm(told: Told) -> bool:
    """Return whether a single scenario was only skipped, as by its author or for lack of a hook."""
    return len(told.ended) == 1 and told.ended[0].verdict is Verdict.SKIPPED


# --- players --------------------------------------------------------------------------------------


@contextmanager
def _players_locked(settings: RunSettings, scenarios: Sequence[Scenario]) -> Iterator[tuple[str, ...]]:
    """Wait until as many players are free as these scenarios need, and lock them for one test."""
    if settings.seed_hook is not None:
        yield settings.players
        return
    needed = [sum(spec.exists for spec in scenario.players.values()) for scenario in scenarios]
    # The whole suite is quicker with more, but a test that takes all would wait for all others.
    wanted = min(max([1, *needed]), len(settings.players))
    with PlayerLocks(settings.endpoint) as locks:
        yield locks.wait_for(settings.players, wanted)
