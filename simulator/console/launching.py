"""A launch without the API's detours: what a person or a test asks for to be given a game at once."""

from __future__ import annotations

from simulator.agents import Agent
from simulator.console.fields import Fields, shown
from simulator.console.problems import Code, Denied
from simulator.core.catalogue import Catalogue, Game
from simulator.core.nearest import did_you_mean
from simulator.server_state import ServerState
from simulator.sessions import Lang, Launch, SessionKind, lang_of

FIELDS = ("agent", "player", "user_name", "game_id", "type", "lang")


def launch_of(fields: Fields, state: ServerState) -> Launch:
    """The launch. Left out are: the first agent, the first game, CHARGED where it can be, English."""
    agent = agent_named(fields.text("agent", state.agents.all()[0].code) if state.agents.all() else "", state)
    player = fields.text("player")
    if not player.strip() or not player.isprintable():
        raise Denied(Code.FIELD_INVALID, "player: expected a user id", field="player")
    return Launch(
        agent=agent,
        player=player,
        user_name=fields.text("user_name", player),
        game=_game(fields, state.catalogue),
        lang=lang_of(fields.text("lang", Lang.ENGLISH)),
        kind=_kind(fields, agent),
    )


def agent_named(code: str, state: ServerState) -> Agent:
    """The agent of that code, or Denied."""
    agent = state.agents.of_code(code)
    if agent is None:
        hint = did_you_mean(code, [each.code for each in state.agents.all()]).removeprefix("; ")
        raise Denied(Code.NOT_FOUND, f'there is no agent "{shown(code)}"', field="agent", hint=hint)
    return agent


def _game(fields: Fields, catalogue: Catalogue) -> Game:
    game_id = fields.text("game_id", catalogue.games[0].id)
    game = catalogue.game(game_id)
    if game is None:
        meant = catalogue.meant(game_id)
        raise Denied(
            Code.NOT_FOUND,
            f'the catalogue has no game "{shown(game_id)}"',
            field="game_id",
            hint=f'did you mean "{meant.id}"?' if meant else None,
        )
    return game


def _kind(fields: Fields, agent: Agent) -> SessionKind:
    likely = SessionKind.DEMO if agent.target is None else SessionKind.CHARGED
    kind = SessionKind(fields.word("type", SessionKind, likely))
    if kind is SessionKind.CHARGED and agent.target is None:
        raise Denied(
            Code.IN_VAIN,
            f'the agent "{agent.code}" has no webhook URL, and a CHARGED game calls it',
            field="type",
            hint="give it one with PATCH /_sim/agents/CODE, or play DEMO",
        )
    return kind
