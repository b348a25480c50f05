"""What the page's requests say: checked, or answered with an error. Who may ask, and what is asked."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from flask import Request

from simulator.core.money import Money, parse_canonical
from simulator.play.problems import Error, PlayError

BODY_BYTES_MAX = 4096
DIGITS_MAX = 15
MARK = "X-Play"


def check_origin(request: Request, public_url: str) -> None:
    """Let only the game's own page do things: another site can neither set our header nor hide its origin."""
    if request.headers.get(MARK) != "1":
        raise PlayError(Error.FORBIDDEN)
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise PlayError(Error.FORBIDDEN)
    origin = request.headers.get("Origin")
    # Behind a proxy the host that we see may be another one than the browser's.
    if origin is not None and _host(origin) not in (request.host, _host(public_url)):
        raise PlayError(Error.FORBIDDEN)


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def fields_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body."""
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise PlayError(Error.TOO_LARGE)
    body = request.get_data()
    if len(body) > BODY_BYTES_MAX:
        raise PlayError(Error.TOO_LARGE)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise PlayError(Error.BAD_REQUEST, "The body is not JSON.") from None
    if not isinstance(found, dict):
        raise PlayError(Error.BAD_REQUEST, "The body is not a JSON object.")
    return found


def stake_of(fields: dict[str, Any], stakes: tuple[Money, ...]) -> Money:
    """The stake of a spin, as text like "1.00"."""
    found = fields.get("stake")
    stake = parse_canonical(found) if isinstance(found, str) and len(found) <= DIGITS_MAX else None
    if stake is None or stake not in stakes:
        raise PlayError(Error.STAKE)
    return stake


def since_of(request: Request) -> int:
    """The change after which the journal is asked for; a resumed event stream says it in its own header."""
    text = request.headers.get("Last-Event-ID") or request.args.get("since", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise PlayError(Error.BAD_REQUEST, "since is the number of a change, 0 or more.")
    return int(text)
