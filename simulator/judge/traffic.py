"""Keep what is known of a wallet whatever the player: its latest calls, and whether it stores any."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from simulator.core.money import Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest
from simulator.law.mistakes import cuts_by_float

NOTES_KEPT = 2_048
"""How many notes are kept: up to three for each call, and more than a burst of several players has."""

NOTES_OF_A_RUN = 16_384
"""The same for a run: beside a read that is made again and again, others send a thousand calls."""

BALANCES_KEPT = 4_096
"""How many balances of a player a run keeps, to recognise a read that lags by seconds."""


class Passing(Frozen):
    """A money call with its times; `answered_ns` is None while it is in flight."""

    request: WebhookRequest
    sent_ns: int
    answered_ns: int | None

    def ended_before(self, moment_ns: int) -> bool:
        """Return whether the wallet had answered it by then."""
        return self.answered_ns is not None and self.answered_ns < moment_ns


class Traffic:
    """The latest money calls to one wallet. Several threads may note calls at once.

    `stored`: a call was seen to take effect, by what came after its own answer. `emptied`: a bet of a whole
    balance was taken. `exact` are the methods whose calls kept a cent that a float would have lost.
    `cents_kept`: a call was seen to move a balance by single cents. `unscaled` are the methods whose calls
    moved a balance by what they asked, and not by a hundred times as much or a hundredth.
    """

    def __init__(self, notes_max: int = NOTES_KEPT) -> None:
        self.stored = False
        self.emptied = False
        self.exact: set[Method] = set()
        self.cents_kept = False
        self.unscaled: set[Method] = set()
        self._kept: dict[Method, set[int]] = {}
        self._balances: defaultdict[str, set[Money]] | None = None
        if notes_max == NOTES_OF_A_RUN:
            self._balances = defaultdict(set)
        self._calls: deque[Passing] = deque(maxlen=notes_max)

    def note(self, request: WebhookRequest | None, sent_ns: int, answered_ns: int | None = None) -> None:
        """Note a call when it is sent, and again when it is answered."""
        if request is not None and request.method.moves_money and request.amount:
            self._calls.append(Passing(request, sent_ns, answered_ns))

    def note_exact(self, method: Method, before: int, effect: int) -> None:
        """Note that a call moved a balance exactly, as a read has shown."""
        if effect % 10:
            self.cents_kept = True
        if effect:
            self.unscaled.add(method)
        if not effect or method in self.exact:
            return
        ways = cuts_by_float(before, effect)
        kept = self._kept.setdefault(method, set())
        kept |= {way for way, moved in enumerate(ways) if moved != effect}
        if len(kept) == len(ways):
            self.exact.add(method)

    def note_balance(self, player: str, balance: Money) -> None:
        """Note a balance that a player had, where a run wants to know it again."""
        if self._balances is not None and len(self._balances[player]) < BALANCES_KEPT:
            self._balances[player].add(balance)

    def had(self, player: str, balance: Money) -> bool:
        """Return whether that was a balance of the player in this run."""
        return self._balances is not None and balance in self._balances[player]

    def disproved(self, methods: Iterable[Method]) -> frozenset[int]:
        """Return the ways of `cuts_by_float` in which calls of all these methods have not lost a cent."""
        kept = [self._kept.get(method, set()) for method in methods]
        return frozenset(set.intersection(*kept)) if kept else frozenset()

    def of_others(self, player: str, since_ns: int) -> dict[Method, list[int]]:
        """Return the amounts of the calls for other players that were in flight at that moment or later."""
        latest = {each.request: each for each in tuple(self._calls) if each.request.player != player}
        found: dict[Method, list[int]] = {}
        for request, each in latest.items():
            if not each.ended_before(since_ns):
                found.setdefault(request.method, []).append(request.amount or 0)
        return found
