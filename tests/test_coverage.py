"""The proof of coverage: for each check a wallet on which the scenario that covers it reports that very rule.

A check that a scenario only names would be a claim. Each row here is a wallet with the mistake that the check
is for, and the one scenario file that must find it under the check's own id.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

import broken_calls
import broken_money
import broken_timing
from campaigns import sampled
from simulator.cli.mutants_cmd import embedded_operator, settings_for
from simulator.core.money import Money
from simulator.law.rules import coverage
from simulator.scenario.files import load_scenarios
from simulator.settings import RunSettings
from small_wallet import PLAYERS, SmallWallet, serving
from suite_runs import run_with

Wallet = str | type[SmallWallet]
"""A defect of the reference operator by name, `dialect:NAME`, or a small wallet with a mistake."""

PROOFS: dict[str, tuple[str, Wallet]] = {
    "CON-01": ("contract/account-details", "details-of-another-player"),
    "CON-02": ("contract/balance-read", "no-status"),
    "CON-03": ("contract/bet-answer", "bet-answered-not-charged"),
    "CON-04": ("contract/win-answer", "win-answered-not-paid"),
    "CON-05": ("contract/refund-answer", "refund-debits"),
    "CON-06": ("contract/balance-format", broken_calls.ShortBalances),
    "CON-07": ("contract/status-format", "status-as-word"),
    "CON-08": ("contract/json-only", "refund-reply-empty"),
    "CON-09": ("contract/no-wrapper", broken_calls.WrapsRefunds),
    "CON-10": ("contract/no-redirect", broken_calls.RedirectsRefunds),
    "CON-11": ("contract/read-your-write", "replica-lag"),
    "CON-12": ("contract/unknown-fields", broken_calls.RefusesNewFields),
    "CON-13": ("contract/key-order-and-space", broken_calls.ReadsMethodFirst),
    "CON-14": ("contract/unknown-method", broken_calls.TakesAnyMethodForWin),
    "CON-15": ("contract/refusal-reason", broken_calls.RefusesWithoutReason),
    "CON-17": ("contract/chunked-body", broken_timing.KnowsNoChunks),
    "MON-01": ("money/one-cent", broken_money.LosesFractions),
    "MON-02": ("money/tenths", broken_money.CountsInFloats),
    "MON-03": ("money/many-cents", "drift"),
    "MON-04": ("money/no-binary-fractions", "float-balance"),
    "MON-05": ("money/seven-digits", "thousands-separators"),
    "MON-06": ("money/ways-to-write-ten", broken_money.ReadsDigitsOnly),
    "MON-07": ("money/amount-as-number", broken_money.CutsNumbers),
    "MON-08": ("money/third-decimal", broken_money.RoundsUpToUnits),
    "MON-09": ("money/zero-win", broken_money.ChargesMinimum),
    "MON-10": ("money/zero-bet", broken_money.ChargesMinimum),
    "MON-11": ("money/zero-refund", "refund-debits"),
    "MON-12": ("money/whole-balance", "last-cent-refused"),
    "MON-13": ("money/jackpot", "balance-column-overflow"),
    "MON-14": ("money/never-negative", "insufficient-funds-accepted"),
    "MON-15": ("money/books-close", "win-loses-its-cents"),
    "IDE-01": ("idempotency/repeated-bet", "bet-charged-again"),
    "IDE-02": ("idempotency/repeated-win", "win-paid-twice"),
    "IDE-03": ("idempotency/repeated-refund", "refund-paid-twice"),
    "IDE-04": ("idempotency/repeat-after-many", "ids-bounded"),
    "IDE-05": ("durability/restart", "bet-ids-lost-at-restart"),
    "IDE-06": ("idempotency/win-with-bet-id", "win-with-bet-id-swallowed"),
    "IDE-07": ("idempotency/refund-with-bet-id", "refund-swallowed-as-duplicate"),
    "IDE-08": ("idempotency/two-players-one-id", broken_money.ChargesOwnerOfId),
    "IDE-09": ("idempotency/one-id-two-amounts", "repeat-with-other-amount-applied"),
    "IDE-10": ("idempotency/one-id-two-games", "repeat-with-other-game-applied"),
    "IDE-11": ("idempotency/no-foreign-balance", "answer-of-another-player"),
    "IDE-12": ("idempotency/refunded-bet-again", "refund-deletes-bet"),
    "IDE-13": ("idempotency/repeat-of-refused-bet", "refused-bet-remembered"),
    "IDE-14": ("timeouts/lost-bet-sent-again", "bet-charged-again"),
    "IDE-15": ("idempotency/similar-ids", "ids-fold-case"),
    "IDE-16": ("idempotency/long-ids", "ids-cut-at-64"),
    "IDE-17": ("idempotency/balance-not-cached", "balance-cached"),
    "ORD-01": ("ordering/win-without-bet", broken_money.ForgetsWinsWithoutBet),
    "ORD-02": ("ordering/refund-overtakes-bet", "refund-without-tombstone"),
    "ORD-03": ("ordering/refunds-overtake-round", "refund-without-tombstone"),
    "ORD-04": ("ordering/many-wins-on-one-bet", "zero-win-closes-round"),
    "ORD-05": ("ordering/rounds-interleave", "second-win-swallowed"),
    "ORD-06": ("ordering/late-win", "late-win-refused"),
    "ORD-07": ("ordering/win-after-refund", broken_money.ForgetsWinsWithoutBet),
    "ORD-08": ("rounds/lobby-switch", "lobby-switch-loses-win"),
    "ORD-09": ("ordering/second-win", "second-win-swallowed"),
    "REF-01": ("rounds/live-chip-cancelled", "only-last-bet-refundable"),
    "REF-02": ("refunds/refund-of-nothing", "unknown-refund-credited"),
    "REF-03": ("refunds/refund-repeated", "refund-paid-twice"),
    "REF-04": ("refunds/refund-of-refused-bet", "refund-of-refused-bet-credited"),
    "REF-05": ("refunds/refund-over-stake", "refund-credits-sent-amount"),
    "REF-06": ("refunds/partial-refund", "partial-refunds-add-up"),
    "REF-07": ("refunds/refund-without-amount", broken_money.RefundsNothingWithoutAmount),
    "REF-08": ("refunds/refund-of-foreign-bet", "refund-pays-whoever-asks"),
    "REF-09": ("refunds/refund-of-win", "refund-of-win-credited"),
    "REF-10": ("refunds/refund-after-win", broken_money.RefundsWinToo),
    "REF-11": ("refunds/refund-of-refund", broken_money.TogglesRefunds),
    "REF-12": ("refunds/refund-to-blocked-player", "blocked-player-refund-refused"),
    "REF-14": ("refunds/refund-is-answered", "refund-paid-then-500"),
    "INS-01": ("funds/one-cent-too-much", "insufficient-funds-accepted"),
    "INS-02": ("funds/payable-bet-after-refusal", "locked-after-refusal"),
    "INS-03": ("funds/refusal-shows-balance", "dialect:refusal-without-balance"),
    "INS-04": ("funds/win-at-zero", broken_money.RefusesWinsWhenBroke),
    "INS-05": ("funds/refused-bet-leaves-nothing", "refund-of-refused-bet-credited"),
    "INS-06": ("funds/enormous-bet", broken_money.FailsOnEnormousBets),
    "UNK-01": ("unknown/balance", "unknown-player-created"),
    "UNK-02": ("unknown/bet", broken_calls.TakesAnybody),
    "UNK-03": ("unknown/win", "unknown-player-created"),
    "UNK-04": ("unknown/refund", "unknown-player-created"),
    "UNK-05": ("unknown/no-user-id", broken_calls.TakesNobodyForFirst),
    "UNK-06": ("unknown/game-of-bet", broken_calls.FailsOnUnknownGames),
    "UNK-07": ("unknown/game-of-win", broken_calls.ForgetsWinsOfUnknownGames),
    "UNK-08": ("unknown/blocked-player-bets", "blocked-player-may-bet"),
    "UNK-09": ("unknown/blocked-player-is-paid", "blocked-player-win-refused"),
    "UNK-10": ("unknown/user-id-resembles-a-known-one", "user-id-read-as-number"),
    "CCY-01": ("concurrency/ten-bets", "lost-update-on-bets"),
    "CCY-02": ("concurrency/one-bet-twenty-times", "repeated-bet-race"),
    "CCY-03": ("concurrency/one-win-twenty-times", "repeated-win-race"),
    "CCY-04": ("concurrency/two-bets-one-balance", "overdraft-race"),
    "CCY-05": ("concurrency/bet-and-its-refund", "bet-refund-race"),
    "CCY-06": ("concurrency/five-players", "lost-update-on-wins"),
    "CCY-07": ("concurrency/every-answer-has-its-moment", "dialect:commit-then-read"),
    "CCY-08": ("concurrency/ten-players-same-ids", "current-player-race"),
    "CCY-09": ("concurrency/no-deadlock", "busy-answers-500"),
    "TMO-01": ("timeouts/lost-bet", "refund-swallowed-as-duplicate"),
    "TMO-02": ("timeouts/lost-win", "win-paid-twice"),
    "TMO-03": ("timeouts/lost-refund", "refund-paid-twice"),
    "TMO-04": ("timeouts/broken-body", "unknown-refund-credited"),
    "TMO-05": ("timeouts/slow-bet-and-its-refund", broken_timing.ChargesLate),
    "SEC-07": ("hostile-input/get-request", broken_calls.TakesGet),
    "SEC-09": ("hostile-input/details-tell-no-secrets", broken_calls.TellsHash),
    "SEC-10": ("hostile-input/errors-tell-nothing", broken_calls.TellsTrace),
    "SEC-11": ("hostile-input/attack-strings", broken_calls.PastesIdsIntoSql),
    "BAD-01": ("hostile-input/negative-amount", "negative-bet-credited"),
    "BAD-02": ("hostile-input/amount-is-no-amount", "amounts-read-loosely"),
    "BAD-03": ("hostile-input/missing-field", "missing-id-charged"),
    "BAD-04": ("hostile-input/not-an-object", "malformed-json-moves-money"),
    "BAD-05": ("hostile-input/key-twice", broken_calls.AddsTwinKeys),
    "BAD-06": ("hostile-input/numeric-user-id", broken_calls.FailsOnNumericPlayers),
    "BAD-07": ("hostile-input/unicode-ids", broken_calls.FailsOnUnicode),
    "BAD-08": ("hostile-input/content-type", broken_calls.FailsOnOtherTypes),
    "SES-01": ("rounds/spin-won", "bet-answered-not-charged"),
    "SES-02": ("rounds/closed-game", "win-answered-not-paid"),
    "SES-04": ("rounds/phone-and-desktop", "lobby-switch-loses-win"),
    "SES-05": ("rounds/polled-balance", broken_calls.ChargesForReads),
    "SES-07": ("rounds/interrupted-and-paid", "lobby-switch-loses-win"),
    "LIM-01": ("limits/bet-over-limit", SmallWallet),
    "LIM-02": ("limits/paid-at-limit", broken_timing.LimitsWins),
    "LIM-03": ("money/big-win-is-paid-whole", "large-win-capped"),
    "CUR-01": ("money/two-players-same-amounts", broken_money.HalvesSecondPlayer),
    "PER-01": ("latency/answers-in-time", broken_timing.SleepsOnce),
    "PER-04": ("concurrency/burst", "busy-answers-500"),
    "PER-05": ("concurrency/busy-player", "lost-update-on-bets"),
}


MAX_BETS = {"LIM-01": Money(50_00), "LIM-02": Money(50_00)}
"""The limit that the run is told of, by check."""


@contextmanager
def _target(wallet: Wallet) -> Iterator[RunSettings]:
    """The wallet on a socket, and how to reach it: with all hooks where it has them."""
    if isinstance(wallet, str):
        dialect = wallet.removeprefix("dialect:")
        names = (dialect,)
        switched = (
            embedded_operator(dialects=names) if dialect != wallet else embedded_operator(defects=names)
        )
        with switched as operator:
            yield settings_for(operator)
    else:
        with serving(wallet()) as endpoint:
            yield RunSettings(endpoint=endpoint, players=PLAYERS)


@pytest.mark.parametrize("rule", sampled(PROOFS, every=4))
def test_the_scenario_reports_the_check_on_a_wallet_that_breaks_it(rule: str) -> None:
    """Covered means shown: this file, on this wallet, names this rule."""
    file, wallet = PROOFS[rule]
    with _target(wallet) as settings:
        paths = (f"scenarios/{file}.yaml",)
        max_bet = MAX_BETS.get(rule, settings.max_bet)
        run = run_with(replace(settings, paths=paths, timeout_s=2.0, max_bet=max_bet))
    told = {finding.rule for id, found in run.findings.items() if id is not None for finding in found}
    assert rule in told, f"{run.findings} {run.end}"


def test_every_check_that_is_called_covered_is_proven_here_with_a_file_that_covers_it() -> None:
    """`list --coverage` counts what `covers:` names; nothing is named there that is not shown above."""
    covered = {row.rule.id: row.files for row in coverage(load_scenarios(())) if row.files}
    assert set(PROOFS) == set(covered)
    for rule, (file, _) in PROOFS.items():
        assert f"scenarios/{file}.yaml" in covered[rule]
