"""The checker says of every history what an exhaustive search over all orders says."""

from __future__ import annotations

from collections import Counter

import pytest

from crosscheck import IN_TURN, UNANSWERED, compare, disagreements

HISTORIES = 2_500

OPEN = "calls without an answer, a loss "


@pytest.mark.parametrize("part", range(4))
def test_the_checker_agrees_with_every_order(part: int) -> None:
    """Verdict, money and tier are those of the literal specification; right wallets are never accused."""
    counts: Counter[str] = Counter()
    seeds = range(part * HISTORIES, (part + 1) * HISTORIES)
    assert [compared.seed for compared in disagreements(seeds, counts)] == []
    for tier in ("tier 1", "tier 2", "tier 3"):
        assert any(kind.startswith(tier) for kind in counts), counts


def test_calls_that_are_followed_one_by_one_are_right() -> None:
    """What `judge` takes without a search is consistent in the literal specification, too."""
    counts: Counter[str] = Counter()
    seeds = range(IN_TURN, IN_TURN + HISTORIES // 2)
    assert [compared.seed for compared in disagreements(seeds, counts)] == []
    assert counts["followed call by call"] > HISTORIES // 20


def test_a_loss_that_unanswered_calls_may_hide_is_doubted() -> None:
    """Money is only right if no order explains every answer with any one effect lost."""
    counts: Counter[str] = Counter()
    seeds = range(UNANSWERED, UNANSWERED + HISTORIES // 2)
    assert [compared.seed for compared in disagreements(seeds, counts)] == []
    assert min(counts[OPEN + "fits: doubted"], counts[OPEN + "excluded: sure"]) > HISTORIES // 40


def test_a_first_answer_without_a_balance_is_not_put_anywhere() -> None:
    """A repeated refund showed the balance at which the first, silent one had come; found at 97,845."""
    assert compare(97_845).agrees
