"""What a player went through as a scenario that repeats it, one YAML document a player. Pure.

It claims nothing of what the wallet answered: the ledger says what is right, so a right wallet passes, and
the wallet that went wrong fails as it did.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from simulator.console.exchanges import balance_before
from simulator.core.money import Money, format_money
from simulator.core.scenario import DEFAULT_OPENING, FaultKind
from simulator.core.webhooks import Method
from simulator.delivery.journal_entry import Entry, Purpose

EXCHANGES_MAX = 10_000
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_LETTERS = {Method.BET: "b", Method.WIN: "w", Method.REFUND: "r"}
_REPEATED = frozenset(FaultKind) - {FaultKind.DELAY}
"""Faults that a step can name alone; how long a delay was is not in the journal."""


def scenario_yaml(entries: Iterable[Entry]) -> str:
    """The exchanges, oldest first, as a scenario file."""
    by_player: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        by_player.setdefault((entry.agent, entry.player), []).append(entry)
    return "---\n".join(_document(own) for own in by_player.values())


def _document(entries: Sequence[Entry]) -> str:
    first, last = entries[0], entries[-1]
    steps = _Steps.of(entries)
    name = f"Player {first.player} of {first.agent}, exchanges {first.number} to {last.number}"
    lines = [
        f"name: {_quoted(name)}",
        "description: What the journal of the simulator holds of this player. The ledger says what is right.",
        f"player: {{balance: {format_money(_opening(entries))}}}",
        "steps:",
        *(f"  - {step}" for step in steps or ["balance"]),
    ]
    return "\n".join(lines) + "\n"


def _opening(entries: Sequence[Entry]) -> Money:
    """The balance before the first call that may have moved money, as the wallet's own answers tell it."""
    told = (balance for entry in entries if (balance := balance_before(entry)) is not None)
    return next(told, DEFAULT_OPENING)


@dataclass(slots=True)
class _Steps:
    """The steps of one player as they are made; a call is known by its method and transaction_id."""

    bets: dict[str, str] = field(default_factory=dict)
    written: dict[tuple[str, str], tuple[str, Money | None]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> list[str]:
        """A step for every call but the ledger's own reads, and the second of a pair sent at once."""
        steps = cls()
        for entry in entries:
            if entry.method == Method.BET and entry.transaction_id not in steps.bets:
                # Labels are given before steps are written: a refund may overtake its bet.
                steps.bets[entry.transaction_id] = steps._label(Method.BET)
        made = []
        doubled = False
        for entry in entries:
            second = doubled and entry.fault == FaultKind.DUPLICATE
            doubled = entry.fault == FaultKind.DUPLICATE and not second
            if entry.purpose is not Purpose.PROBE and not second:
                made.append(steps._step(entry))
        return made

    def _step(self, entry: Entry) -> str:
        match entry.method:
            case Method.DETAILS:
                return "details"
            case Method.BALANCE:
                return "balance"
            case _:
                return self._money_step(entry)

    def _money_step(self, entry: Entry) -> str:
        key = (entry.method, entry.transaction_id)
        amount, fault = entry.amount, _fault(entry)
        if key in self.written:
            label, sent = self.written[key]
            changed = [f"amount: {format_money(amount)}"] if amount is not None and amount != sent else []
            if not changed and not fault:
                return f"resend: {label}"
            return f"resend: {{{', '.join([f'step: {label}', *changed, *fault])}}}"
        fields, label = self._fields(entry)
        self.written[key] = (label, amount)
        return f"{_word(entry.method)}: {{{', '.join([*fields, *fault])}}}"

    def _fields(self, entry: Entry) -> tuple[list[str], str]:
        assert entry.amount is not None
        amount = f"amount: {format_money(entry.amount)}"
        if entry.method == Method.BET:
            label = self.bets[entry.transaction_id]
        else:
            label = self._label(Method(entry.method))
        game = [f"game: {_quoted(entry.game)}"] if entry.game else []
        if entry.method != Method.REFUND:
            return [amount, f"id: {label}", *game], label
        bet = self.bets.get(entry.transaction_id)
        named = f"of: {bet}" if bet else f"transaction_id: unseen-{label}"
        return [named, amount, f"id: {label}"], label

    def _label(self, method: Method) -> str:
        letter = _LETTERS[method]
        self.counts[letter] = self.counts.get(letter, 0) + 1
        return f"{letter}{self.counts[letter]}"


def _fault(entry: Entry) -> list[str]:
    return [f"fault: {entry.fault}"] if entry.fault in _REPEATED else []


def _word(method: str) -> str:
    return {Method.BET: "bet", Method.WIN: "win", Method.REFUND: "refund"}[Method(method)]


def _quoted(text: str) -> str:
    """Text as YAML reads it back, whatever a player is called."""
    if _PLAIN.fullmatch(text):
        return text
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _escaped(letter: str) -> str:
    return letter if " " <= letter <= "~" and letter not in '"\\' else f"\\U{ord(letter):08X}"
