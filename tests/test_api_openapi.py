"""The OpenAPI file: valid, served, in step with the code."""

from __future__ import annotations

import json
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from api_client import LAUNCH, Api
from simulator.core.webhooks import Method
from simulator.serve.answers import Part, codes_of
from simulator.serve.api.routes import OPENAPI_FILE
from simulator.wire.profiles import BETRONTECH

API = Api()
DOCUMENT: dict[str, Any] = json.loads(OPENAPI_FILE.read_bytes())


def test_the_file_is_valid_openapi() -> None:
    """By the 3.1 schema and the checks beyond it."""
    assert DOCUMENT["openapi"].startswith("3.1")
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_the_file_is_served_to_everyone() -> None:
    """GET /openapi.json needs no token."""
    reply = API.client.get("/openapi.json")
    assert (reply.status_code, reply.content_type) == (200, "application/json")
    assert reply.get_json() == DOCUMENT


def test_the_file_describes_every_route_below_api() -> None:
    """No route without description, no description without route."""
    served = {
        (rule.rule.removeprefix("/api"), method.lower())
        for rule in API.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}
    assert served == described


def test_the_file_names_every_error_and_every_parameter() -> None:
    """Error codes are those of the table, launch parameters those of the reference."""
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Error"]["properties"]["error"]["enum"] == [code.name for code in codes_of(Part.API)]
    listed = DOCUMENT["paths"]["/games/game_launch"]["get"]["parameters"]
    assert [parameter["name"] for parameter in listed] == list(LAUNCH)
    assert [parameter["name"] for parameter in listed if not parameter["required"]] == ["lang"]


def test_the_webhooks_are_those_that_are_sent() -> None:
    """The five methods with the fields that the documented wire profile writes."""
    webhooks = DOCUMENT["webhooks"]
    assert list(webhooks) == [method.value for method in Method]
    for method in Method:
        body = webhooks[method.value]["post"]["requestBody"]["content"]["application/json"]
        sent = [each.name for each in BETRONTECH.fields[method]]
        assert body["schema"]["required"] == sent == list(body["example"])


def test_whatever_the_reference_does_not_say_is_marked() -> None:
    """Every error and every behaviour of webhooks beyond the reference carries x-assumption."""
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            for status, response in operation["responses"].items():
                name = response.get("$ref", "").rpartition("/")[2]
                found = DOCUMENT["components"]["responses"][name] if name else response
                assert status == "200" or "x-assumption" in found, (path, status)
