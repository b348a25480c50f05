"""Waiting for an endpoint: it ends with the first answer, or says after its bound what was missing."""

from __future__ import annotations

import threading

import pytest

from scripted_server import Peer, ScriptedServer, answering, closed_port, reply
from simulator.errors import EndpointUnreachable, UsageError
from simulator.wire.sender import BETWEEN_S_MAX, HELD_S_MAX, RETRY_AFTER_S_MAX, RateLimit, wait_for
from simulator.wire.target import Target, make_target

BOUND_S = 20.0


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "405 Method Not Allowed", "500 Oops"])
def test_any_answer_ends_the_waiting_and_no_webhook_was_sent(status: str) -> None:
    with ScriptedServer(answering(reply(b"", status))) as server:
        assert wait_for(lambda: make_target(server.url()), BOUND_S).url == server.url()
        assert len(server.requests) == 1
        assert server.requests[0].startswith(b"GET /betrontech_api ")
        assert b"Content-Length" not in server.requests[0]


def test_what_stands_before_an_operator_is_not_yet_the_operator() -> None:
    statuses = iter(["502 Bad Gateway", "503 Unavailable", "404 Not Found"])

    def proxy(peer: Peer) -> None:
        peer.request()
        peer.send(reply(b"", next(statuses)))

    with ScriptedServer(proxy) as server:
        wait_for(lambda: make_target(server.url()), BOUND_S, pause=lambda _: None)
        assert len(server.requests) == 3


def test_an_operator_that_comes_up_meanwhile_is_found() -> None:
    with ScriptedServer(answering(reply())) as server:
        urls = iter(
            [f"http://127.0.0.1:{closed_port()}/", f"http://127.0.0.1:{closed_port()}/", server.url()]
        )
        pauses: list[float] = []
        assert wait_for(lambda: make_target(next(urls)), BOUND_S, pause=pauses.append).url == server.url()
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]


def test_a_name_that_resolves_only_later_is_waited_for() -> None:
    with ScriptedServer(answering(reply())) as server:
        tries = iter([EndpointUnreachable("the name wallet does not resolve"), None])

        def reach() -> Target:
            if problem := next(tries):
                raise problem
            return make_target(server.url())

        assert wait_for(reach, BOUND_S, pause=lambda _: None).url == server.url()


def test_the_bound_ends_it_with_the_last_reason() -> None:
    url = f"http://127.0.0.1:{closed_port()}/"
    with pytest.raises(EndpointUnreachable, match=r"nothing listens at 127\.0\.0\.1:\d+.*\nwaited 0\.2 s"):
        wait_for(lambda: make_target(url), 0.2)


def test_without_a_bound_nothing_is_asked() -> None:
    with ScriptedServer(answering(reply())) as server:
        wait_for(lambda: make_target(server.url()), 0)
        assert server.connections == 0


def test_a_url_that_may_not_be_called_is_not_waited_for() -> None:
    with pytest.raises(UsageError):
        wait_for(lambda: make_target("http://8.8.8.8/"), BOUND_S)


def test_a_rate_limit_holds_the_next_call_back_as_long_as_it_says_and_within_bounds() -> None:
    """Where it says nothing it is a second; no run waits for ever."""
    now = 100.0
    limit = RateLimit(clock=lambda: now)
    limit.note(3)
    limit.note(2)
    assert (limit.times, limit.held_s) == (2, 3.0)
    now = 200.0
    limit.note(None)
    assert limit.held_s == 4.0
    now = 300.0
    limit.note(3600)
    assert limit.held_s == 4.0 + RETRY_AFTER_S_MAX
    for _ in range(20):
        now += 1000.0
        limit.note(3600)
    assert limit.held_s == HELD_S_MAX


def test_an_end_ends_the_waiting_for_a_rate_limit() -> None:
    limit = RateLimit()
    limit.note(30)
    waiting = threading.Thread(target=limit.wait, daemon=True)
    waiting.start()
    limit.end()
    waiting.join(10)
    assert not waiting.is_alive()


def test_after_a_rate_limit_calls_go_out_more_slowly() -> None:
    """At four fifths of the rate that the wallet took; what comes of a burst says nothing of the rate."""
    now = 100.0
    limit = RateLimit(clock=lambda: now)
    limit.end()
    for _ in range(50):
        limit.wait()
        now += 0.02
    limit.note(None, alone=False)
    assert not limit.between_s
    now += 10.0
    for _ in range(50):
        limit.wait()
        now += 0.02
    limit.note(None)
    assert 1 / limit.between_s == pytest.approx(0.8 * 50, rel=0.05)
    now += 10.0
    limit.note(None)
    assert limit.between_s <= BETWEEN_S_MAX


def test_more_waiting_is_allowed_for_the_end() -> None:
    """The run has spent its time, and balances can still be put back."""
    now = 0.0
    limit = RateLimit(clock=lambda: now)
    while not limit.is_spent:
        limit.note(3600)
        now += 3600.0
    limit.allow_more()
    assert not limit.is_spent
    limit.note(3600)
    assert limit.is_spent
