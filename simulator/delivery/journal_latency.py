"""How long exchanges took, counted by bounds and outcome: the query and its rows as data. No database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from simulator.core.findings import Outcome
from simulator.core.frozen import Frozen
from simulator.delivery.journal_entry import Filter
from simulator.delivery.journal_rows import condition_of
from simulator.delivery.journal_store import Value

BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class LatencyCount(Frozen):
    """How many answered exchanges of one outcome took less than `below_ms`, not less than the bound before.

    None stands for everything slower than the last of BOUNDS_MS.
    """

    below_ms: int | None
    outcome: Outcome
    count: int


def latency_query(wanted: Filter) -> tuple[str, list[Value]]:
    """The query that counts the filtered exchanges, and its values."""
    conditions, values = condition_of(wanted)
    where = " AND ".join(["duration_ns IS NOT NULL", *conditions])
    cases = " ".join(
        f"WHEN duration_ns < {bound} * 1000000 THEN {place}" for place, bound in enumerate(BOUNDS_MS)
    )
    place = f"CASE {cases} ELSE {len(BOUNDS_MS)} END"
    query = f"SELECT {place} AS place, outcome, count(*) FROM exchanges WHERE {where} GROUP BY place, outcome"
    return f"{query} ORDER BY place, outcome", values


def latency_counts(rows: Iterable[Sequence[Any]]) -> list[LatencyCount]:
    """The rows of that query."""
    bounds = (*BOUNDS_MS, None)
    return [LatencyCount(bounds[place], Outcome(outcome), count) for place, outcome, count in rows]
