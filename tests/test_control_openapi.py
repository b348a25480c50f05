"""The control API's description: valid, served, in step with the code, and kept by the running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api_client import Api
from described import operations, probe
from served import serving
from simulator.serve.answers import Part, codes_of
from simulator.serve.api.faults import ApiFaultKind, ApiRoute
from simulator.serve.console.control import OPENAPI_FILE
from simulator.serve.fields import FILTERS, WORDS

DOCUMENT: dict[str, Any] = json.loads(OPENAPI_FILE.read_bytes())


def test_the_file_is_valid_openapi() -> None:
    """By the 3.1 schema and the checks beyond it."""
    assert DOCUMENT["openapi"].startswith("3.1")
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_the_file_is_served_and_describes_every_route() -> None:
    """No route without description, no description without route."""
    api = Api()
    assert api.client.get("/_sim/openapi.json").get_json() == DOCUMENT
    served = {
        (
            rule.rule.removeprefix("/_sim").replace("<int:", "<").replace("<", "{").replace(">", "}"),
            method.lower(),
        )
        for rule in api.app.url_map.iter_rules()
        if rule.rule.startswith("/_sim/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}


def test_the_file_has_the_words_of_the_code() -> None:
    """Error codes, filters, faults and routes are those that there are."""
    components = DOCUMENT["components"]
    assert set(components["schemas"]["Error"]["properties"]["error"]["enum"]) >= {
        code.code for code in codes_of(Part.CONTROL)
    }
    assert tuple(components["parameters"]) == (*FILTERS, "lang")
    for name, words in WORDS.items():
        assert components["parameters"][name]["schema"]["enum"] == [*map(str, words), ""]
    assert components["schemas"]["FaultKind"]["enum"] == list(ApiFaultKind)
    assert components["schemas"]["Route"]["enum"] == list(ApiRoute)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that whoever asks may do everything to; no webhook leaves it for long."""
    folder = tmp_path_factory.mktemp("serve")
    with serving(folder, "--webhook-url", "http://127.0.0.1:9/betrontech_api", "--timeout", "1s") as server:
        yield server.url
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("operation", operations(OPENAPI_FILE))
def test_the_server_keeps_its_description(operation: str, url: str) -> None:
    """Requests in and out of the description: no 5xx but a 503 that says so, no answer of another shape."""

    def ask(case: schemathesis.Case[Any]) -> None:
        if case.path in ("/journal/wait", "/requests/wait"):
            # Nobody waits for what a random filter asks.
            case.query["timeout_ms"] = 0
        # Which hosts can be called depends on the machine: no schema can tell which URLs a wallet may have.
        unsure = case.path in ("/agents", "/agents/{code}")
        case.call_and_validate(
            base_url=f"{url}/_sim", excluded_checks=[positive_data_acceptance] if unsure else None
        )

    probe(OPENAPI_FILE, operation, ask, examples=40)
