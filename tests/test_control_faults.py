"""Faults of the API: what a client on a real connection gets, and which calls are struck."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from api_client import Api, encoded
from served import Served, exchange, serving
from simulator.serve.api.faults import (
    ApiFault,
    ApiFaultKind,
    ApiFaults,
    ApiRoute,
    Chance,
    Every,
    First,
    When,
)

LOGIN = (
    b"POST /api/auth/authentication HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
    b"Authorization: Bearer " + encoded().encode() + b"\r\nConnection: close\r\n\r\n"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server."""
    with serving(tmp_path_factory.mktemp("serve")) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


def control(served: Served, method: str, path: str, body: object = None) -> Any:
    """The JSON of an answer of the control API."""
    sent = b"" if body is None else json.dumps(body).encode()
    head = f"{method} /_sim{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(sent)}\r\n"
    answer = exchange(
        served.port, f"{head}Content-Type: application/json\r\nConnection: close\r\n\r\n".encode() + sent
    )
    assert answer.status in (200, 201), answer.body
    return json.loads(answer.body)


@pytest.fixture
def fault(served: Served) -> Iterator[Any]:
    """Puts faults up, and takes them down at the end."""
    yield lambda **fields: control(served, "POST", "/faults", fields)
    control(served, "DELETE", "/faults")


def login(served: Served) -> bytes:
    """Every byte that comes back on a connection of its own; ConnectionResetError for a reset."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(LOGIN)
        got = b""
        while piece := connection.recv(65_536):
            got += piece
        return got


def status(served: Served) -> int:
    """The HTTP status of a login."""
    return exchange(served.port, LOGIN, "POST").status


def test_a_status_comes_instead_and_nothing_is_done(served: Served, fault: Any) -> None:
    fault(kind="status", status=503, first=1)
    answer = exchange(served.port, LOGIN, "POST")
    assert (answer.status, json.loads(answer.body)["error"]) == (503, "INJECTED")
    assert status(served) == 200


def test_an_empty_answer_is_a_connection_that_is_closed(served: Served, fault: Any) -> None:
    fault(kind="empty")
    assert login(served) == b""


def test_a_reset_is_a_reset(served: Served, fault: Any) -> None:
    fault(kind="reset")
    with pytest.raises(ConnectionResetError):
        login(served)


def test_garbage_is_no_http(served: Served, fault: Any) -> None:
    fault(kind="garbage")
    with pytest.raises(http.client.BadStatusLine):
        exchange(served.port, LOGIN, "POST")


def test_a_truncated_answer_ends_in_the_middle_of_its_body(served: Served, fault: Any) -> None:
    fault(kind="truncated")
    head, _, body = login(served).partition(b"\r\n\r\n")
    length = next(
        int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    assert 0 < len(body) < length


def test_a_latency_comes_late_and_ends_well(served: Served, fault: Any) -> None:
    """Not before the time that was asked for; the server's log has the line only after the answer."""
    fault(kind="latency", latency_ms=300, route="authentication")
    sent = time.monotonic()
    assert status(served) == 200
    assert time.monotonic() - sent >= 0.3


def test_only_the_route_is_struck_and_console_and_health_never(served: Served, fault: Any) -> None:
    made = fault(kind="status", status=500, route="game_launch")
    assert status(served) == 200
    for path in (b"/healthz", b"/_sim/state", b"/openapi.json"):
        sent = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert exchange(served.port, sent).status == 200
    (listed,) = control(served, "GET", "/faults")["faults"]
    assert (listed["number"], listed["calls"], listed["disturbed"]) == (made["number"], 0, 0)
    control(served, "DELETE", f"/faults/{made['number']}")
    assert control(served, "GET", "/faults")["faults"] == []


def test_answers_that_wait_leave_threads_for_others(served: Served, fault: Any) -> None:
    """As many late ones as there are threads: health answers, and those beyond the bound get a 503."""
    fault(kind="latency", latency_ms=2000)
    late = [socket.create_connection(("127.0.0.1", served.port), timeout=20) for _ in range(32)]
    for connection in late:
        connection.sendall(LOGIN)
    sent = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert exchange(served.port, sent).status == 200
    firsts = [connection.recv(12) for connection in late]
    for connection in late:
        connection.close()
    assert set(firsts) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}


STRUCK: dict[str, tuple[When, str]] = {
    "every call": (None, "xxxxxx"),
    "the first two": (First(calls=2), "xx...."),
    "every third": (Every(calls=3), "..x..x"),
    "a chance of none": (Chance(probability=0.0, seed=1), "......"),
    "a chance of all": (Chance(probability=1.0, seed=1), "xxxxxx"),
}


def struck(when: When, calls: int = 6) -> str:
    """Which of so many calls are struck."""
    faults = ApiFaults()
    faults.add(lambda number: ApiFault(number=number, kind=ApiFaultKind.RESET, when=when))
    return "".join("x" if faults.take("all") else "." for _ in range(calls))


@pytest.mark.parametrize(("when", "expected"), STRUCK.values(), ids=STRUCK.keys())
def test_which_calls_are_struck(when: When, expected: str) -> None:
    assert struck(when) == expected


def test_a_chance_is_the_same_for_the_same_seed() -> None:
    """And another for another one."""
    first = struck(Chance(probability=0.5, seed=3), 200)
    assert first == struck(Chance(probability=0.5, seed=3), 200)
    assert first != struck(Chance(probability=0.5, seed=4), 200)
    assert 60 < first.count("x") < 140


def test_where_several_strike_the_oldest_wins_and_all_have_counted() -> None:
    faults = ApiFaults()
    faults.add(lambda number: ApiFault(number=number, kind=ApiFaultKind.RESET, route=ApiRoute.ALL))
    faults.add(lambda number: ApiFault(number=number, kind=ApiFaultKind.EMPTY, route=ApiRoute.ALL))
    taken = faults.take("all")
    assert taken is not None
    assert taken.kind is ApiFaultKind.RESET
    assert faults.take("provider") is None
    assert [(each.calls, each.disturbed) for each in faults.all()] == [(1, 1), (1, 0)]


def test_there_is_a_bound_of_faults() -> None:
    """A hundred; the next is refused."""
    api = Api()
    for _ in range(100):
        assert api.client.post("/_sim/faults", json={"kind": "reset"}).status_code == 201
    assert api.client.post("/_sim/faults", json={"kind": "reset"}).status_code == 409
