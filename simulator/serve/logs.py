"""What the server logs: one line an event, as text or as JSON, on standard error.

A query is never logged, since `agent_token` stands in it, nor a game URL's token; what is a secret of the
settings is masked wherever it turns up.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from gunicorn.glogging import Logger

from simulator.settings import ServeSettings

_MASK = "***"

_GAME_TOKEN = re.compile(r"(/play/+)[^/]+")

_UNLOGGED = frozenset({"/healthz", "/readyz"})

PATH_SHOWN_MAX = 200


def secrets_of(settings: ServeSettings) -> tuple[str, ...]:
    """Every text of the settings that no log may hold, the longest first."""
    found = {settings.admin_token or ""}
    for account in settings.accounts:
        found |= {account.token, account.secret_key, *(value for _, value in account.headers)}
    return tuple(sorted((text for text in found if text), key=len, reverse=True))


class Lines:
    """Writes events as lines of text or JSON."""

    def __init__(self, as_json: bool, secrets: Iterable[str]) -> None:
        self._as_json = as_json
        words = [re.escape(secret) for secret in secrets]
        self._secrets = re.compile("|".join(words)) if words else None

    def write(self, level: str, event: str, text: str, fields: Mapping[str, Any]) -> None:
        """One line, at once."""
        # Before anything is quoted: a secret with a quote in it would look different after that.
        text = self._masked(text)
        fields = {
            name: self._masked(each) if isinstance(each, str) else each for name, each in fields.items()
        }
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._as_json:
            line = json.dumps({"time": now, "level": level, "event": event, **fields}, default=str)
        else:
            line = f"{now} {level:<7} " + "\n    ".join(map(_visible, text.split("\n")))
        # Nobody is left to tell where standard error is closed.
        with suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def _masked(self, text: str) -> str:
        return self._secrets.sub(_MASK, text) if self._secrets else text


def _visible(text: str) -> str:
    """Control characters as escapes, so that nobody writes lines of his own into the log."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


class LineHandler(logging.Handler):
    """Sends Python's log records through `Lines`."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a traceback goes with it."""
        try:
            text = record.getMessage()
            fields = {"message": text}
            if record.exc_info:
                fields["traceback"] = logging.Formatter().formatException(record.exc_info)
                text = f"{text}\n{fields['traceback']}"
            self._lines.write(record.levelname.lower(), "log", text, fields)
        except Exception:
            self.handleError(record)


class ServerLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's log and the log of requests."""

    def __init__(self, cfg: Any, lines: Lines) -> None:
        self.lines = lines
        super().__init__(cfg)

    def setup(self, cfg: Any) -> None:
        """Our lines instead of gunicorn's handlers."""
        self.cfg = cfg
        self.error_log.setLevel(logging.WARNING)
        self.error_log.handlers = [LineHandler(self.lines)]
        logging.getLogger("simulator").handlers = [LineHandler(self.lines)]

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """A fault with its traceback; a client that fell silent in the middle of a request is none."""
        if not isinstance(sys.exc_info()[1], BlockingIOError):
            super().exception(msg, *args, **kwargs)

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:  # noqa: ARG002  # gunicorn's
        """One request that was answered."""
        path = str(environ.get("PATH_INFO", ""))
        if path in _UNLOGGED:
            return
        shown = _visible(_GAME_TOKEN.sub(rf"\1{_MASK}", path)[:PATH_SHOWN_MAX])
        method, status = environ.get("REQUEST_METHOD", ""), resp.status_code
        took_ms = round(request_time.total_seconds() * 1000, 1)
        fields = {"method": method, "path": shown, "http_status": status, "took_ms": took_ms}
        self.lines.write("info", "request", f"{method} {shown} {status} {took_ms} ms", fields)
