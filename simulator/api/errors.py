"""Every error of the API: one table of codes, and the JSON that each is answered with.

The reference documents no errors; these are our assumption, in the success shape's likeness.
"""

from __future__ import annotations

import json
from enum import Enum
from http import HTTPStatus

from simulator.core.frozen import Frozen


class Code(Enum):
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


class Refusal(Frozen):
    """One error as it is answered."""

    code: Code
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


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(
        self, code: Code, message: str | None = None, *, parameter: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(code.name)
        self.refusal = Refusal(code, message or code.meaning, parameter, hint)


_BY_STATUS = {
    400: Code.BAD_REQUEST,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.BODY_TOO_LARGE,
    414: Code.URI_TOO_LONG,
    431: Code.HEADERS_TOO_LARGE,
}


def refusal_of_status(status: int, hint: str | None = None) -> Refusal:
    """The error for an HTTP status that server or framework decided on."""
    code = _BY_STATUS.get(status, Code.BAD_REQUEST if 400 <= status < 500 else Code.INTERNAL_ERROR)
    return Refusal(code, code.meaning, hint=hint)


def to_json(value: object) -> bytes:
    """Compact JSON; slashes and & as they are, since clients pull URLs out with regular expressions."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
