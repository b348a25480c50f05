"""schemathesis over the running server: no 5xx, and no answer that the description does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api_client import encoded
from described import operations, probe
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


@pytest.mark.parametrize("operation", operations(OPENAPI_FILE))
def test_the_server_keeps_its_description(operation: str, access: tuple[str, str]) -> None:
    """Requests in and out of the description, all of schemathesis' checks."""
    url, token = access

    def ask(case: schemathesis.Case[Any]) -> None:
        launch = case.path.endswith("game_launch")
        credentials = encoded() if case.path.startswith("/auth") else token
        # Random texts are nobody's agent code and secret key: a launch with them is refused, as it has to be.
        case.call_and_validate(
            base_url=f"{url}/api",
            headers={"Authorization": f"Bearer {credentials}"},
            excluded_checks=[positive_data_acceptance] if launch else [],
        )

    probe(OPENAPI_FILE, operation, ask, examples=50)
