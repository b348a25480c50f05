"""A short soak: 20 players with faults of all kinds; `make soak` plays 200,000 webhooks."""

from __future__ import annotations

from pathlib import Path

from soak import soak

WEBHOOKS = 1200


def test_after_many_rounds_with_faults_of_all_kinds_nothing_is_owed_or_wrong(tmp_path: Path) -> None:
    """And the ledger has what the wallet has, for each player."""
    found = soak(tmp_path, WEBHOOKS)
    assert found.webhooks >= WEBHOOKS
    assert found.problems == []
