"""Hostile input to every route of a running server: an answer in JSON below 500, and no secret in it."""

from __future__ import annotations

import http.client
import json
import socket
from base64 import b64encode
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from served import Answer, Served, exchange, serving
from simulator.serve.app import BODY_BYTES_MAX
from simulator.serve.gunicorn import THREADS

TOKEN, SECRET_KEY, ADMIN = "agent-token-9d1", "secret-key-77c", "admin-token-e05"
ROUTES = {
    "/api/auth/authentication": "POST",
    "/api/games/game_launch": "GET",
    "/api/games/provider": "GET",
    "/api/games/all": "GET",
    "/openapi.json": "GET",
    "/healthz": "GET",
    "/readyz": "GET",
}
CREDENTIALS = b64encode(f"{TOKEN}:{SECRET_KEY}".encode()).decode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    flags = ("--agent-token", TOKEN, "--agent-secret-key", SECRET_KEY, "--admin-token", ADMIN)
    with serving(tmp_path_factory.mktemp("serve"), *flags) as server:
        yield server
        log = server.log.read_text()
        assert "Traceback" not in log
        for secret in (TOKEN, SECRET_KEY, ADMIN, CREDENTIALS):
            assert secret not in log


def asked(served: Served, sent: bytes, method: str = "GET") -> Answer | None:
    """The answer; None where the server just hung up."""
    try:
        return exchange(served.port, sent, method)
    except (http.client.HTTPException, ConnectionError):
        return None


def check(answer: Answer | None) -> None:
    """Below 500, JSON, and nothing of ours that is secret."""
    if answer is None:
        return
    assert answer.status < 500, answer
    assert answer.headers["content-type"] == "application/json", answer
    if answer.body:
        assert isinstance(json.loads(answer.body), dict)
    text = answer.body.decode() + str(answer.headers)
    assert not any(secret in text for secret in (TOKEN, SECRET_KEY, ADMIN, CREDENTIALS))


def head(method: str, target: str, *lines: str) -> bytes:
    """A request's head; authorized as authentication wants it."""
    fields = ["Host: localhost", f"Authorization: Bearer {CREDENTIALS}", "Connection: close", *lines]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *fields, "", ""]).encode("latin-1")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"]
)
def test_another_method_is_405_and_says_which_there_are(served: Served, path: str, method: str) -> None:
    """JSON with an Allow header; no method is offered that the reference does not know."""
    answer = asked(served, head(method, path), method)
    check(answer)
    assert answer is not None
    if method == ROUTES[path]:
        assert answer.status in {200, 401}
    else:
        assert (answer.status, json.loads(answer.body)["error"]) == (405, "METHOD_NOT_ALLOWED")
        assert ROUTES[path] in answer.headers["allow"]


PATH_TRICKS = [
    "{}/",
    "{}//",
    "{}/..",
    "/api/..{}",
    "/./{}",
    "{}%00",
    "{}%ff",
    "{}%2e%2e%2f",
    "{};a=b",
    "{}\\",
    "{}.json",
    "{}%0d%0aSet-Cookie:%20x=1",
    "/..%2f..%2f..%2fetc/passwd",
    "/static/../../../etc/passwd",
    "{}" + "/a" * 2000,
]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("trick", PATH_TRICKS, ids=lambda trick: trick[:30])
def test_a_path_that_is_none_of_ours_is_404(served: Served, path: str, trick: str) -> None:
    """No redirect, no normalization, no file."""
    target = trick.replace("{}", path)
    answer = asked(served, head(ROUTES[path], target), ROUTES[path])
    check(answer)
    assert answer is not None
    assert answer.status == 404
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers


def test_a_doubled_slash_at_the_front_is_one(served: Served) -> None:
    """A base URL that ends with a slash is a common slip, and leads to no other place."""
    answer = asked(served, head("POST", "//api/auth/authentication"), "POST")
    assert answer is not None
    assert answer.status == 200


BROKEN = {
    "a line that is too long": head("GET", "/api/games/all?x=" + "a" * 9000),
    "a header that is too long": head("GET", "/api/games/all", "X: " + "a" * 9000),
    "too many headers": head("GET", "/api/games/all", *(f"X-{number}: a" for number in range(200))),
    "a folded header": head("GET", "/api/games/all", "X: a", " b"),
    "a header without colon": head("GET", "/api/games/all", "nonsense"),
    "a blank in a header's name": head("GET", "/api/games/all", "X y: a"),
    "a zero byte in a header": head("GET", "/api/games/all", "X: a\0b"),
    "a bare carriage return": head("GET", "/api/games/all", "X: a\rSet-Cookie: b=c"),
    "two lengths": head("POST", "/api/auth/authentication", "Content-Length: 1", "Content-Length: 2") + b"ab",
    "a length and chunks": head(
        "POST", "/api/auth/authentication", "Content-Length: 1", "Transfer-Encoding: chunked"
    )
    + b"0\r\n\r\n",
    "a negative length": head("POST", "/api/auth/authentication", "Content-Length: -1"),
    "a length that is a word": head("POST", "/api/auth/authentication", "Content-Length: ten"),
    "a length with a sign": head("POST", "/api/auth/authentication", "Content-Length: +1") + b"a",
    "an unknown coding": head("POST", "/api/auth/authentication", "Transfer-Encoding: cow"),
    "a broken chunk": head("POST", "/api/auth/authentication", "Transfer-Encoding: chunked") + b"zz\r\n",
    "another version": b"GET /api/games/all HTTP/9.9\r\n\r\n",
    "no version": b"GET /api/games/all\r\n\r\n",
    "HTTP/2 by prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS greeting": bytes.fromhex("160301005a010000560303") + bytes(80) + b"\r\n\r\n",
    "an absolute target": head("GET", "http://evil.example/api/games/all"),
    "a target of *": head("OPTIONS", "*"),
    "an expectation": head("POST", "/api/auth/authentication", "Expect: the unexpected"),
    "a forwarded scheme": head("GET", "/api/games/all", "X-Forwarded-Proto: https", "X-Forwarded-SSL: off"),
    "a foreign host": head("GET", "/api/games/all", "Host: evil.example"),
    "an upgrade": head("GET", "/healthz", "Upgrade: websocket", "Connection: upgrade"),
    "letters beyond ASCII": head("GET", "/api/games/all", "X: \xff\xfe\xe9"),
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_what_is_hardly_http_gets_json_or_nothing(served: Served, sent: bytes) -> None:
    """Also what gunicorn refuses before Flask sees it; and the server lives on."""
    check(asked(served, sent))
    answer = asked(served, head("GET", "/healthz"))
    assert answer is not None
    assert (answer.status, answer.body) == (200, b'{"status":"ok"}')


@pytest.mark.parametrize("path", ROUTES)
def test_a_body_that_is_too_large_is_413_before_it_is_read(served: Served, path: str) -> None:
    """By its length alone, and by its chunks once they are too many."""
    announced = head(ROUTES[path], path, "Content-Length: 10000000000")
    chunk = f"{65536:x}\r\n".encode() + b"a" * 65536 + b"\r\n"
    chunks = chunk * (BODY_BYTES_MAX // 65536 + 1) + b"0\r\n\r\n"
    chunked = head(ROUTES[path], path, "Transfer-Encoding: chunked") + chunks
    for sent in (announced, chunked):
        answer = asked(served, sent, ROUTES[path])
        check(answer)
        assert answer is None or answer.status == 413


def test_what_follows_a_refused_body_is_no_request(served: Served) -> None:
    """The unread body is not taken for the next request on the connection."""
    smuggled = head("GET", "/healthz")
    sent = head("POST", "/api/auth/authentication", f"Content-Length: {BODY_BYTES_MAX + 1}").replace(
        b"Connection: close\r\n", b""
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(sent + smuggled)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 413 ")


@given(query=st.binary(max_size=300), path=st.sampled_from(sorted(ROUTES)))
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_any_bytes_in_a_query_are_answered(served: Served, query: bytes, path: str) -> None:
    """Percent signs, semicolons, broken UTF-8: whatever stands there, somebody answers."""
    line = bytes(each for each in query if each > 32 and each != 127)
    sent = head(ROUTES[path], path + "?").replace(b"? HTTP", b"?" + line + b" HTTP")
    check(asked(served, sent, ROUTES[path]))


@given(
    value=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=200)
)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_any_authorization_is_answered(served: Served, value: str) -> None:
    """Whatever the header says, it is 401 or was right."""
    for path in ("/api/auth/authentication", "/api/games/all"):
        lines = ["Host: x", f"Authorization: {value}", "Content-Length: 0", "", ""]
        sent = "\r\n".join([f"{ROUTES[path]} {path} HTTP/1.1", *lines])
        answer = asked(served, sent.encode("latin-1"), ROUTES[path])
        check(answer)
        assert answer is not None
        assert answer.status in {400, 401}


@pytest.mark.slow
def test_silent_clients_do_not_hold_the_server_up(served: Served) -> None:
    """Twice as many half requests as there are threads, and everybody else is answered all the same."""
    halves = [socket.create_connection(("127.0.0.1", served.port), timeout=30) for _ in range(THREADS * 2)]
    for number, half in enumerate(halves):
        half.sendall(b"GET /api/games/all HTTP/1.1\r\nHost: x\r\n" if number % 2 else b"G")
    try:
        answer = asked(served, head("GET", "/healthz"))
        assert answer is not None
        assert answer.status == 200
    finally:
        for half in halves:
            half.close()
