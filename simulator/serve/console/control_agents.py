"""The routes of the control API for agents (whose changes end with the server), faults and launches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from simulator.core.languages import Lang, lang_of
from simulator.core.mappings import Fields, Keys, Wrong, shown
from simulator.core.secrets import MASK, mask_headers, mask_url
from simulator.core.words import did_you_mean
from simulator.errors import ConfigurationError, SimulatorError
from simulator.serve.accounts import Agent, Launch, SessionKind, make_agent
from simulator.serve.answers import Denied, ErrorCode, answer
from simulator.serve.api.faults import (
    LATENCY_MS_MAX,
    ApiFault,
    ApiFaultKind,
    ApiFaults,
    ApiRoute,
    Chance,
    Every,
    FaultCount,
    First,
    When,
)
from simulator.serve.catalogue import Catalogue, Game
from simulator.serve.fields import body_of, query_of
from simulator.serve.state import ServerState
from simulator.settings import AgentSettings
from simulator.settings.kinds import AGENT_CODE, AGENT_TOKEN, ENDPOINT, HEADERS, TEXT, Unfit, ValueKind
from simulator.wire.profiles import PROFILES

AGENTS_MAX = 1000

_CHANGES = ("token", "secret_key", "webhook_url", "wire", "headers", "zero_wins")


def add_agents(routes: Blueprint, state: ServerState) -> None:
    """Add the routes that list, add, change and remove agents."""

    @routes.get("/agents")
    def list_agents() -> Response:
        query_of(request)
        return answer({"agents": [agent_json(agent) for agent in state.agents.all()]})

    @routes.post("/agents")
    def add_agent() -> Response:
        fields = body_of(request, "code", *_CHANGES)
        code = _read(fields, "code", AGENT_CODE)
        if state.agents.of_code(code) is not None:
            raise Denied(ErrorCode.EXISTS, f'there is an agent "{code}" already', field="code")
        if len(state.agents.all()) >= AGENTS_MAX:
            raise Denied(ErrorCode.IN_VAIN, f"there are {AGENTS_MAX} agents already; remove some")
        account = AgentSettings(
            code=code,
            token=_read(fields, "token", AGENT_TOKEN),
            secret_key=_read(fields, "secret_key", TEXT),
            webhook_url=_url(fields, None),
            wire=fields.word("wire", PROFILES, "betrontech"),
            headers=_headers(fields, ()),
            zero_wins=_switch(fields, "zero_wins"),
        )
        return answer(agent_json(_put(state, account)), 201)

    @routes.patch("/agents/<code>")
    def change_agent(code: str) -> Response:
        agent = agent_named(code, state)
        fields = body_of(request, *_CHANGES)
        account = AgentSettings(
            code=agent.code,
            token=_read(fields, "token", AGENT_TOKEN) if "token" in fields else agent.token,
            secret_key=_read(fields, "secret_key", TEXT) if "secret_key" in fields else agent.secret_key,
            webhook_url=_url(fields, agent.target.url if agent.target else None),
            wire=fields.word("wire", PROFILES) if "wire" in fields else "betrontech",
            headers=_headers(fields, agent.target.headers if agent.target else ()),
            zero_wins=fields.flag("zero_wins") if "zero_wins" in fields else agent.zero_wins,
        )
        # Only the shipped profiles: the control API must not read files.
        kept = None if "wire" in fields else agent
        return answer(agent_json(_put(state, account, kept)))

    @routes.delete("/agents/<code>")
    def remove_agent(code: str) -> Response:
        body_of(request)
        state.agents.remove(agent_named(code, state).code)
        return answer({"code": code, "removed": True})


def agent_json(agent: Agent) -> dict[str, Any]:
    """Return an agent without its secrets. `webhook_url` is null for one that plays DEMO only."""
    target = agent.target
    return {
        "code": agent.code,
        "webhook_url": None if target is None else mask_url(target.url),
        "wire": agent.wire.name,
        "zero_wins": agent.zero_wins,
        "headers": dict(mask_headers(target.headers, (name for name, _ in target.headers))) if target else {},
    }


def _put(state: ServerState, account: AgentSettings, kept: Agent | None = None) -> Agent:
    """Make the agent and put it in; `kept` gives its wire profile. Raises Denied for what it cannot be."""
    if account.headers and account.webhook_url is None:
        raise Wrong("headers", "headers: they go with a webhook_url")
    try:
        made = make_agent(account, state.settings)
        agent = made if kept is None else replace(made, wire=kept.wire)
    except SimulatorError as error:
        # Only the webhook URL can still be wrong here.
        raise Denied(ErrorCode.FIELD_INVALID, str(error), field="webhook_url") from error
    try:
        state.agents.put(agent)
    except ConfigurationError as error:
        raise Denied(ErrorCode.EXISTS, str(error), field="token") from error
    return agent


def _switch(fields: Fields, name: str) -> bool | None:
    """Return true or false, and None where the field is missing."""
    return fields.flag(name) if name in fields else None


def _url(fields: Fields, default: str | None) -> str | None:
    """Return the webhook URL; an empty text removes it."""
    if "webhook_url" not in fields:
        return default
    return unmasked(_read(fields, "webhook_url", ENDPOINT, length_max=2000), default) or None


def unmasked(url: str, known: str | None) -> str:
    """Return the known URL where this one is how pages show it, with its secrets masked.

    Raises Wrong for another URL with a masked secret in it: the wallet would be called with asterisks.
    """
    if known is not None and url == mask_url(known):
        return known
    if MASK in url:
        raise Wrong("webhook_url", f"webhook_url: {MASK} stands for a secret; write the secret in its place")
    return url


def _headers(fields: Fields, default: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return headers from an object of names and values."""
    if "headers" not in fields:
        return default
    named = fields.mapping("headers")
    pairs = Fields(named.items(), Keys("headers", None))
    written = [f"{name}: {pairs.text(name, length_max=4096)}" for name in named]
    return tuple(_parsed("headers", line, HEADERS) for line in written)


def _read(fields: Fields, name: str, kind: ValueKind, *, length_max: int = 255) -> str:
    text = fields.text(name, length_max=length_max)
    return "" if name == "webhook_url" and not text else _parsed(name, text, kind)


def _parsed(name: str, text: str, kind: ValueKind) -> Any:
    """Read the text like a setting of that kind. Errors do not show it: it may be a secret."""
    parse: Callable[[str], Any] = kind.parse
    try:
        return parse(text)
    except Unfit as error:
        raise Wrong(name, f"{name}: {error}") from None
    except ValueError:
        raise Wrong(name, f"{name}: expected {kind.expects}") from None


# --- faults of the BetronTech API -----------------------------------------------------------------

CALLS_MAX = 1_000_000

_WHEN = ("first", "every", "probability")


def add_faults(routes: Blueprint, faults: ApiFaults) -> None:
    """Add the routes that list, add and remove faults."""

    @routes.get("/faults")
    def list_faults() -> Response:
        query_of(request)
        return answer({"faults": [count_json(each) for each in faults.all()]})

    @routes.post("/faults")
    def add_fault() -> Response:
        make = read_fault(body_of(request, "kind", "route", "status", "latency_ms", *_WHEN, "seed"))
        try:
            fault = faults.add(make)
        except OverflowError as error:
            raise Denied(ErrorCode.IN_VAIN, str(error)) from None
        return answer(count_json(FaultCount(fault, 0, 0)), 201)

    @routes.delete("/faults")
    def remove_faults() -> Response:
        body_of(request)
        faults.clear()
        return answer({"faults": []})

    @routes.delete("/faults/<int:number>")
    def remove_fault(number: int) -> Response:
        body_of(request)
        try:
            faults.remove(number)
        except KeyError:
            raise Denied(ErrorCode.NOT_FOUND, "there is no fault of that number") from None
        return answer({"number": number, "removed": True})


def read_fault(fields: Fields) -> Callable[[int], ApiFault]:
    """Return a function that makes the fault with a given number. Raises Denied for an invalid one."""
    kind = fields.word("kind", ApiFaultKind)
    if ("status" in fields) is not (kind is ApiFaultKind.STATUS):
        raise Wrong("status", "status: it goes with the kind status, and the kind with it")
    status = fields.whole("status", low=200, high=599) if kind is ApiFaultKind.STATUS else 0
    late = kind is ApiFaultKind.LATENCY
    latency_ms = fields.whole("latency_ms", None if late else 0, low=1 if late else 0, high=LATENCY_MS_MAX)
    route = fields.word("route", ApiRoute) if "route" in fields else None
    when = _when(fields)
    return lambda number: ApiFault(
        number=number, kind=kind, route=route, when=when, latency_ms=latency_ms, status=status
    )


def _when(fields: Fields) -> When:
    given = [name for name in _WHEN if name in fields]
    if len(given) > 1:
        raise Wrong(given[1], f"{' and '.join(given)}: expected one of them at most")
    if "seed" in fields and given != ["probability"]:
        raise Wrong("seed", "seed: it goes with probability")
    match given:
        case ["first"]:
            return First(calls=fields.whole("first", low=1, high=CALLS_MAX))
        case ["every"]:
            return Every(calls=fields.whole("every", low=1, high=CALLS_MAX))
        case ["probability"]:
            return Chance(probability=fields.share("probability"), seed=fields.whole("seed", 1))
        case _:
            return None


def count_json(counted: FaultCount) -> dict[str, Any]:
    """Return a fault with its counts."""
    fault = counted.fault
    found: dict[str, Any] = {"number": fault.number, "kind": fault.kind, "route": fault.route}
    if fault.kind is ApiFaultKind.STATUS:
        found["status"] = fault.status
    if fault.latency_ms:
        found["latency_ms"] = fault.latency_ms
    match fault.when:
        case First(calls=calls):
            found["first"] = calls
        case Every(calls=calls):
            found["every"] = calls
        case Chance(probability=probability, seed=seed):
            found |= {"probability": probability, "seed": seed}
        case None:
            pass
    return {**found, "calls": counted.calls, "disturbed": counted.disturbed}


# --- launches without authentication --------------------------------------------------------------

FIELDS = ("agent", "player", "user_name", "game_id", "type", "lang", "zero_wins")


def launch_of(fields: Fields, state: ServerState) -> Launch:
    """Return the launch. Defaults: the first agent, the first game, CHARGED if possible, English."""
    agent = agent_named(fields.text("agent", state.agents.all()[0].code) if state.agents.all() else "", state)
    player = fields.filled("player")
    return Launch(
        agent=agent,
        player=player,
        user_name=fields.text("user_name", player),
        game=_game(fields, state.catalogue),
        lang=lang_of(fields.text("lang", Lang.ENGLISH)),
        kind=_kind(fields, agent),
        zero_wins=_switch(fields, "zero_wins"),
    )


def agent_named(code: str, state: ServerState) -> Agent:
    """Return the agent with that code. Raises Denied."""
    agent = state.agents.of_code(code)
    if agent is None:
        hint = did_you_mean(code, [each.code for each in state.agents.all()]).removeprefix("; ")
        raise Denied(ErrorCode.NOT_FOUND, f"there is no agent {shown(code)}", field="agent", hint=hint)
    return agent


def _game(fields: Fields, catalogue: Catalogue) -> Game:
    game_id = fields.text("game_id", catalogue.games[0].id)
    game = catalogue.game(game_id)
    if game is None:
        meant = catalogue.meant(game_id)
        raise Denied(
            ErrorCode.NOT_FOUND,
            f"the catalogue has no game {shown(game_id)}",
            field="game_id",
            hint=f'did you mean "{meant.id}"?' if meant else None,
        )
    return game


def _kind(fields: Fields, agent: Agent) -> SessionKind:
    likely = SessionKind.DEMO if agent.target is None else SessionKind.CHARGED
    kind = fields.word("type", SessionKind, likely)
    if kind is SessionKind.CHARGED and agent.target is None:
        raise Denied(
            ErrorCode.IN_VAIN,
            f'the agent "{agent.code}" has no webhook URL, and a CHARGED game calls it',
            field="type",
            hint="give it one with PATCH /_sim/agents/CODE, or play DEMO",
        )
    return kind
