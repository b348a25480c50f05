"""An exchange as the JSON of the control API: as a row, and in full with both bodies."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from simulator.agents import Agents
from simulator.core.curl import Headers, curl_line, mask_headers, merged_headers
from simulator.core.findings import Outcome
from simulator.core.money import Money, format_money
from simulator.core.webhooks import Method, WireRequest
from simulator.delivery.journal_entry import Entry, PlayFinding

Json = dict[str, Any]


def row_json(entry: Entry) -> Json:
    """An exchange without headers and bodies."""
    return {
        "number": entry.number,
        "change": entry.change,
        "at_ms": entry.at_ms,
        "agent": entry.agent,
        "session": entry.session,
        "player": entry.player,
        "method": entry.method,
        "transaction_id": entry.transaction_id,
        "game_id": entry.game,
        "amount": money_text(entry.amount),
        "purpose": entry.purpose,
        "attempt": entry.attempt,
        "outcome": entry.outcome,
        "verdict": entry.verdict,
        "balance": money_text(entry.balance),
        "expected": money_text(entry.expected),
        "http": entry.http_status,
        "duration_ns": entry.duration_ns,
        "fault": entry.fault,
        "problem": entry.problem,
        "findings": [finding_json(each) for each in entry.findings],
    }


def full_json(entry: Entry, agents: Agents) -> Json:
    """An exchange with all that is known of it. `reply` is null without an answer; `problem` says why."""
    reply: Json | None = None
    if entry.http_status is not None:
        reply = {
            "status": entry.http_status,
            "headers": [list(pair) for pair in entry.reply_headers],
            **body_json(entry.reply_body),
            "bytes": entry.reply_bytes,
            "cut": len(entry.reply_body) < entry.reply_bytes,
        }
    headers = [list(pair) for pair in request_headers(entry, agents)]
    request = {"content_type": entry.content_type, "headers": headers, **body_json(entry.request_body)}
    return {**row_json(entry), "request": request, "reply": reply, "curl": curl_of(entry, agents)}


def finding_json(finding: PlayFinding) -> Json:
    """What an exchange shows."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "cause": finding.cause,
        "message": finding.message,
        "why": finding.why,
        "expected": [format_money(amount) for amount in finding.expected],
        "found": money_text(finding.found),
    }


def request_headers(entry: Entry, agents: Agents) -> Headers:
    """The headers that go out with a call of that agent now, secrets masked."""
    agent = agents.of_code(entry.agent)
    own = () if agent is None or agent.target is None else agent.target.headers
    wire = () if agent is None else agent.wire.headers
    return mask_headers(merged_headers((("Content-Type", entry.content_type), *own), wire))


def curl_of(entry: Entry, agents: Agents) -> str | None:
    """The call as a line for a shell, secrets masked; None where the agent has no webhook URL now."""
    agent = agents.of_code(entry.agent)
    if agent is None or agent.target is None:
        return None
    wire = WireRequest(entry.request_body, entry.content_type, headers=agent.wire.headers)
    return curl_line(agent.target.url, wire, agent.target.headers)


def balance_before(entry: Entry) -> Money | None:
    """What the player had before the exchange, as its answer tells it; None where it tells no balance."""
    if entry.balance is None:
        return None
    before = int(entry.balance)
    if entry.outcome is Outcome.ACCEPTED and entry.amount is not None:
        before += entry.amount if entry.method == Method.BET else -entry.amount
    return Money(max(0, before))


def money_text(amount: Money | None) -> str | None:
    """Two decimals, or null."""
    return None if amount is None else format_money(amount)


def body_json(body: bytes) -> Json:
    """The text of a body; what is no UTF-8 as base64 beside it."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body": None, "body_base64": b64encode(body).decode()}
