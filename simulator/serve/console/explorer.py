"""The page that lists the calls of both OpenAPI files, and sends one; nothing of it comes from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request

from simulator.core.values import Frozen
from simulator.serve.api.routes import OPENAPI_FILE as API_FILE
from simulator.serve.console.control import OPENAPI_FILE as CONTROL_FILE
from simulator.serve.console.frame import Frame
from simulator.serve.fields import query_of

Schema = dict[str, Any]

DEPTH_MAX = 6


class ListedCall(Frozen):
    """One call of an API. `example` is a body that it takes, as text; empty where it takes none."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Schema, ...]
    example: str


class CallList(Frozen):
    """One OpenAPI file; `base` is where its paths begin, `source` where it is served."""

    base: str
    source: str
    operations: tuple[ListedCall, ...]


def add_explorer_page(routes: Blueprint, frame: Frame) -> None:
    """Add the page of the explorer."""

    @routes.get("/console/explorer")
    def explorer_page() -> Response:
        query_of(request)
        agents = [agent.code for agent in frame.state.agents.all()]
        return frame.page("explorer.html", documents=documents(), agents=agents)


def documents() -> tuple[CallList, ...]:
    """Return the calls of both OpenAPI files."""
    return (
        _document(API_FILE, "/api", "/openapi.json"),
        _document(CONTROL_FILE, "/_sim", "/_sim/openapi.json"),
    )


@cache
def _document(file: Path, base: str, source: str) -> CallList:
    read: Schema = json.loads(file.read_bytes())
    parts = read["components"]
    operations = tuple(
        _operation(method, path, described, parts)
        for path, item in read["paths"].items()
        for method, described in item.items()
    )
    return CallList(base, source, operations)


def _operation(method: str, path: str, described: Schema, parts: Schema) -> ListedCall:
    parameters = [_resolved(each, parts) for each in described.get("parameters", ())]
    content = described.get("requestBody", {}).get("content", {}).get("application/json")
    body = None if content is None else content.get("example", example_of(content["schema"], parts))
    return ListedCall(
        method=method.upper(),
        path=path,
        summary=described.get("summary", "").rstrip(".").replace("`", ""),
        description=described.get("description", ""),
        parameters=tuple({**each, "schema": _resolved(each["schema"], parts)} for each in parameters),
        example="" if body is None else json.dumps(body, indent=2, ensure_ascii=False),
    )


def _resolved(schema: Schema, parts: Schema) -> Schema:
    """Return a schema or a parameter, or the one that its reference names."""
    named = schema.get("$ref")
    if named is None:
        return schema
    kind, name = named.removeprefix("#/components/").split("/")
    found: Schema = parts[kind][name]
    return found


def example_of(schema: Schema, parts: Schema, depth: int = 0) -> Any:
    """Return a value for a person to edit: the required fields of objects, the first of several choices."""
    schema = _resolved(schema, parts)
    for name in ("example", "default", "const"):
        if name in schema:
            return schema[name]
    if "enum" in schema:
        return schema["enum"][0]
    if "oneOf" in schema and depth < DEPTH_MAX:
        return example_of(schema["oneOf"][0], parts, depth + 1)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            wanted = schema.get("required", ())
            return {name: example_of(fields[name], parts, depth + 1) for name in wanted if name in fields}
        case "array":
            return []
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return ""
