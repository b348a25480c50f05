"""Keep the calls without an answer from before an account was opened: each may take effect at any moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from simulator.core.webhooks import Method, WebhookRequest

Key = tuple[Method, str]
"""The method and the id of a call."""


class LateCalls:
    """One player's calls that may come late, with what each moves the balance by."""

    def __init__(self, requests: Collection[WebhookRequest]) -> None:
        self._effects: dict[Key, int] = {
            (each.method, each.transaction_id or ""): whole_effect(each) for each in requests
        }

    def note_settled(self, request: WebhookRequest) -> None:
        """Note that a call was accepted: neither it nor, after a refund, its bet takes effect any more."""
        id_ = request.transaction_id or ""
        self._effects.pop((request.method, id_), None)
        if request.method is Method.REFUND:
            self._effects.pop((Method.BET, id_), None)

    def making_up(self, gaps: Collection[int]) -> Iterator[tuple[int, tuple[Key, ...]]]:
        """Yield each gap that some of the calls make up, the smallest first, with the fewest that do."""
        sums: dict[int, tuple[Key, ...]] = {0: ()}
        for key, effect in self._effects.items():
            for total, keys in list(sums.items()):
                known = sums.get(total + effect)
                if known is None or len(known) > len(keys) + 1:
                    sums[total + effect] = (*keys, key)
        for gap in sorted((gap for gap in gaps if sums.get(gap)), key=abs):
            yield gap, sums[gap]

    def drop(self, keys: Collection[Key]) -> None:
        """Forget calls that have taken effect."""
        for key in keys:
            del self._effects[key]


def whole_effect(request: WebhookRequest) -> int:
    """Return by how much a call moves the balance, if it takes effect."""
    amount = request.amount or 0
    return -amount if request.method is Method.BET else amount
