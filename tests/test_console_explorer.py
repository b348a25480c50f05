"""The API explorer: every call of both OpenAPI files, with a body that the server can read."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api_client import Api
from control_client import controlled
from simulator.core.languages import Lang
from simulator.serve.api.routes import OPENAPI_FILE as API_FILE
from simulator.serve.console.control import OPENAPI_FILE as CONTROL_FILE
from simulator.serve.console.explorer import documents, example_of

DOCUMENTS = {"/api": json.loads(API_FILE.read_bytes()), "/_sim": json.loads(CONTROL_FILE.read_bytes())}


def test_the_page_has_every_call_and_nothing_from_elsewhere() -> None:
    """A form for each, in its API; no address of another server."""
    page = Api().client.get("/console/explorer").get_data(as_text=True)
    shown = re.findall(r'<form data-method="(\w+)" data-path="([^"]+)"', page)
    assert [(method, html.unescape(path)) for method, path in shown] == [
        (method.upper(), base + path)
        for base, document in DOCUMENTS.items()
        for path, item in document["paths"].items()
        for method in item
    ]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


BODIES: list[Any] = [
    pytest.param(described["requestBody"]["content"]["application/json"], id=f"{method} {path}")
    for path, item in DOCUMENTS["/_sim"]["paths"].items()
    for method, described in item.items()
    if "requestBody" in described
]


@pytest.mark.parametrize("content", BODIES)
def test_the_body_that_a_form_begins_with_has_its_required_fields(content: dict[str, Any]) -> None:
    """Texts are empty, for a person to fill in; nothing else is wrong with it."""
    parts = DOCUMENTS["/_sim"]["components"]
    schema = {**content["schema"], "components": parts}
    begun = example_of(content["schema"], parts)
    wrong = Draft202012Validator(schema).iter_errors(begun)
    left = [each for error in wrong for each in (error.context or [error])]
    assert {each.validator for each in left} <= {
        "minLength",
        "pattern",
        "required",
        "enum",
        "additionalProperties",
        "minProperties",
    }
    assert isinstance(begun, dict)


def test_it_needs_the_admin_token_like_every_page() -> None:
    reply = Api(admin_token="t").client.get("/console/explorer", headers={"Accept": "text/html"})
    assert reply.headers["Location"].startswith("/console/login?next=%2Fconsole%2Fexplorer")


@pytest.mark.parametrize("lang", [Lang.TURKISH, Lang.PORTUGUESE])
def test_what_a_call_does_is_said_in_the_language_of_the_page(lang: Lang) -> None:
    with controlled() as control:
        page = control.api.client.get("/console/explorer", headers={"Accept-Language": lang})
    shown = re.findall(r"</code> <span>(.+?)</span></summary>", page.get_data(as_text=True))
    english = {call.summary for document in documents() for call in document.operations}
    assert len(shown) > 30
    assert english & set(map(html.unescape, shown)) == set()
