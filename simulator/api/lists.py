"""The bodies of the two lists, as the reference shows them. Pure."""

from __future__ import annotations

from simulator.api.errors import to_json
from simulator.core.catalogue import Catalogue


def providers_body(catalogue: Catalogue) -> bytes:
    """`/games/provider`: `id` is a number."""
    listed = [{"id": each.id, "name": each.name, "slug": each.slug} for each in catalogue.providers]
    return to_json({"status": True, "data": listed})


def games_body(catalogue: Catalogue) -> bytes:
    """`/games/all`: `id` is text, `provider` a provider's slug."""
    listed = [{"id": each.id, "name": each.name, "provider": each.provider} for each in catalogue.games]
    return to_json({"status": True, "data": listed})
