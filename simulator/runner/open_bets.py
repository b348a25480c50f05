"""Bets that scenarios leave without a win or a refund: nobody's mistake by themselves, and worth a note."""

from __future__ import annotations

NAMED_MAX = 3


class OpenBets:
    """How many each scenario of a run has left."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def note(self, scenario_id: str, count: int) -> None:
        """Take in a scenario that has ended."""
        if count:
            self._counts[scenario_id] = count

    def in_words(self) -> list[str]:
        """The note: how many, and in which scenarios most; none where there are none."""
        if not self._counts:
            return []
        total = sum(self._counts.values())
        bets = "1 bet has" if total == 1 else f"{total:,} bets have"
        most = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        where = ", ".join(f"{scenario_id} ({count:,})" for scenario_id, count in most[:NAMED_MAX])
        more = f" and {len(most) - NAMED_MAX:,} more" if len(most) > NAMED_MAX else ""
        return [f"SES-06: {bets} neither a win nor a refund afterwards: {where}{more}"]
