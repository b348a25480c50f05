"""Build pages of the console: frame, language, headers, formats of values; log in and choose a language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, g, get_template_attribute, redirect, render_template, request
from markupsafe import Markup, escape
from werkzeug.wrappers import Response as BaseResponse

from simulator import __version__
from simulator.core.languages import Lang
from simulator.core.mappings import Wrong
from simulator.core.money import Money, format_change, format_money
from simulator.core.values import Frozen
from simulator.law.rules import rule_ids
from simulator.report.languages import NAMES, Texts, Words, texts_in
from simulator.serve.answers import Denied, ErrorCode, Part, denied_field
from simulator.serve.console.access import Access, put_cookie
from simulator.serve.entries import Entry
from simulator.serve.fields import COOKIE, lang_wanted
from simulator.serve.obligations import State
from simulator.serve.state import ServerState

# Only scripts and styles of this server may be loaded and run, and no other site may embed a page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_RULE_ID = re.compile(r"\b([A-Z]{3}-\d\d)\b")

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


TEXTS = Path(__file__).with_name("texts")


class Frame(Frozen):
    """Builds the pages of one server."""

    state: ServerState
    access: Access

    @property
    def texts(self) -> Texts:
        """Return the texts in the language of the request."""
        return texts_in(TEXTS, lang_wanted(request))

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Return a whole page, or with `?part=1` only its main part."""
        told = render_template(f"console/{template}", **self._shared(), **values)
        return Response(told, status, content_type="text/html; charset=utf-8")

    def row(self) -> Callable[[Entry], str]:
        """Return a function that writes journal rows in the request's language, even after the request."""
        lang = lang_wanted(request)
        texts = texts_in(TEXTS, lang)
        shared = {"t": texts, "said": Words(lang), **_written(texts)}
        macro = get_template_attribute("console/row.html", "row")
        return lambda entry: " ".join(str(macro(entry, shared)).split("\n"))

    def note_change(self) -> None:
        """Remember the last change of the journal, before a page reads anything."""
        g.since = self.state.delivery.journal.change

    def _shared(self) -> dict[str, Any]:
        lang, delivery = lang_wanted(request), self.state.delivery
        texts = texts_in(TEXTS, lang)
        return {
            "t": texts,
            "said": (said := Words(lang)),
            "capital": lambda text: capital(text, lang),
            "headline": lambda text: capital(said(text), lang),
            "sentence": lambda text: sentence(said(text), lang),
            "linked": linked,
            "lang": lang,
            "langs": NAMES,
            "version": __version__,
            "is_part": request.args.get("part") == "1",
            "guarded": self.access.token is not None,
            "here": request.path,
            "write_problem": delivery.journal.problem,
            "ahead_ms": self.state.clock.offset_ms,
            "undelivered_count": delivery.owing(State.UNDELIVERED),
            # From before the page read anything: it is then sent all later changes.
            "since": g.get("since", 0),
            **_written(texts),
        }


def guard_page(told: Response) -> Response:
    """Add the headers that every answer of the console has."""
    for name, value in _HEADERS.items():
        told.headers.setdefault(name, value)
    told.headers.setdefault("Cache-Control", "no-store")
    return told


def _written(texts: Texts) -> dict[str, Callable[[Any], str]]:
    """Return the functions with which templates write values."""
    return {
        "money": _money,
        "count": lambda number: f"{number:,}".replace(",", texts["thousands"]),
        "change": lambda amount: format_change(amount) if amount else format_money(amount),
        "duration": lambda duration_ns: _duration(duration_ns).replace(".", texts["decimal"]),
        "span": lambda span_ms: span_text(span_ms, texts["units"]),
        "moment": _moment,
        "iso": utc_text,
    }


def _money(amount: Money | None) -> str:
    return "" if amount is None else format_money(amount)


def _duration(duration_ns: int | None) -> str:
    if duration_ns is None:
        return ""
    ms = duration_ns / 1e6
    if ms < 0.05:
        return "< 0.1 ms"
    return f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms" if ms < 10_000 else f"{ms / 1000:.1f} s"


def span_text(span_ms: int, units: str = "d h min s") -> str:
    """Return a length of time in its largest unit that fits, and the next one: ``1 h 30 min``."""
    left, found = span_ms // 1000, []
    for unit, seconds in zip(units.split(), (86_400, 3600, 60, 1), strict=True):
        count, left = divmod(left, seconds)
        if count:
            found.append(f"{count} {unit}")
        elif found:
            break
    return " ".join(found[:2]) or f"{span_ms} ms"


def capital(text: str, lang: Lang) -> str:
    """Return a text that begins with a capital letter, unless it begins with a name such as user_balance."""
    first = text.partition(" ")[0]
    if not text or (not first.isalpha() and "'" not in first):
        return text
    return ("İ" if lang is Lang.TURKISH and text[0] == "i" else text[0].upper()) + text[1:]


def sentence(text: str, lang: Lang) -> str:
    """Return a text as a sentence, with a capital letter and a full stop."""
    return capital(text, lang) + ("" if not text or text[-1] in ".!?…:" else ".")


def linked(text: str) -> Markup:
    """Return a text in which every id of a rule leads to the rule's page."""
    ids = rule_ids()
    parts = [
        Markup('<a href="/console/rules/{}">{}</a>').format(part, part) if part in ids else escape(part)
        for part in _RULE_ID.split(text)
    ]
    return Markup("").join(parts)


def _moment(at_ms: int) -> str:
    """Return the time of day in UTC; a script of the page writes it in the browser's time zone."""
    return _utc(at_ms).strftime("%H:%M:%S.") + f"{at_ms % 1000:03d}"


def utc_text(at_ms: int) -> str:
    """Return a time in UTC as ISO 8601, like ``2026-11-28T21:50:00.123Z``."""
    return _utc(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _utc(at_ms: int) -> datetime:
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        # The clock was moved beyond the calendar.
        return datetime.max.replace(tzinfo=UTC)


# --- bodies, as a person reads them ---------------------------------------------------------------

PIECES_MAX = 4000

CHARS_MAX = 65_536

INDENT = "  "

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')

Piece = tuple[str, str]
"""A kind (key, text, number, word or empty), and its characters."""


class Shown(Frozen):
    """A body in pieces. `whole` is False if it was cut."""

    pieces: tuple[Piece, ...]
    whole: bool = True


def shown_body(body: bytes) -> Shown:
    """Return JSON with line breaks and all its characters; other text as it is, invalid UTF-8 replaced."""
    text = body.decode("utf-8", "replace")
    cut = text[:CHARS_MAX]
    if len(cut) < len(text) or not _is_json(cut):
        return Shown((("", cut),), len(cut) == len(text))
    tokens = _TOKEN.findall(cut)
    if len(tokens) > PIECES_MAX:
        return Shown((("", cut),))
    return Shown(tuple(_laid_out(tokens)))


def _is_json(text: str) -> bool:
    try:
        # Numbers stay text: one of ten thousand digits is JSON, too.
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def _laid_out(tokens: list[str]) -> list[Piece]:
    pieces: list[Piece] = []
    depth = 0
    for place, token in enumerate(tokens):
        after = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token in ("{", "["):
            depth += 1
            empty = after in ("}", "]")
            pieces.append(("", token if empty else f"{token}\n{INDENT * depth}"))
        elif token in ("}", "]"):
            depth -= 1
            empty = tokens[place - 1] in ("{", "[")
            pieces.append(("", token if empty else f"\n{INDENT * depth}{token}"))
        elif token == ",":
            pieces.append(("", f",\n{INDENT * depth}"))
        elif token == ":":
            pieces.append(("", ": "))
        else:
            pieces.append((_kind(token, after), token))
    return pieces


def _kind(token: str, after: str) -> str:
    if token.startswith('"'):
        return "key" if after == ":" else "text"
    return "word" if token[0].isalpha() else "number"


# --- log in, log out, choose a language -----------------------------------------------------------

YEAR_S = 365 * 24 * 3600

OPEN = frozenset({"login_page", "log_in", "log_out", "choose_language", "static"})
"""The routes that need no token."""


def add_login(routes: Blueprint, frame: Frame, access: Access) -> None:
    """Add the routes to log in and out and to choose a language, which need no token."""
    secure = access.public_url.startswith("https://")

    @routes.get("/console/login")
    def login_page() -> BaseResponse:
        if not access.token:
            return redirect("/")
        return frame.page("login.html", after=_local(request.args.get("next")), problem="")

    @routes.post("/console/login")
    def log_in() -> BaseResponse:
        access.check_site(request)
        address = request.remote_addr or ""
        after = _local(request.form.get("next"))
        if access.tries.are_too_many(address):
            return frame.page("login.html", status=429, after=after, problem="login_later")
        if not access.fits(request.form.get("token", "")):
            access.tries.add(address)
            return frame.page("login.html", status=403, after=after, problem="login_wrong")
        told = redirect(after, 303)
        put_cookie(told, access, access.cookie())
        return told

    @routes.post("/console/logout")
    def log_out() -> BaseResponse:
        access.check_site(request)
        told = redirect("/console/login", 303)
        put_cookie(told, access, "")
        return told

    @routes.post("/console/language")
    def choose_language() -> BaseResponse:
        access.check_site(request)
        told = redirect(_local(request.form.get("next")), 303)
        lang = request.form.get("lang", "")
        if lang in set(Lang):
            told.set_cookie(COOKIE, lang, max_age=YEAR_S, httponly=True, samesite="Lax", secure=secure)
        return told


def add_guard(routes: Blueprint, frame: Frame, access: Access) -> None:
    """Check every request, and answer a refused one with the reason or the login page."""

    @routes.before_request
    def check() -> BaseResponse | None:
        if (request.endpoint or "").rpartition(".")[2] in OPEN:
            return None
        try:
            access.check(request)
        except Denied as denied:
            if denied.code is ErrorCode.TOKEN_MISSING and request.path == "/":
                return redirect("/console/login")
            if denied.code is ErrorCode.TOKEN_MISSING and _is_page():
                return redirect(f"/console/login?next={quote(_local(request.full_path), safe='')}")
            return _refused(frame, denied)
        return None

    @routes.errorhandler(Denied)
    def answer_denied(denied: Denied) -> Response:
        return _refused(frame, denied)

    @routes.errorhandler(Wrong)
    def answer_wrong_field(wrong: Wrong) -> Response:
        return _refused(frame, denied_field(wrong, Part.CONTROL))


def _refused(frame: Frame, denied: Denied) -> Response:
    if not _is_page():
        return denied.response
    return frame.page("refused.html", status=denied.code.status, denied=denied)


def _is_page() -> bool:
    """Return whether the answer is for a person, not for a script of the page."""
    if request.args.get("part") == "1" or request.path in ("/console/events", "/console/news"):
        return False
    return "text/html" in request.headers.get("Accept", "")


def _local(path: str | None) -> str:
    """Return the path if it leads to this server, otherwise `/`."""
    path = path or "/"
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if fine and len(path) <= 2000 else "/"
