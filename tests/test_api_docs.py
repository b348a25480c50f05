"""docs/api.md says what the code does: its errors, its configuration, its ready line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator.serve.answers import Part, codes_of
from simulator.settings import AgentSettings, load_serve_settings

PAGE = (Path(__file__).parent.parent / "docs" / "api.md").read_text("utf-8")


def error_table() -> str:
    """The rows of the page's table of errors, as the code has them."""
    return "\n".join(f"| {code.status} | `{code.code}` | {code.meaning} |" for code in codes_of(Part.API))


def test_every_error_stands_in_the_page() -> None:
    """The page's table is the table of the code."""
    assert error_table() in PAGE


def test_the_page_s_configuration_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of several agents is one that serve takes."""
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    Path("betrontech-sim.yaml").write_text(example, "utf-8")
    settings = load_serve_settings({}, {})
    assert settings.webhook_url == "http://127.0.0.1:9000/betrontech_api"
    assert settings.agents == (
        AgentSettings(
            code="acme",
            token="acme-token",
            secret_key="acme-secret",
            webhook_url="http://127.0.0.1:9100/wallet",
            wire="drakon",
            headers=(("X-Api-Key", "abc"),),
        ),
    )
    assert [account.code for account in settings.accounts] == ["demo", "acme"]
