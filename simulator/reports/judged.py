"""What `betrontech-sim judge` shows: verdicts on recorded histories, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable

from simulator.core.histories import Judged
from simulator.core.rules import rule_of
from simulator.reports.screen_text import plural, visible

_WORDS = ("consistent", "consistent only if answers come from a later read", "inconclusive", "inconsistent")
_MARKS = ("", "warning", "inconclusive", "error")


def judged_text(judged: Judged) -> str:
    """A player whose history is not consistent: rule, verdict, explanation, and the calls over time."""
    verdict = judged.verdict
    mark = _MARKS[judged.rank]
    if verdict.situation is not None:
        mark += f"[{rule_of(verdict.situation)}]"
    head = f"{mark} {visible(judged.player)}: {verdict.verdict.value}, money {verdict.money.value}"
    lines = [f"{head} ({judged.place}, {plural(judged.calls, 'call')})", f"  {visible(verdict.explanation)}"]
    return "\n".join([*lines, *(f"    {visible(lane)}" for lane in verdict.lanes)])


def summary_text(players: int, calls: int, ranks: Iterable[int], shared: int = 0) -> str:
    """The last lines: how many histories there were, what became of them, and what weakens the verdicts."""
    found = list(ranks)
    counts = [f"{found.count(rank):,} {_WORDS[rank]}" for rank in (0, 1, 2, 3) if rank in found]
    summary = f"{plural(players, 'player')}, {plural(calls, 'call')}: {', '.join(counts)}"
    if not shared:
        return summary
    were = f"{plural(shared, 'call')} {'was' if shared == 1 else 'were'}"
    return (
        f"note: {were} taken as ignored: another player had used the id, and a wallet's ids may count once "
        f"for all players\n{summary}"
    )


def judged_json(judged: Iterable[Judged]) -> str:
    """``{"players": {"p1": {"verdict", "money", "tier", "situation", "explanation", "lanes", …}}}``.

    Of a player with several segments, the worst one counts.
    """
    worst: dict[str, Judged] = {}
    for each in judged:
        if each.player not in worst or each.rank > worst[each.player].rank:
            worst[each.player] = each
    players = {player: _object(each) for player, each in worst.items()}
    return json.dumps({"players": players}, indent=1) + "\n"


def _object(judged: Judged) -> dict[str, object]:
    verdict = judged.verdict
    return {
        "verdict": verdict.verdict.value,
        "money": verdict.money.value,
        "tier": verdict.tier,
        "situation": verdict.situation.value if verdict.situation else None,
        "rule": rule_of(verdict.situation) if verdict.situation else None,
        "explanation": verdict.explanation,
        "lanes": list(verdict.lanes),
        "place": judged.place,
        "calls": judged.calls,
        "shared_ids": judged.shared,
    }
