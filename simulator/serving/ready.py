"""The line that says that the server serves, and what."""

from __future__ import annotations

import json

from simulator.server_state import ServerState


def ready_line(url: str, state: ServerState) -> str:
    """Text for people, or JSON where logs are; no secret in either."""
    agents = {agent.code: agent.target.url if agent.target else None for agent in state.agents.all()}
    if state.settings.json_logs:
        facts = {"event": "ready", "url": url, "public_url": state.public_url}
        return json.dumps({**facts, "games": len(state.catalogue.games), "agents": agents})
    told = ", ".join(
        f"agent {code} with webhooks to {target}"
        if target
        else f"agent {code} for DEMO only (no webhook URL)"
        for code, target in agents.items()
    )
    return f"simulator ready on {url}, API under {url}/api, {len(state.catalogue.games)} games, {told}"
