"""What the documentation and the starter files say of settings is what the table of settings says."""

from __future__ import annotations

from pathlib import Path

import pytest

import configuration_page
from settings_sources import load
from simulator.cli import authoring_cmd as init_cmd
from simulator.settings import HttpHook
from simulator.settings.table import RUN

STARTERS = Path(init_cmd.__file__).parent / "starters"


def test_the_page_is_written_from_the_table() -> None:
    """docs/configuration.md is what `python tests/configuration_page.py` writes."""
    assert configuration_page.PAGE.read_text("utf-8") == configuration_page.page()


def uncommented(text: str) -> str:
    """The starter with every key that it only shows switched on."""
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        is_key = bare.strip().partition(":")[0].replace("_", "").isalnum() and ":" in bare
        lines.append(bare if is_key and not bare[0].isupper() else line)
    return "\n".join(lines)


def test_the_starter_loads_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `init` writes can be run at once, against `betrontech-sim operator --port 9000`."""
    monkeypatch.chdir(tmp_path)
    settings = load(file=(STARTERS / "betrontech-sim.yaml").read_text("utf-8"), endpoint=None, players=None)
    assert settings.endpoint == "http://127.0.0.1:9000/betrontech_api"
    assert settings.players == tuple(str(number) for number in range(1000, 1010))


def test_every_key_stands_in_the_starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all examples switched on the file loads, and shows every key that there is."""
    monkeypatch.chdir(tmp_path)
    text = uncommented((STARTERS / "betrontech-sim.yaml").read_text("utf-8"))
    settings = load(file=text)
    assert settings.headers == (("Authorization", "Bearer secret"),)
    assert isinstance(settings.seed_hook, HttpHook)
    assert isinstance(settings.restart_hook, HttpHook)
    words = {line.strip().partition(":")[0] for line in text.splitlines()}
    assert {str(row.key).rpartition(".")[2] for row in RUN if row.key} <= words
