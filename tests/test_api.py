"""Authentication and access tokens: what the reference shows, the manners of real clients, and forgeries."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable

import jwt
import pytest

from api_client import Api, encoded, error_of, field
from simulator.serve.api.routes import CACHED_MAX
from simulator.serve.state import derived_key
from simulator.settings import AgentSettings

HOUR_MS = 3_600_000
PROVIDERS = "/api/games/provider"


@pytest.fixture(scope="module")
def api() -> Api:
    return Api()


def test_the_documented_authentication_answers_as_documented(api: Api) -> None:
    """Three fields, and a token that begins as the reference's does."""
    reply = api.authenticate()
    assert reply.status_code == 200
    assert list(reply.get_json()) == ["access_token", "token_type", "expires_in"]
    assert field(reply, "access_token").startswith("eyJ0eXAiOiJKV1Qi")
    assert (field(reply, "token_type"), field(reply, "expires_in")) == ("Bearer", 3600)
    assert re.fullmatch(rb'\{"access_token":"[\w.-]+","token_type":"Bearer","expires_in":3600\}', reply.data)


def test_the_token_is_a_signed_jwt_of_an_hour(api: Api) -> None:
    """HS256 with a key of at least 32 bytes, for the agent, from now on."""
    claims = jwt.decode(
        api.token(), api.state.access_key, ["HS256"], {"verify_iat": False, "verify_exp": False}
    )
    assert len(api.state.access_key) >= 32
    assert claims["sub"] == "demo"
    assert claims["exp"] - claims["iat"] == 3600
    assert abs(claims["iat"] - api.clock.now_s()) < 60


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"a":', b"\xff\xfe", b"null"], ids=repr)
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", ""])
def test_a_body_of_authentication_is_ignored(api: Api, body: bytes, content_type: str) -> None:
    """Real clients send nothing, an empty list, an empty object, or junk."""
    reply = api.client.post(
        "/api/auth/authentication",
        data=body,
        content_type=content_type,
        headers={"Authorization": f"Bearer {encoded()}"},
    )
    assert reply.status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer ", "Bearer  ", "bearer ", "BEARER   "])
def test_bearer_may_be_followed_by_more_spaces(api: Api, scheme: str) -> None:
    """A sibling's clients write two; both kinds of credentials are read so."""
    reply = api.authenticate(Authorization=f"{scheme}{encoded()}")
    assert reply.status_code == 200
    token = field(reply, "access_token")
    assert api.client.get(PROVIDERS, headers={"Authorization": f"{scheme}{token}"}).status_code == 200


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


WRONG_CREDENTIALS = {
    "nothing": ("", "AUTHORIZATION_MISSING"),
    "another scheme": (f"Basic {b64('demo-token:demo-secret')}", "AUTHORIZATION_MALFORMED"),
    "the scheme alone": ("Bearer", "AUTHORIZATION_MALFORMED"),
    "no scheme": (b64("demo-token:demo-secret"), "AUTHORIZATION_MALFORMED"),
    "not encoded": ("Bearer demo-token:demo-secret", "AUTHORIZATION_MALFORMED"),
    "no colon": (f"Bearer {b64('demo-token')}", "AUTHORIZATION_MALFORMED"),
    "no padding": (f"Bearer {b64('demo-token:demo-secret').rstrip('=')}", "AUTHORIZATION_MALFORMED"),
    "padding and more": (f"Bearer {b64('demo-token:demo-secret')}AAAA", "AUTHORIZATION_MALFORMED"),
    "bits left over": ("Bearer ZGVtby10b2tlbjpkZW1vLXNlY3JldB==", "AUTHORIZATION_MALFORMED"),
    "a space inside": (f"Bearer {b64('demo-token:demo-secret')[:8]} {b64('x')}", "AUTHORIZATION_MALFORMED"),
    "no UTF-8": (f"Bearer {b64(b'demo-token:' + bytes([255]))}", "AUTHORIZATION_MALFORMED"),
    "a wrong key": (f"Bearer {b64('demo-token:wrong')}", "CREDENTIALS_WRONG"),
    "a wrong token": (f"Bearer {b64('wrong:demo-secret')}", "CREDENTIALS_WRONG"),
    "an empty key": (f"Bearer {b64('demo-token:')}", "CREDENTIALS_WRONG"),
    "swapped": (f"Bearer {b64('demo-secret:demo-token')}", "CREDENTIALS_WRONG"),
    "the code for the token": (f"Bearer {b64('demo:demo-secret')}", "CREDENTIALS_WRONG"),
}


@pytest.mark.parametrize(("header", "code"), WRONG_CREDENTIALS.values(), ids=WRONG_CREDENTIALS)
def test_wrong_credentials_are_told_apart(api: Api, header: str, code: str) -> None:
    """Each is 401 with a code of its own kind, and says nothing of the right ones."""
    reply = api.client.post("/api/auth/authentication", headers={"Authorization": header} if header else {})
    assert error_of(reply) == (401, code)
    assert "Bearer" in reply.headers["WWW-Authenticate"]
    assert b"demo-token" not in reply.data
    assert b"demo-secret" not in reply.data


def test_swapped_credentials_are_called_swapped(api: Api) -> None:
    """The commonest slip is named."""
    reply = api.authenticate(Authorization=f"Bearer {encoded('demo-secret', 'demo-token')}")
    assert "swapped" in field(reply, "hint")


SLIPS = {
    "echo adds a line feed": (b64("demo-token:demo-secret\n"), "ends with a line feed; printf"),
    "echo on Windows": (b64("demo-token:demo-secret\r\n"), "a carriage return and a line feed"),
    "a blank at the end": (b64("demo-token:demo-secret "), "ends with a blank"),
    "a blank before": (b64(" demo-token:demo-secret"), "begins with a blank"),
    "a blank after the colon": (b64("demo-token: demo-secret"), "white space beside the colon"),
    "a file with a BOM": (b64("\ufeffdemo-token:demo-secret"), "begins with a byte order mark"),
    "PowerShell's Unicode": (b64("demo-token:demo-secret".encode("utf-16-le")), "UTF-16"),
    "quotes inside": (b64('"demo-token:demo-secret"'), "ends with a quote"),
    "quotes outside": (f'"{encoded()}"', "in quotes"),
    "the code for the token": (b64("demo:demo-secret"), "an agent_code; expected the agent_token"),
    "not encoded": ("demo-token:demo-secret", "not encoded"),
    "no padding": (b64("demo-token:demo-secret").rstrip("="), "padding"),
    "wrapped lines": (f"{encoded()[:8]} {encoded()[8:]}", "white space within"),
    "only the token, with a line feed": (b64("demo-token\n"), "ends with a line feed"),
}


@pytest.mark.parametrize(("credentials", "hint"), SLIPS.values(), ids=SLIPS)
def test_a_slip_in_the_encoding_is_named(api: Api, credentials: str, hint: str) -> None:
    """The hint says what is wrong, and repeats nothing of the secret."""
    reply = api.authenticate(Authorization=f"Bearer {credentials}")
    assert reply.status_code == 401
    assert hint in field(reply, "hint")
    assert b"demo-secret" not in reply.data


def test_the_hint_of_a_wrong_method_says_which_is_right(api: Api) -> None:
    """405 with the method in words, too."""
    reply = api.client.get("/api/auth/authentication")
    assert error_of(reply) == (405, "METHOD_NOT_ALLOWED")
    assert field(reply, "hint") == "use POST"
    assert field(api.client.post("/api/games/all"), "hint") == "use GET"


@pytest.mark.parametrize("path", ["/betrontech_api", "/drakon_api/"])
def test_a_webhook_that_is_sent_to_the_simulator_is_told_where_it_belongs(api: Api, path: str) -> None:
    """The path is the operator's, and one setting names it."""
    reply = api.client.post(path, json={"method": "user_balance", "user_id": "1"})
    assert error_of(reply) == (404, "NOT_FOUND")
    assert "your wallet" in field(reply, "hint")
    assert "--webhook-url" in field(reply, "hint")


def test_a_secret_key_may_hold_colons() -> None:
    """Credentials are split at the first colon."""
    api = Api(agent_secret_key="a:b::c")
    assert api.authenticate(Authorization=f"Bearer {encoded(secret_key='a:b::c')}").status_code == 200


# --- access tokens ---------------------------------------------------------------------------------


def test_the_encoded_credentials_are_no_access_token(api: Api) -> None:
    """Whoever skips authentication is told to ask there first."""
    reply = api.get(PROVIDERS, token=encoded())
    assert error_of(reply) == (401, "TOKEN_INVALID")
    assert "/api/auth/authentication" in field(reply, "hint")
    assert "credentials" in field(reply, "hint")


def test_a_token_lives_for_an_hour_also_when_it_is_remembered() -> None:
    """A token that was used before it expired is refused after it, at the second that it says."""
    api = Api()
    used, unused = api.token(), api.token()
    assert api.get(PROVIDERS, used).status_code == 200
    api.clock.advance(HOUR_MS - 5_000)
    assert api.get(PROVIDERS, used).status_code == 200
    api.clock.advance(6_000)
    for token in (used, unused, used):
        assert error_of(api.get(PROVIDERS, token)) == (401, "TOKEN_EXPIRED")
    assert api.get(PROVIDERS, api.token()).status_code == 200


def claims_of(api: Api, **changes: object) -> dict[str, object]:
    now_s = int(api.clock.now_s())
    claims: dict[str, object] = {"sub": "demo", "iat": now_s, "exp": now_s + 3600, **changes}
    return {name: value for name, value in claims.items() if value is not None}


def signed(api: Api, algorithm: str = "HS256", key: bytes | None = None, **changes: object) -> str:
    return jwt.encode(claims_of(api, **changes), api.state.access_key if key is None else key, algorithm)


def unsigned(api: Api, algorithm: str) -> str:
    parts = [json.dumps(part).encode() for part in ({"typ": "JWT", "alg": algorithm}, claims_of(api))]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def text(token: str) -> Callable[[Api], str]:
    return lambda _: token


FORGERIES: dict[str, Callable[[Api], str]] = {
    "alg none": lambda api: unsigned(api, "none"),
    "alg None": lambda api: unsigned(api, "None"),
    "alg HS256 without signature": lambda api: unsigned(api, "HS256"),
    "another key": lambda api: signed(api, key=b"k" * 32),
    "the secret key as key": lambda api: signed(api, key=derived_key(b"demo-secret", "access tokens")),
    "another algorithm": lambda api: signed(api, "HS512", key=api.state.access_key * 2),
    "another agent": lambda api: signed(api, sub="somebody"),
    "no agent": lambda api: signed(api, sub=None),
    "an agent that is a number": lambda api: signed(api, sub=1),
    "no expiry": lambda api: signed(api, exp=None),
    "an expiry that is text": lambda api: signed(api, exp="9999999999"),
    "an expiry that is true": lambda api: signed(api, exp=True),
    "an endless expiry": lambda api: signed(api, exp=float("inf")),
    "another signature": lambda api: api.token()[:-4] + "AAAA",
    "another payload": lambda api: ".".join(
        part if place != 1 else part[:-2] + "AA" for place, part in enumerate(api.token().split("."))
    ),
    "two parts": lambda api: api.token().rpartition(".")[0],
    "four parts": lambda api: api.token() + ".x",
    "dots": text("..."),
    "deep JSON": text(base64.urlsafe_b64encode(b"[" * 3999).decode() + ".e30.x"),
    "no token": text("abc"),
    "no ASCII": text("\xff\xfe.\xe9.x"),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_token_opens_nothing(api: Api, forge: Callable[[Api], str]) -> None:
    """Whatever is not exactly what this server gave out is 401, the second time too."""
    token = forge(api)
    for _ in range(2):
        assert error_of(api.get(PROVIDERS, token)) == (401, "TOKEN_INVALID")


def test_an_expired_token_of_ours_is_called_expired(api: Api) -> None:
    """Signed by us, over since a second."""
    assert error_of(api.get(PROVIDERS, signed(api, exp=int(api.clock.now_s()) - 1))) == (401, "TOKEN_EXPIRED")


def test_tokens_of_one_server_mean_nothing_to_another() -> None:
    """The key is drawn at each start."""
    assert error_of(Api().get(PROVIDERS, Api().token())) == (401, "TOKEN_INVALID")


def test_what_is_remembered_is_bounded_and_forgotten_tokens_still_work() -> None:
    """A client with a new token for each call does not fill the memory."""
    api = Api()
    first = api.token()
    for _ in range(CACHED_MAX + 10):
        assert api.get(PROVIDERS, api.token()).status_code == 200
    assert api.get(PROVIDERS, first).status_code == 200


def test_a_removed_agent_s_token_is_worth_nothing() -> None:
    """An agent is looked up at every request, also behind a remembered token."""
    api = Api(agents=(AgentSettings(code="other", token="other-token", secret_key="other-secret"),))
    reply = api.authenticate(Authorization=f"Bearer {encoded('other-token', 'other-secret')}")
    token = field(reply, "access_token")
    assert api.get(PROVIDERS, token).status_code == 200
    api.state.agents.remove("other")
    assert error_of(api.get(PROVIDERS, token)) == (401, "TOKEN_INVALID")
    assert api.get(PROVIDERS).status_code == 200
