"""Settings from four sources over one table: which wins, and what each source can say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from settings_sources import load
from simulator.core.money import Money
from simulator.settings import Color, CommandHook, HttpHook, ReportKind, ReportTarget, RunSettings
from simulator.settings.run_table import RUN
from simulator.settings.table import Setting


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- the table -------------------------------------------------------------------------------------


def test_every_row_fills_a_field_and_every_field_has_a_row() -> None:
    """Nothing can be set that no run reads, and nothing is read that cannot be set."""
    fields = {field.name for field in dataclasses.fields(RunSettings)}
    rows = {row.name for row in RUN}
    assert rows - fields == {"fail_fast", "config"}
    assert fields - rows == {"paths"}


@pytest.mark.parametrize("row", [row for row in RUN if row.default is not None], ids=lambda row: row.name)
def test_the_default_in_the_table_is_the_default(row: Setting) -> None:
    """What help and docs call the default is what a run without the setting does."""
    assert row.default is not None
    values = {field.name: field.default for field in dataclasses.fields(RunSettings)} | {"fail_fast": False}
    assert row.kind.parse(row.default) == values[row.name]


def test_names_are_taken_once() -> None:
    """No flag, variable or key means two things to one command."""
    for taken in (
        [row.flag for row in RUN],
        [row.variable for row in RUN],
        [row.key for row in RUN if row.key],
    ):
        assert len(set(taken)) == len(taken)


def test_every_flag_of_run_has_a_key_in_the_file() -> None:
    """Only the name of the file itself cannot stand in the file."""
    assert [row.name for row in RUN if row.key is None] == ["config"]


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


def test_a_seed_is_drawn_anew() -> None:
    """Without --seed two runs differ."""
    assert len({load().seed for _ in range(20)}) > 1


def test_fail_fast_stops_at_the_first() -> None:
    """-x is --maxfail 1."""
    assert load(fail_fast=True).maxfail == 1
    assert load(maxfail="3").maxfail == 3
