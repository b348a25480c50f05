"""A curl line, run by a real shell with a real curl, sends the bytes that the runner sends."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery_calls import BET, sender_for
from scripted_server import ScriptedServer, answering, reply
from simulator.core.secrets import MASK, mask_headers, mask_url
from simulator.core.webhooks import (
    Exchange,
    NoReply,
    NoReplyKind,
    Reply,
    WireRequest,
    answer_line,
    curl_line,
)

SHELL = shutil.which("bash") or "sh"

BODIES = {
    "a bet": b'{"method":"transaction_bet","user_id":"1000","amount":"10.00"}',
    "quotes": b"""{"a":"it's \\"quoted\\" $HOME `id` !x"}""",
    "a file name": b"@/etc/passwd",
    "percent signs": b"%s %d \\n 100%",
    "line breaks": b'{\r\n "a": 1\n}\n',
    "NUL and all others": bytes(range(256)),
    "broken UTF-8": b'{"a":"\xff\xfe"}',
    "an option": b"--help\xff",
    "digits after bytes": b"\x01123\x00777",
    "Turkish": '{"ad":"Şükrü İğne"}'.encode(),
    "a text that turns around": '{"a":"\u202egnp"}'.encode(),
    "nothing": b"",
    "a large text": b"x" * 300_000,
    "large and binary": b"\x00\x01" * 30_000,
    "over a megabyte": b"y" * 1_100_000,
}


def body_of(message: bytes) -> bytes:
    """What follows the head."""
    return message.partition(b"\r\n\r\n")[2]


def fields_of(message: bytes) -> dict[str, str]:
    """The headers by name in small letters."""
    lines = message.partition(b"\r\n\r\n")[0].decode("utf-8").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_line_sends_what_the_sender_sends(body: bytes) -> None:
    wire = WireRequest(body, headers=(("X-Odd", 'it\'s $HOME `id` "x"'),))
    headers = (("Authorization", "Bearer  two-spaces"), ("x-odd", "beaten"), ("X-Empty", ""))
    with ScriptedServer(answering(reply())) as server:
        with sender_for(server, headers=headers) as sender:
            sender.call(BET, wire)
        line = curl_line(server.url(path="/w?a=1&b=%20{x}"), wire, headers, masked=False)
        subprocess.run([SHELL], input=line.encode(), check=True, capture_output=True, timeout=20)
    ours, theirs = server.requests
    assert body_of(theirs) == body_of(ours) == body
    assert theirs.startswith(b"POST /w?a=1&b=%20{x} HTTP/1.1\r\n")
    for name in ("content-type", "content-length", "authorization", "x-odd", "x-empty"):
        assert fields_of(theirs)[name] == fields_of(ours)[name]
    assert "expect" not in fields_of(theirs)
    assert "\n" not in line


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_get_without_a_body_and_a_type_stays_one() -> None:
    wire = WireRequest(b"", content_type="", http_method="GET")
    with ScriptedServer(answering(reply())) as server:
        line = curl_line(server.url(), wire)
        subprocess.run([SHELL], input=line.encode(), check=True, capture_output=True, timeout=20)
    assert server.requests[0].startswith(b"GET ")
    assert "content-type" not in fields_of(server.requests[0])


def test_an_ordinary_line_reads_as_one_would_write_it() -> None:
    wire = WireRequest(b'{"method":"refund"}')
    assert curl_line("http://localhost:9000/betrontech_api", wire) == (
        "curl -s -X POST http://localhost:9000/betrontech_api "
        "-H 'Content-Type: application/json' -d '{\"method\":\"refund\"}'"
    )


def test_a_line_shows_no_secret_unless_asked() -> None:
    """Whatever its name, a configured header may let a caller in; Accept does not."""
    headers = (("Authorization", "Bearer abc"), ("X-Api-Key", "abc"), ("X-Casino", "abc"), ("Accept", "*/*"))
    line = curl_line("http://h/", WireRequest(b"{}", headers=(("Cookie", "abc"), ("X-Trace", "t1"))), headers)
    assert "abc" not in line
    assert "'Authorization: Bearer ***'" in line
    assert "'X-Trace: t1'" in line
    assert "'Accept: */*'" in line


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (("authorization", "bearer abc"), f"bearer {MASK}"),
        (("Authorization", "abc"), MASK),
        (("Proxy-Authorization", "Basic YTpi"), f"Basic {MASK}"),
        (("X-Sessionid", "abc"), MASK),
        (("X-AGENT-TOKEN", "abc"), MASK),
        (("Set-Cookie", "s=1"), MASK),
        (("X-Secret", ""), ""),
        (("Content-Type", "application/json"), "application/json"),
    ],
)
def test_what_gives_access_is_masked_by_its_name(header: tuple[str, str], shown: str) -> None:
    assert mask_headers((header,)) == ((header[0], shown),)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/w", "http://h/w"),
        ("http://h/w?shop=1", "http://h/w?shop=***"),
        ("http://user:abc@h/w", "http://***@h/w"),
        ("http://h/w?shop=1&access_token=abc&x=2", "http://h/w?shop=***&access_token=***&x=***"),
        ("http://h/w?API-Key=abc#abc", "http://h/w?API-Key=***#abc"),
    ],
)
def test_a_url_shows_no_secret(url: str, shown: str) -> None:
    assert mask_url(url) == shown
    assert shown in curl_line(url, WireRequest(b"{}")).replace("'", "")


# --- the answer -----------------------------------------------------------------------------------


def answered(body: bytes, status: int = 200) -> str:
    """How an answer is shown."""
    return answer_line(Exchange(BET, WireRequest(b"{}"), Reply(status, (), body), 1, 2))


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"status":1,"balance":"110.00"}', 'HTTP 200 {"status":1,"balance":"110.00"}'),
        (b'{\r\n  "status": 1,\n  "balance": "1.00"\n}\n', 'HTTP 200 { "status": 1, "balance": "1.00" }'),
        (b"", "HTTP 200 (empty)"),
        (b" \n", "HTTP 200 (empty)"),
        (b"\x1b[2Jgone\xff", "HTTP 200 \\x1b[2Jgone\\xff"),
        ("\u202egnp".encode(), "HTTP 200 \\u202egnp"),
        (b"x" * 400, f"HTTP 200 {'x' * 300}… (400 bytes)"),
    ],
    ids=["one line", "several lines", "empty", "blank", "control characters", "turned around", "long"],
)
def test_an_answer_is_one_line_of_bounded_length(body: bytes, shown: str) -> None:
    assert answered(body) == shown


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":1,"session_token":"s3cr3t"}',
        b'{"Password" : "s3cr3t\\" s3cr3t"}',
        b'{"token":"' + b"s3cr3t" * 10_000,
    ],
    ids=["by name", "quote in it", "without end"],
)
def test_an_answer_shows_no_secret(body: bytes) -> None:
    """By the name of its field; `Secrets` masks by value."""
    assert "s3cr" not in answered(body)


def test_an_answer_that_never_came_says_why() -> None:
    lost = Exchange(BET, WireRequest(b"{}"), NoReply(NoReplyKind.TIMEOUT, "nothing within 5 s"), 1, None)
    assert answer_line(lost) == "no answer: nothing within 5 s"


@given(st.binary(max_size=1_000))
def test_any_answer_is_one_printable_line(body: bytes) -> None:
    assert answered(body).isprintable()


@given(st.binary(max_size=200), st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=30))
def test_any_body_and_header_make_one_printable_line(body: bytes, value: str) -> None:
    line = curl_line("http://h/", WireRequest(body, headers=(("X-A", value),)))
    assert line.isprintable()
