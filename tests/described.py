"""Requests that schemathesis makes up from a description in OpenAPI, one operation at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.schemas import BaseSchema


def operations(description: Path) -> list[str]:
    """Return the operations of a description as `GET /path`."""
    paths = json.loads(description.read_bytes())["paths"]
    return [f"{method.upper()} {path}" for path, item in paths.items() for method in item]


def probe(
    description: Path, operation: str, act: Callable[[schemathesis.Case[Any]], None], examples: int
) -> None:
    """Call `act` with requests in and out of the description: its examples, its limits, and random ones.

    `parametrize` of schemathesis makes the requests while tests are collected, in each process that collects;
    that takes longer than to send them.
    """
    schema = _schema(description)
    found = schema.find_operation_by_label(operation)
    assert found is not None
    load_all_checks()
    create_test(
        operation=found,
        test_func=settings(
            max_examples=examples, suppress_health_check=list(HealthCheck), derandomize=True, deadline=None
        )(act),
        config=HypothesisTestConfig(project=schema.config, modes=list(HypothesisTestMode)),
    )()


@cache
def _schema(description: Path) -> BaseSchema:
    return schemathesis.openapi.from_path(str(description))
