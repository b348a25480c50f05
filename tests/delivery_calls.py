"""Calls of the wallet client in tests: senders with small limits, and exchanges taken apart."""

from __future__ import annotations

from scripted_server import Script, ScriptedServer
from simulator.core.webhooks import Exchange, Method, NoReply, Reply, WebhookRequest, WireRequest
from simulator.wire.sender import Sender
from simulator.wire.target import make_target

BET = WebhookRequest(Method.BET, "1000")
WIRE = WireRequest(b'{"method":"transaction_bet","user_id":"1000","amount":"10.00"}')
SHORT_S = 0.3


def sender_for(server: ScriptedServer, **limits: object) -> Sender:
    """A sender with small limits."""
    options: dict[str, object] = {"timeout_s": 5.0, "connect_timeout_s": 2.0, **limits}
    return Sender(make_target(server.url(), **options))  # type: ignore[arg-type]


def call_once(script: Script, wire: WireRequest = WIRE, **limits: object) -> tuple[Exchange, ScriptedServer]:
    """One call to a server with that script; the exchange, and the server after its end."""
    with ScriptedServer(script) as server, sender_for(server, **limits) as sender:
        exchange = sender.call(BET, wire)
    return exchange, server


def no_reply(exchange: Exchange) -> NoReply:
    """The absence of an answer, which must be there."""
    assert isinstance(exchange.reply, NoReply), exchange.reply
    assert exchange.answered_ns is None
    return exchange.reply


def answer(exchange: Exchange) -> Reply:
    """The answer, which must be there."""
    assert isinstance(exchange.reply, Reply), exchange.reply
    assert exchange.answered_ns is not None
    assert exchange.answered_ns >= exchange.sent_ns
    return exchange.reply
