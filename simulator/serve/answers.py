"""Every error of the API: one table of codes, and the JSON that each is answered with.

The reference documents no errors; these are our assumption, in the success shape's likeness.
"""

from __future__ import annotations

import json
from enum import Enum, StrEnum
from http import HTTPStatus

from flask import Response

from simulator.core.values import Frozen


class ApiError(Enum):
    """Code → HTTP status, and what the code means."""

    AUTHORIZATION_MISSING = 401, "There is no Authorization header."
    AUTHORIZATION_MALFORMED = 401, "The Authorization header is not what it has to be here."
    CREDENTIALS_WRONG = 401, "No agent has this agent_token and agent_secret_key."
    TOKEN_INVALID = 401, "The access token was not given out by this server, or was changed."
    TOKEN_EXPIRED = 401, "The access token is over; an access token lives for 3600 seconds."
    AGENT_MISMATCH = 403, "agent_code is not the code of the agent that the access token belongs to."
    SECRET_KEY_WRONG = 403, "agent_token has to carry the agent's secret key, and does not."
    GAME_UNKNOWN = 404, "The catalogue has no game of this id."
    PARAMETER_MISSING = 422, "A required parameter is missing."
    PARAMETER_EMPTY = 422, "A parameter is empty."
    PARAMETER_REPEATED = 422, "A parameter is given more than once."
    PARAMETER_INVALID = 422, "A parameter has a value that cannot be used."
    PARAMETERS_IN_BODY = 422, "The parameters stand in the body of the request and belong in the query."
    WEBHOOK_URL_MISSING = 422, "A CHARGED game needs the operator's webhook URL, and the agent has none."
    BAD_REQUEST = 400, "The request cannot be read."
    NOT_FOUND = 404, "There is nothing at this path."
    METHOD_NOT_ALLOWED = 405, "The path does not take this method."
    BODY_TOO_LARGE = 413, "The body is larger than any request needs."
    URI_TOO_LONG = 414, "The path and query are longer than any request needs."
    HEADERS_TOO_LARGE = 431, "The headers are larger than any request needs."
    INTERNAL_ERROR = 500, "This is a fault of the simulator; its log says more."

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.value[0])

    @property
    def meaning(self) -> str:
        """One sentence, said where nothing more exact is known."""
        return str(self.value[1])


class ApiRefusal(Frozen):
    """One error as it is answered."""

    code: ApiError
    message: str
    parameter: str | None = None
    hint: str | None = None

    @property
    def body(self) -> bytes:
        """Compact JSON."""
        fields = {"status": False, "error": self.code.name, "message": self.message}
        optional = {"parameter": self.parameter, "hint": self.hint}
        return to_json({**fields, **{name: text for name, text in optional.items() if text is not None}})

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What HTTP asks for beside the body."""
        found = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        if self.code.status == HTTPStatus.UNAUTHORIZED:
            found.append(("WWW-Authenticate", 'Bearer realm="BetronTech simulator"'))
        return found


class ApiRefused(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        code: ApiError,
        message: str | None = None,
        *,
        parameter: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(code.name)
        self.refusal = ApiRefusal(code, message or code.meaning, parameter, hint)


_BY_STATUS = {
    400: ApiError.BAD_REQUEST,
    404: ApiError.NOT_FOUND,
    405: ApiError.METHOD_NOT_ALLOWED,
    413: ApiError.BODY_TOO_LARGE,
    414: ApiError.URI_TOO_LONG,
    431: ApiError.HEADERS_TOO_LARGE,
}


def refusal_of_status(status: int, hint: str | None = None) -> ApiRefusal:
    """The error for an HTTP status that server or framework decided on."""
    code = _BY_STATUS.get(status, ApiError.BAD_REQUEST if 400 <= status < 500 else ApiError.INTERNAL_ERROR)
    return ApiRefusal(code, code.meaning, hint=hint)


def to_json(value: object) -> bytes:
    """Compact JSON; slashes and & as they are, since clients pull URLs out with regular expressions."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


# --- problems -------------------------------------------------------------------------------------
# Every error of the control API: one table of codes, and how each is answered.
# The shape is the one of the BetronTech API: `{"status": false, "error": CODE, "message": text}`.


class ConsoleError(Enum):
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
        self,
        code: ConsoleError,
        message: str | None = None,
        *,
        field: str | None = None,
        hint: str | None = None,
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


# --- problems -------------------------------------------------------------------------------------
# What can go wrong for a player: problems that the page has words for, and errors with their HTTP status.


class PlayProblem(StrEnum):
    """What a round or an opening met. The page's text for it is `problem_` and the code in small letters."""

    BALANCE = "BALANCE"
    BET_REFUSED = "BET_REFUSED"
    BET_REFUNDED = "BET_REFUNDED"
    BET_PENDING = "BET_PENDING"
    WIN_PENDING = "WIN_PENDING"
    WIN_REFUSED = "WIN_REFUSED"

    @property
    def calls_off(self) -> bool:
        """Whether the bet does not stand, so that the reels have nothing to show."""
        return self in {PlayProblem.BET_REFUSED, PlayProblem.BET_REFUNDED, PlayProblem.BET_PENDING}


class Error(Enum):
    """Code → HTTP status, and what it means; JSON `{"error": code, "message": text}`."""

    FORBIDDEN = 403, "Only the game's own page may ask for this: send X-Play: 1 from its origin."
    UNKNOWN = 404, "This is no game session of ours, or it was forgotten."
    NOT_FOUND = 404, "There is nothing of that number here."
    BUSY = 409, "A round of this session is being played; one at a time."
    MONEY = 409, "The play money does not cover this stake."
    IN_VAIN = 409, "There is nothing this could be done to."
    OVER = 410, "This game session is over; launch the game again."
    TOO_LARGE = 413, "The body is larger than any request needs."
    BAD_REQUEST = 400, "The request cannot be read."
    STAKE = 422, "This is no stake of the ladder."
    TROUBLE = 422, "There is no such trouble."
    SERVER = 503, "The wallet cannot be called now."
    STREAMS = 503, "There are as many event streams as there may be; ask /journal instead."

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.value[0])

    @property
    def meaning(self) -> str:
        """One sentence, said where nothing more exact is known."""
        return str(self.value[1])


class PlayError(Exception):
    """A request of the page that is answered with an error."""

    def __init__(self, error: Error, message: str | None = None) -> None:
        super().__init__(error.name)
        self.error = error
        self.message = message or error.meaning
