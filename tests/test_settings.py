"""Settings from four sources over one table: which wins, and what each source can say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from settings_sources import load
from simulator.core.money import Money
from simulator.settings import (
    Color,
    CommandHook,
    HttpHook,
    ReportKind,
    ReportTarget,
    RunSettings,
    ServeSettings,
    load_serve_settings,
)
from simulator.settings.rows import Setting
from simulator.settings.table import ALL, RUN, SERVE


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- the table -------------------------------------------------------------------------------------


TABLES = [
    pytest.param(RUN, RunSettings, {"fail_fast"}, {"paths"}, id="run"),
    pytest.param(SERVE, ServeSettings, set(), set(), id="serve"),
]


@pytest.mark.parametrize(("rows", "values", "folded", "given"), TABLES)
def test_every_row_fills_a_field_and_every_field_has_a_row(
    rows: tuple[Setting, ...], values: type, folded: set[str], given: set[str]
) -> None:
    """Nothing can be set that no command reads, and nothing is read that cannot be set."""
    fields = {field.name for field in dataclasses.fields(values)}
    names = {row.name for row in rows}
    assert names - fields == {"config", *folded}
    assert fields - names == given


@pytest.mark.parametrize(
    ("row", "values"),
    [
        pytest.param(row, values, id=f"{name}-{row.name}")
        for name, rows, values in (("run", RUN, RunSettings), ("serve", SERVE, ServeSettings))
        for row in rows
        if row.default is not None
    ],
)
def test_the_default_in_the_table_is_the_default(row: Setting, values: type) -> None:
    """What help and docs call the default is what the command does without the setting."""
    assert row.default is not None
    defaults = {field.name: field.default for field in dataclasses.fields(values)} | {"fail_fast": False}
    assert row.kind.parse(row.default) == defaults[row.name]


@pytest.mark.parametrize("rows", [RUN, SERVE], ids=["run", "serve"])
def test_names_are_taken_once(rows: tuple[Setting, ...]) -> None:
    """No flag, variable or key means two things to one command."""
    for taken in ([row.flag for row in rows], [row.variable for row in rows], [row.key for row in rows]):
        assert len(set(taken)) == len(taken)


def test_a_key_means_one_thing_to_all_commands() -> None:
    """The file is shared, so commands either share a row or have different keys."""
    keys = [row.key for row in ALL if row.key is not None]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("rows", [RUN, SERVE], ids=["run", "serve"])
def test_every_flag_has_a_key_in_the_file(rows: tuple[Setting, ...]) -> None:
    """Only the name of the file itself cannot stand in the file."""
    assert [row.name for row in rows if row.key is None] == ["config"]


# --- the four sources ------------------------------------------------------------------------------


def test_without_anything_the_defaults_hold() -> None:
    """A run needs an endpoint and a player, and nothing else."""
    settings = load(seed="1")
    assert settings == RunSettings(endpoint="http://127.0.0.1:9000/betrontech_api", players=("1000",), seed=1)


def test_flag_over_environment_over_file_over_default() -> None:
    """The nearer to the user, the stronger."""
    variable = {"BETRONTECH_SIM_TIMEOUT": "2s"}
    assert load().timeout_s == 5.0
    assert load(file="timeout: 1s").timeout_s == 1.0
    assert load(variable, "timeout: 1s").timeout_s == 2.0
    assert load(variable, "timeout: 1s", timeout_s="3s").timeout_s == 3.0


def test_a_list_replaces_the_weaker_one() -> None:
    """Lists are not mixed from several sources."""
    settings = load({"BETRONTECH_SIM_TAG": "money\n\n refund \n"}, "tags: [rounds]")
    assert settings.tags == ("money", "refund")


def test_a_switch_can_be_taken_back() -> None:
    """--no-strict wins over a file that says strict."""
    assert load(file="strict: true").strict
    assert not load(file="strict: true", strict=False).strict


def test_an_empty_variable_is_not_set() -> None:
    """Compose files hand on variables that may be empty."""
    assert load({"BETRONTECH_SIM_TIMEOUT": "", "BETRONTECH_SIM_TAG": " \n"}).timeout_s == 5.0


def test_the_whole_file_is_read() -> None:
    """Every shape that the format shows, in one file."""
    settings = load(
        file="""\
# what the wallet is
wire: drakon
headers:
  Authorization: Bearer abc
  X-Casino: "7"
hooks: {seed: http://127.0.0.1:9/seed, restart: docker restart 'my wallet'}
timeout: 1500ms
latency: 300ms
limits: {max_bet: 1000.00}
policy:
  late_bet: refused
allow_hosts: [Wallet.Example, "[::1]"]
reports: {junit: out.xml}
players:
"""
    )
    assert settings.wire == "drakon"
    assert settings.headers == (("Authorization", "Bearer abc"), ("X-Casino", "7"))
    assert settings.seed_hook == HttpHook("http://127.0.0.1:9/seed")
    assert settings.restart_hook == CommandHook(("docker", "restart", "my wallet"))
    assert (settings.timeout_s, settings.latency_ms_max, settings.max_bet) == (1.5, 300, Money(100000))
    assert settings.policy == {"late_bet": "refused"}
    assert settings.allow_hosts == ("wallet.example", "::1")
    assert settings.reports == (ReportTarget(ReportKind.JUNIT, Path("out.xml")),)
    assert settings.players == ("1000",)


def test_another_file_can_be_named() -> None:
    """--config and its variable lead away from the current folder's file."""
    Path("other.yaml").write_text("jobs: 3", "utf-8")
    assert load(file="jobs: 2").jobs == 2
    assert load(config="other.yaml").jobs == 3
    assert load({"BETRONTECH_SIM_CONFIG": "other.yaml"}).jobs == 3


def test_no_color_turns_colours_off_unless_asked_for() -> None:
    """The common variable decides where color is auto."""
    assert load({"NO_COLOR": "1"}).color is Color.NEVER
    assert load({"NO_COLOR": "1"}, color="always").color is Color.ALWAYS
    assert load({"NO_COLOR": ""}).color is Color.AUTO
    assert load({"TERM": "dumb"}).color is Color.NEVER
    assert load({"TERM": "dumb"}, color="always").color is Color.ALWAYS
    assert load({"TERM": "xterm"}).color is Color.AUTO


def test_a_seed_is_drawn_anew() -> None:
    """Without --seed two runs differ."""
    assert len({load().seed for _ in range(20)}) > 1


def test_fail_fast_stops_at_the_first() -> None:
    """-x is --maxfail 1."""
    assert load(fail_fast=True).maxfail == 1
    assert load(maxfail="3").maxfail == 3


def test_what_is_nearer_to_the_user_overrules_its_opposite() -> None:
    """-v is no contradiction to a file that says quiet, nor --maxfail to one that says fail_fast."""
    assert load(file="fail_fast: true", maxfail="3").maxfail == 3
    assert load(file="maxfail: 3", fail_fast=True).maxfail == 1
    loud = load({"BETRONTECH_SIM_VERBOSE": "2"}, "quiet: true")
    assert (loud.verbose, loud.quiet) == (2, False)
    calm = load({"BETRONTECH_SIM_VERBOSE": "2"}, quiet=True)
    assert (calm.verbose, calm.quiet) == (0, True)
    assert not load(file="insecure: true", cacert="a.pem").insecure


def test_one_file_holds_the_settings_of_run_and_of_serve() -> None:
    """The two commands share what is the operator's, and each has its own seed."""
    file = "seed: 5\ntimeout: 2s\nserve: {seed: 6, port: 9999, with_operator: yes}\n"
    run = load(file=file)
    serve = load_serve_settings({"agent_code": "casino"}, environment={})
    assert (run.seed, run.timeout_s) == (5, 2.0)
    assert serve == ServeSettings(seed=6, timeout_s=2.0, port=9999, with_operator=True, agent_code="casino")


def test_a_port_that_kubernetes_injects_is_not_the_port() -> None:
    """The variable of the flag and the injected one have the same name."""
    assert load_serve_settings({}, environment={"BETRONTECH_SIM_PORT": "tcp://10.0.0.7:80"}).port == 8080
    assert load_serve_settings({}, environment={"BETRONTECH_SIM_PORT": "8081"}).port == 8081
