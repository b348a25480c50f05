"""game_launch: the documented call, every parameter that can be wrong, and what a launch makes."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from api_client import LAUNCH, WEBHOOK_URL, Api, encoded, error_of, field
from simulator.core.languages import Lang
from simulator.serve.accounts import Session, SessionKind
from simulator.settings import AgentSettings

PATH = "/api/games/game_launch"


@pytest.fixture(scope="module")
def api() -> Api:
    return Api(public_url="http://games.example:8080/")


def session_of(api: Api, game_url: str) -> Session:
    """The session behind a game URL, found as the game's page finds it."""
    start, found, token = game_url.partition("/play/")
    assert found
    assert start in (api.state.public_url, "http://localhost")
    return api.state.sessions.find(token)


def test_the_documented_launch_answers_as_documented(api: Api) -> None:
    """Status true and a game URL on the public URL, compact, with slashes as they are."""
    reply = api.launch()
    assert reply.status_code == 200
    assert list(reply.get_json()) == ["status", "game_url"]
    assert field(reply, "status") is True
    assert reply.data.startswith(b'{"status":true,"game_url":"http://games.example:8080/play/')
    assert b"\\" not in reply.data


def test_a_launch_makes_the_session_that_was_asked_for(api: Api) -> None:
    """The URL leads to agent, player, name, game, language and kind; CHARGED has a way to the wallet."""
    session = session_of(api, field(api.launch(user_name="Üye Şölen"), "game_url"))
    launch = session.launch
    assert launch.agent.code == "demo"
    assert (launch.player, launch.user_name) == ("1", "Üye Şölen")
    assert (launch.game.id, launch.game.name) == ("SLOT_001", "Gates of Olympus")
    assert (launch.lang, launch.kind) == (Lang.TURKISH, SessionKind.CHARGED)
    assert session.delivery is not None


def test_a_demo_session_has_no_way_to_a_wallet(api: Api) -> None:
    """DEMO holds no delivery, whatever the agent has."""
    session = session_of(api, field(api.launch(type="DEMO"), "game_url"))
    assert session.launch.kind is SessionKind.DEMO
    assert session.delivery is None


def test_no_two_launches_have_one_url(api: Api) -> None:
    """The same player launching the same game twice gets two sessions."""
    urls = {field(api.launch(), "game_url") for _ in range(20)}
    assert len(urls) == 20


@pytest.mark.parametrize(
    ("lang", "spoken"),
    [
        ("tr_TR", Lang.TURKISH),
        ("tr", Lang.TURKISH),
        ("TR-tr", Lang.TURKISH),
        ("pt_BR", Lang.PORTUGUESE),
        ("pt", Lang.PORTUGUESE),
        ("en_US", Lang.ENGLISH),
        ("de_DE", Lang.ENGLISH),
        ("klingon", Lang.ENGLISH),
        ("", Lang.ENGLISH),
        (None, Lang.ENGLISH),
    ],
)
def test_a_game_is_in_the_language_asked_for_or_in_english(api: Api, lang: str | None, spoken: Lang) -> None:
    """Turkish and Portuguese by their codes; everything else, and nothing, is English."""
    session = session_of(api, field(api.launch(lang=lang), "game_url"))
    assert session.launch.lang is spoken


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "TRY"},
        {"user_id": "player@example.com"},
        {"user_id": "a b/c?d&e=f"},
        {"user_name": "名前 🎰"},
        {"user_id": "x" * 255},
        {"callback": "https://example.com", "AGENT_CODE": "x"},
    ],
    ids=repr,
)
def test_odd_manners_of_real_clients_are_taken(api: Api, changes: dict[str, str]) -> None:
    """Parameters nobody knows are ignored, an e-mail address is a user_id, and names are any text."""
    session = session_of(api, field(api.launch(**changes), "game_url"))
    assert session.launch.player == changes.get("user_id", "1")


@pytest.mark.parametrize("name", [name for name in LAUNCH if name != "lang"])
def test_a_required_parameter_is_required(api: Api, name: str) -> None:
    """Missing, empty and blank are 422 and name the parameter."""
    assert error_of(reply := api.launch(**{name: None})) == (422, "PARAMETER_MISSING")
    assert field(reply, "parameter") == name
    for blank in ("", " ", "\t"):
        reply = api.launch(**{name: blank})
        assert error_of(reply)[0] == 422
        assert field(reply, "parameter") == name
        assert name in field(reply, "message")


def test_all_missing_parameters_are_told_at_once(api: Api) -> None:
    """The message names each of them, the hint what stands there instead."""
    reply = api.launch(agent_token=None, game_id=None, user_id=None, USER_ID="1")
    assert error_of(reply) == (422, "PARAMETER_MISSING")
    assert field(reply, "message") == "agent_token, game_id and user_id are missing."
    assert field(reply, "parameter") == "agent_token"
    assert "secret key" in field(reply, "hint")
    assert 'user_id: found "USER_ID"' in field(reply, "hint")


@pytest.mark.parametrize("name", LAUNCH)
def test_a_parameter_is_given_once(api: Api, name: str) -> None:
    """Twice is 422, also with equal values: nobody has to guess which one counts."""
    query = urlencode([*LAUNCH.items(), (name, LAUNCH[name])])
    reply = api.get(f"{PATH}?{query}")
    assert error_of(reply) == (422, "PARAMETER_REPEATED")
    assert field(reply, "parameter") == name


WRONG = {
    "another agent's code": ({"agent_code": "other"}, 403, "AGENT_MISMATCH", "agent_code"),
    "nobody's code": ({"agent_code": "nobody"}, 403, "AGENT_MISMATCH", "agent_code"),
    "the agent's token": ({"agent_token": "demo-token"}, 403, "SECRET_KEY_WRONG", "agent_token"),
    "another secret key": ({"agent_token": "other-secret"}, 403, "SECRET_KEY_WRONG", "agent_token"),
    "an unknown game": ({"game_id": "SLOT_999999"}, 404, "GAME_UNKNOWN", "game_id"),
    "a game's title": ({"game_id": "Gates of Olympus"}, 404, "GAME_UNKNOWN", "game_id"),
    "the reference's placeholder": ({"game_id": "OYUN_ID"}, 404, "GAME_UNKNOWN", "game_id"),
    "type in lower case": ({"type": "charged"}, 422, "PARAMETER_INVALID", "type"),
    "another type": ({"type": "REAL"}, 422, "PARAMETER_INVALID", "type"),
    "a long user_id": ({"user_id": "x" * 256}, 422, "PARAMETER_INVALID", "user_id"),
    "a line break": ({"user_name": "a\r\nSet-Cookie: x"}, 422, "PARAMETER_INVALID", "user_name"),
    "a zero byte": ({"user_id": "a\0b"}, 422, "PARAMETER_INVALID", "user_id"),
}


@pytest.fixture(scope="module")
def two_agents() -> Api:
    return Api(agents=(AgentSettings(code="other", token="other-token", secret_key="other-secret"),))


@pytest.mark.parametrize(("changes", "status", "code", "parameter"), WRONG.values(), ids=WRONG)
def test_a_wrong_parameter_is_told(
    two_agents: Api, changes: dict[str, str], status: int, code: str, parameter: str
) -> None:
    """Each kind of slip has its status, its code and its parameter, and no session comes of it."""
    before = len(two_agents.state.sessions.all())
    reply = two_agents.launch(**changes)
    assert error_of(reply) == (status, code)
    assert field(reply, "parameter") == parameter
    assert b"demo-secret" not in reply.data
    assert len(two_agents.state.sessions.all()) == before


def test_the_agent_s_token_in_place_of_its_secret_key_is_said_to_be_just_that(api: Api) -> None:
    """The parameter's name misleads everyone once: the error says what belongs there."""
    reply = api.launch(agent_token="demo-token")
    assert "secret key" in field(reply, "message")
    assert "agent_secret_key" in field(reply, "hint")


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"game_id": "slot_001"}, "SLOT_001"),
        ({"game_id": "gates of olympus"}, "SLOT_001"),
        ({"game_id": "zzz"}, "/api/games/all"),
        ({"type": "demo"}, "DEMO"),
        ({"type": "real"}, "CHARGED"),
        ({"type": "REAL"}, "CHARGED"),
        ({"type": "fun"}, "DEMO"),
        ({"type": "CHARGE"}, "CHARGED"),
        ({"agent_token": None}, "secret key"),
        ({"user_id": None, "USER_ID": "1"}, "USER_ID"),
        ({"user_id": None, "user_id[]": "1"}, "user_id[]"),
    ],
    ids=repr,
)
def test_a_hint_leads_to_what_was_meant(api: Api, changes: dict[str, str | None], hint: str) -> None:
    """The nearest right thing is named."""
    assert hint in field(api.launch(**changes), "hint")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_parameters_in_the_body_are_told_to_go_into_the_query(api: Api, content_type: str) -> None:
    """Some clients send a GET with a body; 422 says where its parameters belong."""
    body = json.dumps(LAUNCH) if content_type == "application/json" else urlencode(LAUNCH)
    headers = {"Authorization": f"Bearer {api.token()}"}
    reply = api.client.get(PATH, data=body, content_type=content_type, headers=headers)
    assert error_of(reply) == (422, "PARAMETERS_IN_BODY")
    assert "query" in field(reply, "message")
    query = urlencode(LAUNCH)
    assert api.client.get(f"{PATH}?{query}", data=body, headers=headers).status_code == 200


def test_a_charged_launch_without_a_webhook_url_names_the_setting() -> None:
    """422 says how to set it; DEMO needs none."""
    api = Api(webhook_url=None)
    reply = api.launch()
    assert error_of(reply) == (422, "WEBHOOK_URL_MISSING")
    for way in ("--webhook-url", "BETRONTECH_SIM_WEBHOOK_URL", "serve.webhook_url"):
        assert way in field(reply, "hint")
    assert api.launch(type="DEMO").status_code == 200


def test_each_agent_launches_with_its_own_credentials(two_agents: Api) -> None:
    """The second agent's token opens the second agent's launches only."""
    reply = two_agents.authenticate(Authorization=f"Bearer {encoded('other-token', 'other-secret')}")
    token = field(reply, "access_token")
    own = {"agent_code": "other", "agent_token": "other-secret", "type": "DEMO"}
    session = session_of(two_agents, field(two_agents.launch(token, **own), "game_url"))
    assert (session.launch.agent.code, session.id, session.number) == ("other", "other-1", 1)
    assert error_of(two_agents.launch(token)) == (403, "AGENT_MISMATCH")
    assert WEBHOOK_URL not in two_agents.launch(token, **own, user_id="").get_data(as_text=True)


def test_a_broken_query_is_422(api: Api) -> None:
    """Bytes that are no UTF-8, and more parameters than anyone means."""
    assert error_of(api.get(f"{PATH}?user_id=%ff%fe")) == (422, "PARAMETER_INVALID")
    assert error_of(api.get(f"{PATH}?{'&'.join('a=b' for _ in range(500))}")) == (422, "PARAMETER_INVALID")
