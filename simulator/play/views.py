"""Rounds, pictures and exchanges as the JSON that the page reads. Money is text with two decimals."""

from __future__ import annotations

from typing import Any

from simulator.core.curl import curl_line
from simulator.core.money import Money, format_money
from simulator.core.webhooks import WireRequest
from simulator.delivery.journal_entry import Entry
from simulator.delivery.parties import Agent
from simulator.delivery.trouble import Armed
from simulator.play.reels import BONUS_COUNT, Picture
from simulator.play.seats import Round
from simulator.play.symbols import BONUS

BODY_CHARS_MAX = 16_384
"""More of a body than this is cut in the panel; the console shows it all."""

Json = dict[str, Any]


def written(amount: Money | None) -> str | None:
    """An amount as text, nothing as null."""
    return None if amount is None else format_money(amount)


def round_json(played: Round) -> Json:
    """A round, as the history lists it."""
    return {
        "round": played.number,
        "at_ms": played.at_ms,
        "stake": format_money(played.stake),
        "win": format_money(played.win),
        "balance": written(played.balance),
        "standing": played.standing,
    }


def played_json(played: Round) -> Json:
    """A round that was just played, with the reels that show it."""
    return {
        "round": round_json(played),
        "picture": None if played.picture is None else picture_json(played.picture, played.stake),
        "balance": written(played.balance),
        "problem": played.problem,
        "pending": played.owed is not None,
    }


def picture_json(picture: Picture, stake: Money) -> Json:
    """The reels at rest; `times` is what a part pays as a multiple of the stake, cut to two decimals."""
    lines = [
        {
            "line": won.line,
            "symbol": won.symbol,
            "count": won.count,
            "win": format_money(won.win),
            "times": _times(won.win, stake),
        }
        for won in picture.lines
    ]
    bonus = None
    if picture.bonus_win is not None:
        places = [
            (reel, row)
            for reel, column in enumerate(picture.grid)
            for row, symbol in enumerate(column)
            if symbol == BONUS
        ]
        assert len(places) == BONUS_COUNT
        win = picture.bonus_win
        bonus = {"places": places, "win": format_money(win), "times": _times(win, stake)}
    return {"grid": picture.grid, "lines": lines, "bonus": bonus}


def _times(win: Money, stake: Money) -> str:
    return format_money(Money(win * 100 // stake))


def armed_json(armed: Armed) -> Json:
    """What will go wrong, by the names of the trouble."""
    return {
        "lose_reply": armed.next_fault is not None,
        "slow_down": armed.slow_ms,
        "refund_first": armed.refund_first,
    }


def entry_json(entry: Entry) -> Json:
    """An exchange as the panel shows it."""
    reply = None
    if entry.http_status is not None:
        body, is_cut = _text(entry.reply_body)
        is_cut = is_cut or len(entry.reply_body) < entry.reply_bytes
        reply = {"status": entry.http_status, "body": body, "bytes": entry.reply_bytes, "cut": is_cut}
    return {
        "number": entry.number,
        "change": entry.change,
        "at_ms": entry.at_ms,
        "method": entry.method,
        "transaction_id": entry.transaction_id,
        "purpose": entry.purpose,
        "attempt": entry.attempt,
        "amount": written(entry.amount),
        "outcome": entry.outcome,
        "verdict": entry.verdict,
        "balance": written(entry.balance),
        "expected": written(entry.expected),
        "duration_ms": None if entry.duration_ns is None else round(entry.duration_ns / 1e6, 1),
        "problem": entry.problem,
        "fault": entry.fault,
        "findings": [
            {"rule": each.rule, "severity": each.severity, "message": each.message, "why": each.why}
            for each in entry.findings
        ],
        "request": {"content_type": entry.content_type, "body": _text(entry.request_body)[0]},
        "reply": reply,
    }


def curl_of(entry: Entry, agent: Agent) -> str | None:
    """The call as a line for a shell, secrets masked; None where the agent has no webhook URL now."""
    if agent.target is None:
        return None
    wire = WireRequest(entry.request_body, entry.content_type, headers=agent.wire.headers)
    return curl_line(agent.target.url, wire, agent.target.headers)


def _text(body: bytes) -> tuple[str, bool]:
    """A body as text, and whether it was cut. What is no UTF-8 is replaced, visibly."""
    text = body.decode("utf-8", "replace")
    return text[:BODY_CHARS_MAX], len(text) > BODY_CHARS_MAX
