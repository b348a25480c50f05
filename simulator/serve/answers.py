"""Every error over HTTP: one table of codes, one exception, one shape of JSON.

The reference documents no errors; codes and shape are an assumption, modelled on the shape of success:
`{"status": false, "error": CODE, "message": text}`, with `parameter` and `hint` where they help.
"""

from __future__ import annotations

import json
from enum import Enum, StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from simulator.core.mappings import Mistake, Wrong

if TYPE_CHECKING:
    from flask import Response

    from simulator.report.languages import Words


ERROR_KEY = "simulator.error"
"""Where the log of the server finds the error code of an answer, in the WSGI environment."""


class Part(StrEnum):
    """The parts of the server that answer with errors."""

    API = "api"
    CONTROL = "control"
    PLAY = "play"


# The parts that use a code. The order within a part is that of its documentation.
_ALL = (Part.API, Part.CONTROL, Part.PLAY)
_API = (Part.API,)
_CONTROL = (Part.CONTROL,)
_PLAY = (Part.PLAY,)
_GAME = (Part.CONTROL, Part.PLAY)


class ErrorCode(Enum):
    """The codes, with their HTTP status, their message, and the parts of the server that use them."""

    AUTHORIZATION_MISSING = 401, "There is no Authorization header.", _API
    AUTHORIZATION_MALFORMED = 401, "The Authorization header does not have the required form.", _API
    CREDENTIALS_WRONG = 401, "No agent has this agent_token and agent_secret_key.", _API
    TOKEN_INVALID = 401, "The access token was not issued by this server, or was changed.", _API
    TOKEN_EXPIRED = 401, "The access token has expired; it is valid for 3600 seconds.", _API
    AGENT_MISMATCH = 403, "agent_code is not the code of the agent that the access token belongs to.", _API
    SECRET_KEY_WRONG = 403, "agent_token must carry the agent's secret key.", _API
    GAME_UNKNOWN = 404, "The catalogue has no game with this id.", _API
    PARAMETER_MISSING = 422, "A required parameter is missing.", _API
    PARAMETER_EMPTY = 422, "A parameter is empty.", _API
    PARAMETER_REPEATED = 422, "A parameter is given more than once.", _API
    PARAMETER_INVALID = 422, "A parameter has a value that cannot be used.", _API
    PARAMETERS_IN_BODY = 422, "The parameters are in the body of the request and belong in the query.", _API
    WEBHOOK_URL_MISSING = 422, "A CHARGED game needs the webhook URL of a wallet; the agent has none.", _API
    BAD_REQUEST = 400, "The request cannot be read.", (Part.API, Part.PLAY)
    NOT_FOUND = 404, "There is nothing at this path.", _ALL
    METHOD_NOT_ALLOWED = 405, "The path does not support this method.", _API
    BODY_TOO_LARGE = 413, "The body is larger than any request needs.", _API
    URI_TOO_LONG = 414, "The path and query are longer than any request needs.", _API
    HEADERS_TOO_LARGE = 431, "The headers are larger than any request needs.", _API
    INTERNAL_ERROR = 500, "This is a fault of the simulator; its log says more.", _API

    BODY_UNREADABLE = 400, "The body is not the JSON object that is expected here.", _CONTROL
    TOKEN_MISSING = 401, "Console and control API require the admin token.", _CONTROL
    TOKEN_WRONG = 401, "This is not the admin token.", _CONTROL
    LOOPBACK_ONLY = 403, "Without an admin token, console and control API answer on loopback only.", _CONTROL
    HOST_REFUSED = 403, "The Host header names a host that is not a name of this server.", _CONTROL
    ORIGIN_REFUSED = 403, "The request comes from a page of another site.", _CONTROL
    EXISTS = 409, "There is already one with this name.", _CONTROL
    IN_VAIN = 409, "There is nothing to which this could be done.", (Part.CONTROL, Part.PLAY)
    TYPE_UNSUPPORTED = 415, "The body must be sent as application/json.", _CONTROL
    FIELD_UNKNOWN = 422, "The body or the query has an unknown field.", _CONTROL
    FIELD_MISSING = 422, "A required field is missing.", _CONTROL
    FIELD_REPEATED = 422, "A field is given more than once.", _CONTROL
    FIELD_INVALID = 422, "A field has a value that cannot be used.", _CONTROL
    TOO_MANY_TRIES = 429, "Too many wrong tokens came from this address.", _CONTROL
    BUSY = 503, "This cannot be done now; try again.", _CONTROL
    PLACES_TAKEN = 503, "The maximum of open streams or waiting calls is reached; try again.", _CONTROL

    FORBIDDEN = 403, "Only the page of the game may send this request: X-Play: 1 from its origin.", _PLAY
    UNKNOWN = 404, "This server has no such game session, or forgot it.", _PLAY
    ROUND_RUNS = 409, "Another round of this session is being played.", _GAME, "BUSY"
    MONEY = 409, "The play money does not cover this stake.", _GAME
    OVER = 410, "This game session is over; launch the game again.", _GAME
    TOO_LARGE = 413, "The body is larger than any request needs.", _PLAY
    STAKE = 422, "This is not one of the game's stakes.", _PLAY
    TROUBLE = 422, "There is no trouble of this kind.", _GAME
    SERVER = 503, "The wallet cannot be called now.", _GAME
    STREAMS = 503, "The maximum of open event streams is reached; use /journal instead.", _PLAY

    def __init__(self, status: int, meaning: str, parts: tuple[Part, ...], code: str = "") -> None:
        self.status = status
        self.meaning = meaning
        self.parts = parts
        self.code = code or self.name


def codes_of(part: Part) -> list[ErrorCode]:
    """Return the codes that a part of the server uses."""
    return [each for each in ErrorCode if part in each.parts]


class Denied(Exception):
    """Raised for a request that is answered with an error."""

    def __init__(
        self, code: ErrorCode, message: str = "", *, field: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(code.name)
        self.code = code
        self.message = message or code.meaning
        self.field = field
        self.hint = hint

    @property
    def body(self) -> bytes:
        """Return the error as compact JSON."""
        fields = {"status": False, "error": self.code.code, "message": self.message}
        optional = {"parameter": self.field, "hint": self.hint}
        return to_json({**fields, **{name: text for name, text in optional.items() if text}})

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Return the headers that belong to the error."""
        found = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        if self.code.status == HTTPStatus.UNAUTHORIZED:
            found.append(("WWW-Authenticate", 'Bearer realm="BetronTech simulator"'))
        if self.code.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            found.append(("Retry-After", "2"))
        return found

    @property
    def response(self) -> Response:
        """Return the error as a response."""
        # The process that starts the worker needs the table, but not Flask.
        from flask import Response

        return Response(self.body, self.code.status, self.headers)


_BY_STATUS = {
    400: ErrorCode.BAD_REQUEST,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.BODY_TOO_LARGE,
    414: ErrorCode.URI_TOO_LONG,
    431: ErrorCode.HEADERS_TOO_LARGE,
}

_BY_MISTAKE = {
    Part.API: {
        Mistake.MISSING: ErrorCode.PARAMETER_MISSING,
        Mistake.EMPTY: ErrorCode.PARAMETER_EMPTY,
        Mistake.REPEATED: ErrorCode.PARAMETER_REPEATED,
        Mistake.UNFIT: ErrorCode.PARAMETER_INVALID,
    },
    Part.CONTROL: {
        Mistake.MISSING: ErrorCode.FIELD_MISSING,
        Mistake.EMPTY: ErrorCode.FIELD_INVALID,
        Mistake.REPEATED: ErrorCode.FIELD_REPEATED,
        Mistake.UNFIT: ErrorCode.FIELD_INVALID,
        Mistake.UNKNOWN: ErrorCode.FIELD_UNKNOWN,
    },
    Part.PLAY: dict.fromkeys(Mistake, ErrorCode.BAD_REQUEST),
}


def denied_by_status(status: int, hint: str | None = None) -> Denied:
    """Return the error for an HTTP status that gunicorn or Flask chose."""
    client = ErrorCode.BAD_REQUEST if 400 <= status < 500 else ErrorCode.INTERNAL_ERROR
    return Denied(_BY_STATUS.get(status, client), hint=hint)


def denied_field(wrong: Wrong, part: Part) -> Denied:
    """Return the error for a field of a request that cannot be used."""
    code = _BY_MISTAKE[part][wrong.mistake]
    return Denied(code, wrong.message, field=str(wrong.place or "") or None, hint=wrong.hint or None)


def to_json(value: object) -> bytes:
    """Return compact JSON; slashes and & stay, since clients extract URLs with regular expressions."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def answer(value: object, status: int = 200) -> Response:
    """Return a response with the value as compact JSON, in ASCII, so that it is safe on any terminal."""
    # Only the server answers over HTTP; the table above is read without Flask, too.
    from flask import Response

    told = Response(json.dumps(value, separators=(",", ":")), status, content_type="application/json")
    told.headers["Cache-Control"] = "no-store"
    return told


SAID = frozenset({"message", "title", "why", "fix", "reason", "hint", "problem"})
"""The fields of answers that hold sentences; all others hold codes and data, which have no language."""


def said_in(words: Words, value: Any) -> Any:
    """Return a JSON value with its sentences in another language."""
    if isinstance(value, dict):
        return {
            name: words(each) if name in SAID and isinstance(each, str) else said_in(words, each)
            for name, each in value.items()
        }
    return [said_in(words, each) for each in value] if isinstance(value, list) else value


def answer_in(words: Words, told: Response) -> Response:
    """Return an answer with its sentences in another language, if it is JSON."""
    if told.is_json and not told.is_streamed and not told.direct_passthrough:
        told.set_data(json.dumps(said_in(words, told.get_json()), separators=(",", ":")))
    return told


class PlayProblem(StrEnum):
    """A problem of a round or an opening; `problem_` and the code in lower case is the page's text for it."""

    BALANCE = "BALANCE"
    BET_REFUSED = "BET_REFUSED"
    BET_REFUNDED = "BET_REFUNDED"
    BET_PENDING = "BET_PENDING"
    WIN_PENDING = "WIN_PENDING"
    WIN_REFUSED = "WIN_REFUSED"

    @property
    def calls_off(self) -> bool:
        """Return whether the bet was not accepted, so that the reels have nothing to show."""
        return self in {PlayProblem.BET_REFUSED, PlayProblem.BET_REFUNDED, PlayProblem.BET_PENDING}
