"""game_launch: every parameter read and checked, in the order that helps most to mend a client. Pure."""

from __future__ import annotations

from simulator.agents import Agent, same_text
from simulator.api.errors import Code, Refused
from simulator.api.parameters import Parameters, names_in_body
from simulator.core.catalogue import Catalogue, Game
from simulator.sessions import Launch, SessionKind, lang_of

REQUIRED = ("agent_code", "agent_token", "game_id", "type", "user_id", "user_name")
_NO_WEBHOOK_URL = (
    "say it with --webhook-url, BETRONTECH_SIM_WEBHOOK_URL, or serve.webhook_url in betrontech-sim.yaml; "
    "a DEMO game needs none"
)


def read_launch(query: bytes, body: bytes, agent: Agent, catalogue: Catalogue) -> Launch:
    """What is launched; Refused says which parameter cannot be used, and why."""
    parameters = Parameters(query)
    _refuse_body(parameters, body)
    _check_agent(parameters, agent)
    game = _game(parameters.required("game_id"), catalogue)
    kind = _kind(parameters.required("type"))
    player, user_name = parameters.required("user_id"), parameters.required("user_name")
    lang = lang_of(parameters.optional("lang") or "")
    if kind is SessionKind.CHARGED and agent.target is None:
        raise Refused(Code.WEBHOOK_URL_MISSING, hint=_NO_WEBHOOK_URL)
    return Launch(agent, player, user_name, game, lang, kind)


def _refuse_body(parameters: Parameters, body: bytes) -> None:
    if not body or parameters.has_any(REQUIRED):
        return
    found = names_in_body(body, REQUIRED)
    if found:
        raise Refused(
            Code.PARAMETERS_IN_BODY,
            f"{', '.join(found)} stand in the body of the request; a GET has its parameters in the query.",
            parameter=found[0],
            hint="GET /api/games/game_launch?agent_code=…&agent_token=…",
        )


def _check_agent(parameters: Parameters, agent: Agent) -> None:
    code, secret_key = parameters.required("agent_code"), parameters.required("agent_token")
    if code != agent.code:
        raise Refused(
            Code.AGENT_MISMATCH,
            parameter="agent_code",
            hint=f'the access token belongs to the agent "{agent.code}"',
        )
    if same_text(agent.secret_key, secret_key):
        return
    if same_text(agent.token, secret_key):
        raise Refused(
            Code.SECRET_KEY_WRONG,
            "agent_token carries the agent's token here; game_launch wants the agent's secret key in it.",
            parameter="agent_token",
            hint="send agent_secret_key as agent_token, as the reference does",
        )
    raise Refused(Code.SECRET_KEY_WRONG, parameter="agent_token", hint="send agent_secret_key as agent_token")


def _game(game_id: str, catalogue: Catalogue) -> Game:
    game = catalogue.game(game_id)
    if game is None:
        meant = catalogue.meant(game_id)
        raise Refused(
            Code.GAME_UNKNOWN,
            f'The catalogue has no game "{game_id}".',
            parameter="game_id",
            hint=f'did you mean "{meant.id}"?' if meant else "/api/games/all lists every id",
        )
    return game


def _kind(text: str) -> SessionKind:
    if text not in set(SessionKind):
        raise Refused(
            Code.PARAMETER_INVALID,
            f'The type of a game is CHARGED or DEMO, found "{text}".',
            parameter="type",
            hint=f'did you mean "{text.strip().upper()}"?'
            if text.strip().upper() in set(SessionKind)
            else None,
        )
    return SessionKind(text)
