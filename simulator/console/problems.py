"""Every error of the control API: one table of codes, and how each is answered.

The shape is the one of the BetronTech API: `{"status": false, "error": CODE, "message": text}`.
"""

from __future__ import annotations

import json
from enum import Enum

from flask import Response


class Code(Enum):
    """Code → HTTP status, and what the code means."""

    BODY_UNREADABLE = 400, "The body is not the JSON object that is expected here."
    TOKEN_MISSING = 401, "Console and control API are guarded by the admin token."
    TOKEN_WRONG = 401, "This is not the admin token."
    LOOPBACK_ONLY = 403, "Without an admin token, console and control API answer on loopback only."
    HOST_REFUSED = 403, "The Host header names a host that this server is not known by."
    ORIGIN_REFUSED = 403, "The request comes from a page of another site."
    NOT_FOUND = 404, "There is nothing of that name or number here."
    EXISTS = 409, "There is one of that name already."
    IN_VAIN = 409, "There is nothing that this could be done to."
    TYPE_UNSUPPORTED = 415, "A body is sent as application/json here."
    FIELD_UNKNOWN = 422, "The body or the query has a field that is not known here."
    FIELD_MISSING = 422, "A required field is missing."
    FIELD_REPEATED = 422, "A field is given more than once."
    FIELD_INVALID = 422, "A field has a value that cannot be used."
    TOO_MANY_TRIES = 429, "Too many wrong tokens came from this address."
    BUSY = 503, "It cannot be done just now."
    PLACES_TAKEN = 503, "There are as many streams or waiting calls as there may be; ask again and again."

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.value[0])

    @property
    def meaning(self) -> str:
        """One sentence, said where nothing more exact is known."""
        return str(self.value[1])


class Denied(Exception):
    """A request that is answered with an error."""

    def __init__(
        self, code: Code, message: str | None = None, *, field: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(code.name)
        self.code = code
        self.message = message or code.meaning
        self.field = field
        self.hint = hint

    @property
    def response(self) -> Response:
        """The error as it goes out."""
        body = {"status": False, "error": self.code.name, "message": self.message}
        optional = {"parameter": self.field, "hint": self.hint}
        answered = answer({**body, **{name: text for name, text in optional.items() if text}})
        answered.status_code = self.code.status
        if self.code.status == 401:
            answered.headers["WWW-Authenticate"] = 'Bearer realm="BetronTech simulator console"'
        if self.code.status in {429, 503}:
            answered.headers["Retry-After"] = "2"
        return answered


def answer(value: object) -> Response:
    """A value as compact JSON, 200; pure ASCII, so that it is safe on any terminal."""
    told = Response(json.dumps(value, separators=(",", ":")), content_type="application/json")
    told.headers["Cache-Control"] = "no-store"
    return told
