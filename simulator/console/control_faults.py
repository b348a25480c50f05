"""The control API's routes of faults of the BetronTech API: put one up, list them, take them down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from simulator.api_faults import (
    LATENCY_MS_MAX,
    ApiFault,
    ApiFaultKind,
    ApiFaults,
    ApiRoute,
    Chance,
    Every,
    FaultCount,
    First,
    When,
)
from simulator.console.fields import Fields, body_of, query_of
from simulator.console.problems import Code, Denied, answer

CALLS_MAX = 1_000_000
_WHEN = ("first", "every", "probability")


def add_faults(routes: Blueprint, faults: ApiFaults) -> None:
    """Disturbances of answers to operators."""

    @routes.get("/faults")
    def list_faults() -> Response:
        query_of(request)
        return answer({"faults": [count_json(each) for each in faults.all()]})

    @routes.post("/faults")
    def add_fault() -> Response:
        make = read_fault(body_of(request, "kind", "route", "status", "latency_ms", *_WHEN, "seed"))
        try:
            fault = faults.add(make)
        except OverflowError as error:
            raise Denied(Code.IN_VAIN, str(error)) from None
        added = answer(count_json(FaultCount(fault, 0, 0)))
        added.status_code = 201
        return added

    @routes.delete("/faults")
    def remove_faults() -> Response:
        body_of(request)
        faults.clear()
        return answer({"faults": []})

    @routes.delete("/faults/<int:number>")
    def remove_fault(number: int) -> Response:
        body_of(request)
        try:
            faults.remove(number)
        except KeyError:
            raise Denied(Code.NOT_FOUND, "there is no fault of that number") from None
        return answer({"number": number, "removed": True})


def read_fault(fields: Fields) -> Callable[[int], ApiFault]:
    """The fault, once it has a number; Denied for one that makes no sense."""
    kind = ApiFaultKind(fields.word("kind", ApiFaultKind))
    if ("status" in fields) is not (kind is ApiFaultKind.STATUS):
        raise Denied(Code.FIELD_INVALID, "status belongs to the kind status, and it to it", field="status")
    status = fields.whole("status", low=200, high=599) if kind is ApiFaultKind.STATUS else 0
    late = kind is ApiFaultKind.LATENCY
    latency_ms = fields.whole("latency_ms", None if late else 0, low=1 if late else 0, high=LATENCY_MS_MAX)
    route = ApiRoute(fields.word("route", ApiRoute)) if "route" in fields else None
    when = _when(fields)
    return lambda number: ApiFault(
        number=number, kind=kind, route=route, when=when, latency_ms=latency_ms, status=status
    )


def _when(fields: Fields) -> When:
    given = [name for name in _WHEN if name in fields]
    if len(given) > 1:
        raise Denied(
            Code.FIELD_INVALID, f"{' and '.join(given)}: expected one of them at most", field=given[1]
        )
    if "seed" in fields and given != ["probability"]:
        raise Denied(Code.FIELD_INVALID, "seed goes with probability", field="seed")
    match given:
        case ["first"]:
            return First(calls=fields.whole("first", low=1, high=CALLS_MAX))
        case ["every"]:
            return Every(calls=fields.whole("every", low=1, high=CALLS_MAX))
        case ["probability"]:
            return Chance(probability=fields.share("probability"), seed=fields.whole("seed", 1))
        case _:
            return None


def count_json(counted: FaultCount) -> dict[str, Any]:
    """A fault as it was asked for, and what it has done."""
    fault = counted.fault
    found: dict[str, Any] = {"number": fault.number, "kind": fault.kind, "route": fault.route}
    if fault.kind is ApiFaultKind.STATUS:
        found["status"] = fault.status
    if fault.latency_ms:
        found["latency_ms"] = fault.latency_ms
    match fault.when:
        case First(calls=calls):
            found["first"] = calls
        case Every(calls=calls):
            found["every"] = calls
        case Chance(probability=probability, seed=seed):
            found |= {"probability": probability, "seed": seed}
        case None:
            pass
    return {**found, "calls": counted.calls, "disturbed": counted.disturbed}
