"""What every page of the console shares: its frame, its language, its headers, and how values are written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Response, g, get_template_attribute, render_template, request

from simulator import __version__
from simulator.console.access import Access
from simulator.console.texts import NAMES, Texts, lang_wanted, texts_of
from simulator.core.frozen import Frozen
from simulator.core.money import Money, format_money
from simulator.delivery.journal_entry import Entry
from simulator.delivery.obligations import State
from simulator.server_state import ServerState

# Scripts and styles are files of ours; nothing else may run, be framed, or be asked for.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Frame(Frozen):
    """Makes pages of one server. `texts` are those of the request's language."""

    state: ServerState
    access: Access

    @property
    def texts(self) -> Texts:
        """The texts of whoever asks."""
        return texts_of(lang_wanted(request))

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A whole page, or with `?part=1` what lies between its header and its end."""
        told = render_template(f"console/{template}", **self._shared(), **values)
        return Response(told, status, content_type="text/html; charset=utf-8")

    def row(self) -> Callable[[Entry], str]:
        """How a row of the journal is written for whoever asks; also outside of the request."""
        texts = self.texts
        shared = {"t": texts, **_written(texts)}
        macro = get_template_attribute("console/row.html", "row")
        return lambda entry: " ".join(str(macro(entry, shared)).split("\n"))

    def note_change(self) -> None:
        """Keep, before a page reads anything, how far the journal had come."""
        g.since = self.state.delivery.journal.change

    def _shared(self) -> dict[str, Any]:
        lang, delivery = lang_wanted(request), self.state.delivery
        texts = texts_of(lang)
        return {
            "t": texts,
            "lang": lang,
            "langs": NAMES,
            "version": __version__,
            "is_part": request.args.get("part") == "1",
            "guarded": self.access.token is not None,
            "here": request.path,
            "undelivered_count": delivery.owing(State.UNDELIVERED),
            # Of before anything on the page was read: what happened since then is told to it.
            "since": g.get("since", 0),
            **_written(texts),
        }


def guard_page(told: Response) -> Response:
    """Headers of everything that the console answers."""
    for name, value in _HEADERS.items():
        told.headers.setdefault(name, value)
    told.headers.setdefault("Cache-Control", "no-store")
    return told


def _written(texts: Texts) -> dict[str, Callable[[Any], str]]:
    """Values as a template writes them."""
    return {
        "money": _money,
        "count": lambda number: f"{number:,}".replace(",", texts["thousands"]),
        "duration": _duration,
        "moment": _moment,
        "iso": _iso,
    }


def _money(amount: Money | None) -> str:
    return "" if amount is None else format_money(amount)


def _duration(duration_ns: int | None) -> str:
    if duration_ns is None:
        return ""
    ms = duration_ns / 1e6
    return f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms" if ms < 10_000 else f"{ms / 1000:.1f} s"


def _moment(at_ms: int) -> str:
    """The time of day, in UTC; the page's script writes it in the browser's zone."""
    return _utc(at_ms).strftime("%H:%M:%S.") + f"{at_ms % 1000:03d}"


def _iso(at_ms: int) -> str:
    return _utc(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _utc(at_ms: int) -> datetime:
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        # The clock was pushed beyond the calendar.
        return datetime.max.replace(tzinfo=UTC)
