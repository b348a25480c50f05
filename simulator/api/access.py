"""Who is asking: the credentials of `authentication`, and the access tokens of every other request."""

from __future__ import annotations

import binascii
import secrets
import threading
from base64 import b64decode, b64encode
from typing import Any

import jwt

from simulator.agents import Agent, Agents
from simulator.api.errors import Code, Refused
from simulator.sessions import Now

LIFETIME_S = 3600
CACHED_MAX = 1024
_ALGORITHM = "HS256"
_HOW = "Authorization: Bearer BASE64(agent_token:agent_secret_key)"
_FIRST = "ask POST /api/auth/authentication for an access token, and send it as Authorization: Bearer …"


def agent_of_credentials(header: str | None, agents: Agents) -> Agent:
    """The agent whose credentials an Authorization header carries (reference, authentication)."""
    encoded = _bearer(header, _HOW)
    try:
        decoded = b64decode(encoded, validate=True)
        if b64encode(decoded).decode("ascii") != encoded:
            raise ValueError
        token, colon, secret_key = decoded.decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise Refused(
            Code.AUTHORIZATION_MALFORMED,
            "What follows Bearer is not Base64 of UTF-8 text.",
            hint=f"expected {_HOW}, in the standard alphabet and padded with =",
        ) from None
    if not colon:
        raise Refused(
            Code.AUTHORIZATION_MALFORMED,
            "The decoded credentials have no colon between agent_token and agent_secret_key.",
            hint=f"expected {_HOW}",
        )
    agent = agents.with_credentials(token, secret_key)
    if agent is None:
        swapped = agents.with_credentials(secret_key, token) is not None
        raise Refused(Code.CREDENTIALS_WRONG, hint="the two are swapped" if swapped else None)
    return agent


def _bearer(header: str | None, expected: str) -> str:
    """What follows the scheme. Real clients write two spaces after it."""
    if not header:
        raise Refused(Code.AUTHORIZATION_MISSING, hint=f"expected {expected}")
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not rest.strip():
        raise Refused(
            Code.AUTHORIZATION_MALFORMED,
            "The Authorization header has to be the word Bearer, a space and what was asked for.",
            hint=f"expected {expected}",
        )
    return rest.strip()


class AccessTokens:
    """Gives out access tokens and reads them back. Safe to use from any thread.

    A token that was read once is remembered under its whole header; its expiry and its agent are looked at
    every time.
    """

    def __init__(self, key: bytes, agents: Agents, now: Now) -> None:
        self._key = key
        self._agents = agents
        self._now = now
        self._cached: dict[str, tuple[str, int]] = {}
        self._changing = threading.Lock()

    def issue(self, agent: Agent) -> str:
        """A JWT for the agent that ends after LIFETIME_S."""
        issued_s = int(self._now())
        claims = {
            "sub": agent.code,
            "iat": issued_s,
            "exp": issued_s + LIFETIME_S,
            "jti": secrets.token_hex(8),
        }
        # Unsorted, its header begins {"typ":"JWT", and so the token as the reference shows it.
        return jwt.encode(claims, self._key, _ALGORITHM, sort_headers=False)

    def agent(self, header: str | None) -> Agent:
        """The agent that an Authorization header's access token belongs to."""
        known = None if header is None else self._cached.get(header)
        code, expires_s = known if known is not None else self._read(header)
        if self._now() >= expires_s:
            raise Refused(Code.TOKEN_EXPIRED, hint=_FIRST)
        agent = self._agents.of_code(code)
        if agent is None:
            raise Refused(Code.TOKEN_INVALID, "The agent of this access token does not exist any more.")
        return agent

    def _read(self, header: str | None) -> tuple[str, int]:
        token = _bearer(header, "Authorization: Bearer <access_token>")
        assert header is not None
        read = self._claims(token)
        with self._changing:
            while len(self._cached) >= CACHED_MAX:
                del self._cached[next(iter(self._cached))]
            self._cached[header] = read
        return read

    def _claims(self, token: str) -> tuple[str, int]:
        options: Any = {"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, self._key, [_ALGORITHM], options)
        except (jwt.InvalidTokenError, UnicodeError, RecursionError):
            hint = _looks_like_credentials(token) or _FIRST
            raise Refused(Code.TOKEN_INVALID, hint=hint) from None
        code, expires_s = claims["sub"], claims["exp"]
        if not isinstance(code, str) or type(expires_s) is not int:
            raise Refused(Code.TOKEN_INVALID, hint=_FIRST)
        return code, expires_s


def _looks_like_credentials(token: str) -> str | None:
    try:
        colon = b":" in b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return None
    return f"these are the encoded credentials; {_FIRST}" if colon else None
