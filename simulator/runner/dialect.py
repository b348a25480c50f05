"""The dialect: what this operator does where the field's guides disagree. Observed, not judged."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict

from simulator.core.events import DialectObserved
from simulator.core.findings import Outcome
from simulator.core.roles import Role
from simulator.core.webhooks import Method

KNOBS: dict[str, tuple[str, ...]] = {
    "duplicate_bet": ("accepted", "refused"),
    "duplicate_credit": ("accepted", "refused"),
    "unknown_refund": ("accepted", "refused"),
    "late_bet": ("accepted", "refused"),
    "win_without_bet": ("accepted", "refused"),
    "zero_bet": ("accepted", "refused"),
    "zero_win": ("accepted", "refused"),
    "refund_of_win": ("debited", "ignored"),
    "refusal_http": ("200", "4xx"),
    "money_type": ("string", "number"),
    "shared_ids": ("per_player", "global"),
}
"""Every knob with the values it can show; a policy may also pin `any`, which is the default."""

_BY_ROLE = {
    Role.REPEATED_BET: "duplicate_bet",
    Role.REPEATED_WIN: "duplicate_credit",
    Role.REPEATED_REFUND: "duplicate_credit",
    Role.REFUND_OF_UNKNOWN: "unknown_refund",
    Role.LATE_BET: "late_bet",
    Role.LATE_BET_AFTER_REFUSED_REFUND: "late_bet",
    Role.LOOSE_WIN: "win_without_bet",
}


def knob_shown(role: Role, method: Method, outcome: Outcome, moved: int) -> tuple[str, str] | None:
    """The knob that an answered call of this role shows, and its value; None for most calls.

    `moved` is by how much the balance changed.
    """
    if outcome is Outcome.UNKNOWN:
        return None
    if role in _BY_ROLE:
        return _BY_ROLE[role], outcome.value
    if role is Role.ZERO and method is not Method.REFUND:
        return ("zero_bet" if method is Method.BET else "zero_win"), outcome.value
    if role is Role.REFUND_OF_WIN:
        return "refund_of_win", "debited" if moved else "ignored"
    if role in (Role.FOREIGN_ID_BET, Role.FOREIGN_ID_WIN):
        return "shared_ids", "per_player" if moved else "global"
    return None


class DialectLog:
    """What was observed, from all threads of a run."""

    def __init__(self) -> None:
        self._seen: dict[str, Counter[str]] = defaultdict(Counter)
        self._evidence: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def note(self, knob: str, value: str, evidence: str) -> None:
        """Count one observation; the first of each value is kept as its evidence."""
        with self._lock:
            self._seen[knob][value] += 1
            self._evidence.setdefault((knob, value), evidence)

    def observed(self) -> tuple[DialectObserved, ...]:
        """One line a knob; a wallet that does both shows both values, the more frequent first."""
        lines = []
        for knob in KNOBS:
            seen = self._seen.get(knob)
            if seen:
                values = [value for value, _ in seen.most_common()]
                evidence = self._evidence[knob, values[0]]
                lines.append(DialectObserved(knob=knob, value=", ".join(values), evidence=evidence))
        return tuple(lines)
