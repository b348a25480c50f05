"""The pytest plugin: scenario files as tests, and fixtures that judge a wallet from a test.

pytest imports this file at every start, in projects that never use it, too: it imports neither flask nor
requests nor yaml. What does the work is imported when a scenario is collected or a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simulator import OperatorServer  # only where it is used
    from simulator.pytest_plugin.runs import ServedSimulator, WalletUnderTest  # only where it is used

ENDINGS = (".betrontech.yaml", ".betrontech.yml")
"""The names of files that are collected wherever pytest looks for tests."""

BUNDLED = "bundled"
"""The name of the suite that comes with the package, in place of a folder."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; the environment or betrontech-sim.yaml gives what they leave out, as for `run`."""
    group = parser.getgroup("betrontech", "judge a wallet with the BetronTech simulator")
    group.addoption(
        "--betrontech-endpoint", metavar="URL", help="The URL at which your wallet answers webhooks."
    )
    group.addoption(
        "--betrontech-player",
        metavar="ID",
        action="append",
        default=[],
        help="The user id of a test player, or a range such as 1000..1099.  [repeatable]",
    )
    group.addoption(
        "--betrontech-scenarios",
        metavar="PATH",
        action="append",
        default=[],
        help=f"A folder or file of scenarios; {BUNDLED} is the suite of the package.  [repeatable]",
    )
    parser.addini("betrontech_scenarios", "Folders and files of scenarios to collect.", type="args")


def pytest_configure(config: pytest.Config) -> None:
    """Make pytest look into the folders of scenarios that were named."""
    config.addinivalue_line("markers", "betrontech: a scenario that is played against your wallet")
    if _is_of_single_tests(config) and not config.getoption("--betrontech-scenarios"):
        return
    for path in _named(config):
        if str(path) not in config.args:
            config.args.append(str(path))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect `*.betrontech.yaml`, and every scenario file of the folders that were named."""
    named = file_path.name.endswith(ENDINGS) or (
        file_path.suffix in {".yaml", ".yml"}
        and any(path == file_path or path in file_path.parents for path in _named(parent.config))
    )
    if not named or file_path.name.startswith(("_", ".")) or file_path.name == "betrontech-sim.yaml":
        return None
    from simulator.pytest_plugin.items import ScenarioFile  # needs yaml, which most starts do not

    return ScenarioFile.from_parent(parent, path=file_path)


@pytest.fixture(scope="session")
def betrontech_endpoint(pytestconfig: pytest.Config) -> str | None:
    """Return the URL of your wallet, if it was named; a fixture of yours with this name may start it."""
    from simulator.pytest_plugin.runs import endpoint_of  # only where it is used

    return endpoint_of(pytestconfig)


@pytest.fixture(scope="session")
def betrontech_players(pytestconfig: pytest.Config) -> tuple[str, ...]:
    """Return the user ids of your test players; a fixture of yours with this name may make them."""
    from simulator.pytest_plugin.runs import players_of  # only where it is used

    return players_of(pytestconfig)


@pytest.fixture
def betrontech(
    pytestconfig: pytest.Config, betrontech_endpoint: str | None, betrontech_players: tuple[str, ...]
) -> WalletUnderTest:
    """Return what plays scenarios against your wallet: `betrontech.run("refunds.yaml")`."""
    from simulator.pytest_plugin.runs import WalletUnderTest, settings_of  # only where it is used

    return WalletUnderTest(settings_of(betrontech_endpoint, betrontech_players), pytestconfig.rootpath)


@pytest.fixture
def betrontech_operator() -> Iterator[OperatorServer]:
    """Serve the example wallet on a free port for one test: `betrontech_operator.endpoint`."""
    from simulator import OperatorServer  # only where it is used

    with OperatorServer() as server:
        yield server


@pytest.fixture
def betrontech_serve(tmp_path: Path, betrontech_endpoint: str | None) -> Iterator[ServedSimulator]:
    """Serve API, games and console on a free port for one test: `betrontech_serve.url`.

    Its games call the wallet at `betrontech_endpoint`, or the example wallet where there is none.
    """
    from simulator.pytest_plugin.runs import serving  # only where it is used

    with serving(tmp_path, betrontech_endpoint) as served:
        yield served


def _is_of_single_tests(config: pytest.Config) -> bool:
    """Return whether pytest was asked for certain files or tests, as an editor asks: it wants no others."""
    folder, asked = config.invocation_params.dir, [each.partition("::")[0] for each in config.args]
    return bool(asked) and all((folder / each).is_file() for each in asked)


def _named(config: pytest.Config) -> list[Path]:
    """Return the folders and files of scenarios that options and configuration name."""
    paths = [*config.getini("betrontech_scenarios"), *config.getoption("--betrontech-scenarios")]
    if not paths:
        return []
    if BUNDLED not in paths:
        return [Path(config.invocation_params.dir, path).resolve() for path in paths]
    from simulator.scenario.files import bundled_suite  # only where it is used

    return [
        bundled_suite() if path == BUNDLED else Path(config.invocation_params.dir, path).resolve()
        for path in paths
    ]
