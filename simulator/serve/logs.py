"""Log to standard error, one line for each event, as text or as JSON.

Queries are never logged, since they hold `agent_token`, nor are the tokens of game URLs. Secrets of the
settings are masked everywhere.
"""

from __future__ import annotations

import json
import logging
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from gunicorn.glogging import Logger

from simulator.core.secrets import Secrets, mask_game_urls, mask_known
from simulator.serve.answers import ERROR_KEY
from simulator.settings import ServeSettings

APP_FAILED = 4
"""The exit code of gunicorn's worker if the app could not be made."""

_WORKER_ENDED = "Worker (pid:%s) exited with code"

_UNLOGGED = frozenset({"/healthz", "/readyz", "/metrics"})

PATH_SHOWN_MAX = 200


def secrets_of(settings: ServeSettings) -> Secrets:
    """Return every secret of the settings."""
    texts, urls = [settings.admin_token or ""], [settings.proxy or ""]
    headers: list[tuple[str, str]] = []
    for account in settings.accounts:
        pair = b64encode(f"{account.token}:{account.secret_key}".encode()).decode("ascii")
        texts += [account.token, account.secret_key, pair]
        urls.append(account.webhook_url or "")
        headers += account.headers
    return Secrets(headers=tuple(headers), urls=urls, texts=texts)


class Lines:
    """Writes events as lines of text or JSON.

    `later` returns secrets that are known only while the server runs, those of its present agents.
    """

    def __init__(self, as_json: bool, secrets: Secrets) -> None:
        self._as_json = as_json
        self._secrets = secrets
        self.later: Callable[[], Iterable[Secrets]] = tuple

    def write(self, level: str, event: str, text: str, fields: Mapping[str, Any]) -> None:
        """Write one line at once."""
        # Mask before quoting, which would change a secret that holds a quote.
        text = self._masked(text)
        fields = {
            name: self._masked(each) if isinstance(each, str) else each for name, each in fields.items()
        }
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._as_json:
            line = json.dumps({"time": now, "level": level, "event": event, **fields}, default=str)
        else:
            line = f"{now} {level:<7} " + "\n    ".join(map(_visible, text.split("\n")))
        # Where standard error is closed, there is no reader.
        with suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def _masked(self, text: str) -> str:
        return mask_known(text, self._secrets, *self.later())


def _visible(text: str) -> str:
    """Escape control characters, so that logged text cannot forge lines of the log."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


class LineHandler(logging.Handler):
    """Sends Python's log records through `Lines`."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record with its traceback."""
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
        self._start_failed = False
        super().__init__(cfg)

    def setup(self, cfg: Any) -> None:
        """Install handlers that write `Lines`, in place of those of gunicorn."""
        self.cfg = cfg
        self.error_log.setLevel(logging.WARNING)
        self.error_log.handlers = [LineHandler(self.lines)]
        logging.getLogger("simulator").handlers = [LineHandler(self.lines)]

    def error(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log an error, but not that gunicorn stops because of a start that has told its error already."""
        self._start_failed |= str(msg).startswith(_WORKER_ENDED) and args[-1:] == (APP_FAILED,)
        if not self._start_failed:
            super().error(msg, *args, **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log an error with its traceback, unless a client fell silent in the middle of a request."""
        if not isinstance(sys.exc_info()[1], BlockingIOError):
            super().exception(msg, *args, **kwargs)

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:  # noqa: ARG002  # gunicorn's
        """Log one answered request."""
        path = str(environ.get("PATH_INFO", ""))
        if path in _UNLOGGED:
            return
        shown = _visible(mask_game_urls(path)[:PATH_SHOWN_MAX])
        method, status = environ.get("REQUEST_METHOD", ""), resp.status_code
        took_ms = round(request_time.total_seconds() * 1000, 1)
        fields = {"method": method, "path": shown, "http_status": status, "took_ms": took_ms}
        error = environ.get(ERROR_KEY)
        if error is not None:
            fields["error"] = error
        shown_error = "" if error is None else f" {error}"
        self.lines.write("info", "request", f"{method} {shown} {status}{shown_error} {took_ms} ms", fields)
