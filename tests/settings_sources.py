"""Settings loaded from sources that a test writes out, in an empty folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.errors import ConfigurationError
from simulator.settings import RunSettings, load_run_settings

TARGET: dict[str, Any] = {"endpoint": "http://127.0.0.1:9000/betrontech_api", "players": ("1000",)}


def load(environment: dict[str, str] | None = None, file: str = "", **flags: Any) -> RunSettings:
    """Settings of a run that has an endpoint and a player by flags, and what the test adds."""
    if file:
        Path("betrontech-sim.yaml").write_text(file, "utf-8")
    return load_run_settings({**TARGET, **flags}, environment=environment or {})


def message_of(environment: dict[str, str] | None = None, file: str = "", **flags: Any) -> str:
    """The error that these sources make."""
    with pytest.raises(ConfigurationError) as caught:
        load(environment, file, **flags)
    return str(caught.value)
