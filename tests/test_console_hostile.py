"""Hostile input to every route of console and control API: no 5xx, no secret told, no forged log line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control_client import Control, controlled
from served import Served, exchange, serving

TOKEN = "s3cret-admin-token"
NASTY = [
    "",
    "\x00",
    "\ud800",
    "%00%ff%fe",
    "..%2f..%2fetc%2fpasswd",
    "../../../../etc/passwd",
    "' OR 1=1 --",
    "<svg onload=alert(1)>",
    "{{7*7}}${7*7}",
    "\r\nSet-Cookie: a=b",
    "9" * 400,
    "-1",
    "1e9",
    "NaN",
    "i\u0307\u0131\u202e\u2028",
    "A" * 8000,
]
BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"a":' * 500,
    b"\xff\xfe",
    b'{"by_ms":1e999}',
    b'{"by_ms":NaN}',
    b'"x"',
]


@pytest.fixture(scope="module")
def control() -> Iterator[Control]:
    """A server with something to be found."""
    with controlled() as found:
        found.spin(found.seat())
        yield found


def routes(control: Control) -> list[tuple[str, str]]:
    """Every method and path of console and control API; places in paths are left as {name}."""
    return [
        (method, re.sub(r"<(?:int:|path:)?(\w+)>", r"{\1}", rule.rule))
        for rule in control.api.app.url_map.iter_rules()
        if rule.rule == "/" or rule.rule.startswith(("/console", "/_sim"))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        # An open stream is no answer that ends.
        if rule.rule != "/console/events"
    ]


FIELDS = (
    "agent",
    "player",
    "text",
    "before",
    "since",
    "limit",
    "verdict",
    "next",
    "lang",
    "part",
    "timeout_ms",
)


def test_whatever_is_asked_is_answered_without_a_5xx(control: Control) -> None:
    """Every route with nasty places, fields, bodies, and types."""
    client = control.api.client
    for method, path in routes(control):
        for value in NASTY:
            place = path
            for name in re.findall(r"\{(\w+)\}", path):
                place = path.replace(f"{{{name}}}", quote(value, safe="/%", errors="replace") or "x")
            query = {name: value.encode("utf-8", "surrogatepass") for name in FIELDS[:: 1 + len(value) % 3]}
            reply = client.open(place, method=method, query_string=query)
            assert reply.status_code < 500, (method, path, value, reply.data[:200])
            reply.close()
        for body in BODIES if method != "GET" else ():
            for content_type in (
                "application/json",
                "text/plain",
                "multipart/form-data; boundary=x",
                "\udcff",
            ):
                place = re.sub(r"\{\w+\}", "1", path)
                reply = client.open(place, method=method, data=body, content_type=content_type)
                assert reply.status_code < 500, (method, path, body, content_type, reply.data[:200])
                reply.close()


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=30), max_size=4), st.text(max_size=30))
def test_any_query_and_any_cookie_is_answered(control: Control, query: dict[str, str], cookie: str) -> None:
    """Pages, their parts, and the journal."""
    named = {name: value.encode("utf-8", "replace") for name, value in query.items()}
    header = f"console_lang={cookie}".encode("ascii", "replace").decode()
    header = "".join(letter for letter in header if letter.isprintable())
    for path in (
        "/",
        "/console/rows",
        "/console/news",
        "/console/player",
        "/console/latency",
        "/_sim/journal",
    ):
        reply = control.api.client.get(path, query_string=named, headers={"Cookie": header})
        assert reply.status_code in (200, 422), (path, reply.data[:200])


def test_no_page_has_marks_that_turn_its_text_around() -> None:
    """Nor C1 controls: a player's name, a filter and the wallet's answer are shown with escapes."""
    marks = "\u202e\u2066\u200f\u0085\u009b"
    with controlled() as control:
        number = control.do(
            "POST", "/webhooks", {"webhook": {"method": "user_balance", "user_id": f"a{marks[:3]}"}}
        )
        paths = ["/", "/console/findings", "/console/players", "/console/requests", "/console/rows"]
        paths += [f"/console/exchange/{number['exchanges'][0]}", f"/?text={quote(marks)}"]
        pages = [control.api.client.get(path).get_data(as_text=True) for path in paths]
    assert any("\\u202e" in page for page in pages)
    assert not [path for path, page in zip(paths, pages, strict=True) if set(marks) & set(page)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server with a token."""
    with serving(tmp_path_factory.mktemp("serve"), "--with-operator", "--admin-token", TOKEN) as server:
        yield server
        log = server.log.read_text()
        assert "Traceback" not in log
        assert TOKEN not in log
        assert not [line for line in log.splitlines() if line.startswith("FORGED")]


RAW: dict[str, tuple[bytes, set[int]]] = {
    "no token": (b"GET /_sim/state HTTP/1.1\r\nHost: localhost\r\n", {401}),
    "no host": (b"GET /_sim/state HTTP/1.0\r\n", {401}),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", {400, 403}),
    "a host that is none": (b"GET / HTTP/1.1\r\nHost: [::1\r\n", {400, 403}),
    "a forged cookie": (
        b"GET /_sim/state HTTP/1.1\r\nHost: localhost\r\nCookie: console_00000000=9999999999.AAAA\r\n",
        {401},
    ),
    "a token that is no text": (
        b"GET /_sim/state HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n",
        {401},
    ),
    "the token in the query": (
        f"GET /_sim/state?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n".encode(),
        {401},
    ),
    "a line for the log": (b"GET /console/%0aFORGED HTTP/1.1\r\nHost: localhost\r\n", {401}),
    "out of the folder": (
        b"GET /console/static/../../../pyproject.toml HTTP/1.1\r\nHost: localhost\r\n",
        {404},
    ),
    "out of the folder, encoded": (
        b"GET /console/static/..%2f..%2faccess.py HTTP/1.1\r\nHost: localhost\r\n",
        {404},
    ),
    "another method": (b"TRACE / HTTP/1.1\r\nHost: localhost\r\n", {405}),
    "a method of one's own": (b"BREW /_sim/state HTTP/1.1\r\nHost: localhost\r\n", {405}),
    "a line break in Last-Event-ID": (
        f"GET /console/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Last-Event-ID: 1\n2\r\n".encode(),
        {400, 422},
    ),
    "a Last-Event-ID beyond all": (
        f"GET /console/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Last-Event-ID: {'9' * 50}\r\n".encode(),
        {422},
    ),
}


@pytest.mark.parametrize(("sent", "statuses"), RAW.values(), ids=RAW.keys())
def test_raw_requests_get_their_error(served: Served, sent: bytes, statuses: set[int]) -> None:
    """Without a word of the token in it."""
    answer = exchange(served.port, sent + b"Connection: close\r\n\r\n")
    assert answer.status in statuses, answer.body
    assert TOKEN.encode() not in answer.body
