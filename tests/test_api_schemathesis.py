"""schemathesis over the running server: no 5xx, and no answer that the description does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api_client import encoded
from served import serving
from simulator.serve.api.routes import OPENAPI_FILE
from test_serve_php import authenticated, json_of


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A server's URL and an access token."""
    folder = tmp_path_factory.mktemp("serve")
    with serving(folder, "--webhook-url", "http://127.0.0.1:9/betrontech_api") as server:
        yield server.url, json_of(authenticated(server))["access_token"]
        assert "Traceback" not in server.log.read_text()


SCHEMA = schemathesis.openapi.from_path(str(OPENAPI_FILE))


@SCHEMA.parametrize()
@settings(max_examples=50, suppress_health_check=list(HealthCheck), derandomize=True)
def test_the_server_keeps_its_description(case: schemathesis.Case[Any], access: tuple[str, str]) -> None:
    """Requests in and out of the description, all of schemathesis' checks."""
    url, token = access
    launch = case.path.endswith("game_launch")
    credentials = encoded() if case.path.startswith("/auth") else token
    # Random texts are nobody's agent code and secret key: a launch with them is refused, as it has to be.
    case.call_and_validate(
        base_url=f"{url}/api",
        headers={"Authorization": f"Bearer {credentials}"},
        excluded_checks=[positive_data_acceptance] if launch else [],
    )
