"""The control API's routes of agents: list, add, change, remove. They last until the server stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from simulator.agents import Agent, make_agent
from simulator.console.fields import Fields, body_of, query_of
from simulator.console.launching import agent_named
from simulator.console.problems import Code, Denied, answer
from simulator.core.curl import mask_headers
from simulator.core.wire.shipped import PROFILES
from simulator.errors import SimulatorError
from simulator.server_state import ServerState
from simulator.settings import AgentSettings
from simulator.settings.agent_kind import AGENT_TOKEN
from simulator.settings.kinds import AGENT_CODE, ENDPOINT, HEADERS, TEXT, Kind, Unfit

AGENTS_MAX = 1000
_CHANGES = ("token", "secret_key", "webhook_url", "wire", "headers")


def add_agents(routes: Blueprint, state: ServerState) -> None:
    """Accounts of operators."""

    @routes.get("/agents")
    def list_agents() -> Response:
        query_of(request)
        return answer({"agents": [agent_json(agent) for agent in state.agents.all()]})

    @routes.post("/agents")
    def add_agent() -> Response:
        fields = body_of(request, "code", *_CHANGES)
        code = _read(fields, "code", AGENT_CODE)
        if state.agents.of_code(code) is not None:
            raise Denied(Code.EXISTS, f'there is an agent "{code}" already', field="code")
        if len(state.agents.all()) >= AGENTS_MAX:
            raise Denied(Code.IN_VAIN, f"there are {AGENTS_MAX} agents already; remove some")
        account = AgentSettings(
            code=code,
            token=_read(fields, "token", AGENT_TOKEN),
            secret_key=_read(fields, "secret_key", TEXT),
            webhook_url=_url(fields, None),
            wire=fields.word("wire", PROFILES, "betrontech"),
            headers=_headers(fields, ()),
        )
        added = answer(agent_json(_put(state, account)))
        added.status_code = 201
        return added

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
        )
        # A profile of the operator's own has a file, which nobody names here.
        kept = None if "wire" in fields else agent
        return answer(agent_json(_put(state, account, kept)))

    @routes.delete("/agents/<code>")
    def remove_agent(code: str) -> Response:
        body_of(request)
        state.agents.remove(agent_named(code, state).code)
        return answer({"code": code, "removed": True})


def agent_json(agent: Agent) -> dict[str, Any]:
    """An agent without its secrets. `webhook_url` is null for one that plays DEMO only."""
    target = agent.target
    return {
        "code": agent.code,
        "webhook_url": None if target is None else target.url,
        "wire": agent.wire.name,
        "headers": dict(mask_headers(target.headers)) if target else {},
    }


def _put(state: ServerState, account: AgentSettings, kept: Agent | None = None) -> Agent:
    """Make the agent and put it in; `kept` gives its wire profile. Raises Denied for what it cannot be."""
    if account.headers and account.webhook_url is None:
        raise Denied(Code.FIELD_INVALID, "headers: they go with a webhook_url", field="headers")
    try:
        made = make_agent(account, state.settings)
        agent = made if kept is None else replace(made, wire=kept.wire)
        state.agents.put(agent)
    except SimulatorError as error:
        # The webhook URL obeys the guard; what else can be wrong was read before, save a token that is taken.
        raise Denied(Code.FIELD_INVALID, str(error)) from error
    return agent


def _url(fields: Fields, default: str | None) -> str | None:
    """The webhook URL; an empty text takes it away."""
    if "webhook_url" not in fields:
        return default
    return _read(fields, "webhook_url", ENDPOINT, length_max=2000) or None


def _headers(fields: Fields, default: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Headers as an object of names and values."""
    if "headers" not in fields:
        return default
    named = fields.mapping("headers")
    pairs = Fields(named, named)
    written = [f"{name}: {pairs.text(name, length_max=4096)}" for name in named]
    if not all(line.isprintable() for line in written):
        raise Denied(Code.FIELD_INVALID, "headers: a header has no line break in it", field="headers")
    return tuple(_parsed("headers", line, HEADERS) for line in written)


def _read(fields: Fields, name: str, kind: Kind, *, length_max: int = 255) -> str:
    text = fields.text(name, length_max=length_max)
    return "" if name == "webhook_url" and not text else _parsed(name, text, kind)


def _parsed(name: str, text: str, kind: Kind) -> Any:
    """As the setting of that kind is read. The text is not shown: it may be a secret."""
    parse: Callable[[str], Any] = kind.parse
    try:
        return parse(text)
    except Unfit as error:
        raise Denied(Code.FIELD_INVALID, f"{name}: {error}", field=name) from None
    except ValueError:
        raise Denied(Code.FIELD_INVALID, f"{name}: expected {kind.expects}", field=name) from None
