"""Read requests strictly: queries, JSON bodies, filters, stakes, and webhooks that are sent by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from simulator.core import json as exact_json
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.languages import Lang
from simulator.core.mappings import Fields, Keys, Mistake, Wrong
from simulator.core.money import ZERO, Money, format_money, parse_written
from simulator.core.webhooks import Method, WebhookRequest
from simulator.errors import UsageError
from simulator.report.languages import lang_accepted
from simulator.serve.answers import Denied, ErrorCode
from simulator.serve.entries import Filter, Purpose
from simulator.wire.profiles import DOCUMENTED_FIELDS

if TYPE_CHECKING:
    from flask import Request

PARAMETERS_MAX = 100

PLAY_BODY_BYTES_MAX = 4096


COOKIE = "console_lang"
"""The cookie that keeps the language which was chosen on a page."""


def lang_wanted(request: Request) -> Lang:
    """Return the language that a request names, else the one chosen on a page, else the browser's."""
    for chosen in (request.args.get("lang", ""), request.cookies.get(COOKIE, "")):
        if chosen in set(Lang):
            return Lang(chosen)
    return lang_accepted(request.accept_languages.values())


def query_of(request: Request, *known: str) -> Fields:
    """Return the fields of the query; each may name the language of its answer."""
    return Fields(request.args.items(multi=True), Keys("the query", ("lang", *known)))


def check_language(request: Request) -> None:
    """Refuse a language in the query that no sentence is written in."""
    asked = [("lang", each) for each in request.args.getlist("lang")]
    Fields(asked, Keys("the query", ["lang"])).word("lang", Lang, Lang.ENGLISH)


def body_of(request: Request, *known: str) -> Fields:
    """Return the fields of the JSON object in the body; no body is an empty object."""
    body = request.get_data()
    # The form of another site cannot send this type unless this server allows it.
    if body and request.mimetype != "application/json":
        raise Denied(ErrorCode.TYPE_UNSUPPORTED, hint="send Content-Type: application/json")
    return _fields_of(body or b"{}", known, ErrorCode.BODY_UNREADABLE)


def play_body_of(request: Request, *known: str) -> Fields:
    """Return the fields of a body that the page of the game sends."""
    if (request.content_length or 0) > PLAY_BODY_BYTES_MAX:
        raise Denied(ErrorCode.TOO_LARGE)
    body = request.get_data()
    if len(body) > PLAY_BODY_BYTES_MAX:
        raise Denied(ErrorCode.TOO_LARGE)
    return _fields_of(body, known, ErrorCode.BAD_REQUEST)


def _fields_of(body: bytes, known: Iterable[str], unreadable: ErrorCode) -> Fields:
    try:
        text = body.decode("utf-8")
        pairs = exact_json.pairs(text)
        twice = exact_json.parse(text).twice
    except ValueError as error:
        raise Denied(unreadable, f"The body is not a JSON object in UTF-8: {error}.") from None
    fields = Fields(pairs, Keys("the body", known))
    for name in sorted(twice):
        # This one is within a value; `Fields` checks the outermost keys.
        raise Wrong(name, f'duplicate key "{name}" in the body', mistake=Mistake.REPEATED)
    return fields


def parameters_of(query: bytes, known: Iterable[str]) -> Fields:
    """Return the parameters of a query of the BetronTech API; unknown ones are ignored."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except UnicodeDecodeError:
        raise Wrong("", "The query is not percent-encoded UTF-8.") from None
    except ValueError:
        raise Wrong("", f"The query has more than {PARAMETERS_MAX} parameters.") from None
    return Fields(pairs, Keys("the query", known, is_open=True))


def names_in_body(body: bytes, names: Iterable[str]) -> list[str]:
    """Return which of these names are fields of a JSON or form body."""
    try:
        held = {name for name, _ in exact_json.pairs(body.decode("utf-8"))}
    except ValueError:
        held = {name for name, _ in parse_qsl(body.decode("latin-1"), keep_blank_values=True)}
    return [name for name in names if name in held]


def resumed_at(request: Request) -> int | None:
    """Return the number of the last event that a browser got before it reconnects, or None."""
    found = request.headers.get("Last-Event-ID", "")
    return Fields([("since", found)], Keys("the header", ["since"])).whole("since") if found else None


# The filter of the journal, in the names of the control API.
FILTERS = (
    "agent",
    "session",
    "player",
    "method",
    "outcome",
    "verdict",
    "transaction_id",
    "purpose",
    "text",
)

WORDS = {"method": Method, "outcome": Outcome, "verdict": CallVerdict, "purpose": Purpose}


def filter_of(fields: Fields) -> Filter:
    """Return the filter of a query; empty fields are ignored."""
    return Filter(
        **{
            name: fields.word(name, WORDS[name], "") if name in WORDS else fields.text(name, "")
            for name in FILTERS
        }
    )


# --- requests of the game's page ------------------------------------------------------------------

MARK = "X-Play"


def check_origin(request: Request, public_url: str) -> None:
    """Accept only the page of the game: other sites can neither set the header MARK nor hide their origin."""
    origin = request.headers.get("Origin")
    # Behind a proxy, the request's host may differ from the browser's.
    is_own = origin is None or _host(origin) in (request.host, _host(public_url))
    is_marked = request.headers.get(MARK) == "1"
    if not is_own or not is_marked or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Denied(ErrorCode.FORBIDDEN)


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def stake_of(fields: Fields, stakes: Iterable[Money]) -> Money:
    """Return the stake of a spin, written like "1.00"."""
    by_text = {format_money(stake): stake for stake in stakes}
    try:
        return by_text[fields.word("stake", by_text)]
    except Wrong as wrong:
        raise Denied(ErrorCode.STAKE, str(wrong)) from None


# --- a webhook put together by hand ---------------------------------------------------------------


class WebhookUnfit(UsageError):
    """The fields are no webhook."""


def webhook_by_hand(values: Mapping[str, Any], new_id: str) -> WebhookRequest:
    """Return the webhook that these fields are; a bet or a win without transaction_id gets `new_id`.

    Raises WebhookUnfit for an unknown field, a missing one, and a value that the field cannot have.
    """
    try:
        method = Fields(values.items(), Keys("a webhook", None)).word("method", Method)
        fields = Fields(values.items(), Keys(method, DOCUMENTED_FIELDS[method]))
        return _webhook(method, fields, new_id)
    except Wrong as wrong:
        raise WebhookUnfit(f"webhook: {wrong}") from None


def _webhook(method: Method, fields: Fields, new_id: str) -> WebhookRequest:
    player = fields.filled("user_id")
    if not method.moves_money:
        return WebhookRequest(method, player)
    amount = fields.needed("amount", _amount, 'an amount like "10.00"')
    if method is Method.REFUND:
        return WebhookRequest(method, player, amount, fields.filled("transaction_id"))
    own_id = fields.filled("transaction_id") if "transaction_id" in fields else new_id
    return WebhookRequest(method, player, amount, own_id, fields.filled("game_id"))


DIGITS_MAX = 15


def amount_in(text: str) -> Money:
    """Return the amount that a request names. Raises ValueError for what is none, or more than any money."""
    if len(text.partition(".")[0]) > DIGITS_MAX:
        raise ValueError(f"it has more than {DIGITS_MAX} digits before the point")
    return parse_written(text)


def _amount(value: Any) -> Money:
    if not isinstance(value, str):
        raise ValueError
    amount = amount_in(value)
    if amount < ZERO:
        raise ValueError("it must not be negative")
    return amount
