"""Scenario files as tests of pytest: one test a scenario, and one a row of its cases."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.core.steps import Scenario
from simulator.errors import SimulatorError
from simulator.pytest_plugin import BUNDLED
from simulator.pytest_plugin.runs import WalletUnderTest
from simulator.run.assertions import NotProven, WalletIsWrong
from simulator.scenario.files import bundled_suite, load_scenarios


class ScenarioFile(pytest.File):
    """A file of scenarios."""

    def collect(self) -> Iterator[pytest.Item]:
        """Return a test for each scenario. A file that cannot be read is an error with the place in it."""
        try:
            scenarios = load_scenarios((_path(self.path),))
        except SimulatorError as error:
            raise self.CollectError(str(error)) from None
        for scenario in scenarios:
            yield ScenarioTest.from_parent(
                self, name=_name(scenario, self.path), callobj=_played(scenario), scenario=scenario
            )


class ScenarioTest(pytest.Function):
    """One scenario as a test. Its names for -k are its id, its name and its tags; its tags are markers."""

    def __init__(self, *, scenario: Scenario, **arguments: Any) -> None:
        super().__init__(**arguments)
        if (own := getattr(self, "_id", None)) is not None:
            # From pytest 9.2 on, an id has parts; --lf compares them with those that it reads from a text.
            self._id = type(own).parse(str(own))
        self.scenario = scenario
        self.add_marker("betrontech")
        self.extra_keyword_matches.update((scenario.name, scenario.level.value, *scenario.tags))
        for tag in scenario.tags:
            if tag.isidentifier():
                self.config.addinivalue_line("markers", f"{tag}: a tag of scenarios")
                self.add_marker(tag)

    # pytest's own Function narrows the signature in the same way.
    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """Show the report and nothing of the plugin's own stack."""
        if isinstance(excinfo.value, WalletIsWrong | NotProven | SimulatorError):
            return _cause_first(str(excinfo.value).strip())
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """Return file, line from 0 and title."""
        return self.path, self.scenario.place.line - 1, self.scenario.name


def _path(path: Path) -> str:
    """Return how a run names the file: one of the bundled suite by its folder there."""
    suite = bundled_suite()
    if path.is_relative_to(suite):
        return f"{BUNDLED}:{path.relative_to(suite).as_posix()}"
    return os.path.relpath(path)


def _cause_first(report: str) -> str:
    """Return the report with what is wrong in its first line, which pytest's own summary shows."""
    return re.sub(r"\A(.*)\n(\S+\[[A-Z]{3}-\d+\] .*)$", r"\2\n\1", report, count=1, flags=re.MULTILINE)


def _name(scenario: Scenario, path: Path) -> str:
    """Return what follows the path in the scenario's id, or the file's name without its endings."""
    _, mark, part = scenario.id.partition(path.name)
    stem = path.name.partition(".")[0]
    return part.removeprefix("#") if part.startswith("#") else stem + part if mark else stem


def _played(scenario: Scenario) -> Callable[[WalletUnderTest], None]:
    def play(betrontech: WalletUnderTest) -> None:
        betrontech.play((scenario,))

    return play
