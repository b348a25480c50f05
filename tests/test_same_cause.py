"""A mistake has one name: `run`, `serve` and `judge` say the same of the same calls to a wrong wallet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns import sampled
from same_cause import UNSENDABLE, begin, causes_of, fire, found_by, judged, run, wallet
from served import serving
from simulator.reference_operator import DEFECTS, DefectKind

SUITE = Path(__file__).parent.parent / "scenarios"
SEQUENTIAL = [name for name, defect in DEFECTS.items() if defect.kind is DefectKind.SEQUENTIAL]

SHOWN_BY = {
    "negative-bet-credited": "hostile-input/negative-amount.yaml",
    "negative-win-debited": "hostile-input/negative-amount.yaml",
    "amounts-read-loosely": "hostile-input/amount-is-no-amount.yaml[comma]",
    "commas-dropped-from-amounts": "hostile-input/amount-is-no-amount.yaml[comma]",
    "cents-cut-by-float": "money/no-binary-fractions.yaml",
    "nan-destroys-balance": "hostile-input/amount-is-no-amount.yaml[nan]",
    "malformed-json-moves-money": "hostile-input/not-an-object.yaml[broken-win]",
    "bet-charged-then-500": "contract/bet-answer.yaml",
    "win-paid-then-500": "contract/win-answer.yaml",
    "refund-paid-then-500": "contract/refund-answer.yaml",
    "bet-charged-sometimes-500": "rounds/autoplay.yaml",
    "bet-charged-then-refused": "contract/bet-answer.yaml",
    "bet-charged-then-dropped": "contract/bet-answer.yaml",
    "bet-answered-not-charged": "contract/bet-answer.yaml",
    "win-answered-not-paid": "contract/win-answer.yaml",
    "stale-balance-after-bet": "contract/read-your-write.yaml",
    "balance-cached": "idempotency/balance-not-cached.yaml",
    "replica-lag": "contract/read-your-write.yaml",
    "win-loses-its-cents": "idempotency/repeated-win.yaml",
    "win-appended-to-balance": "contract/win-answer.yaml",
    "balance-column-overflow": "money/jackpot.yaml",
    "large-win-capped": "money/big-win-is-paid-whole.yaml",
    "drift": "money/many-cents.yaml",
    "win-credited-net": "contract/win-answer.yaml",
    "balance-in-cents": "contract/balance-format.yaml",
    "insufficient-funds-accepted": "funds/one-cent-too-much.yaml",
    "overdraft-to-zero": "funds/one-cent-too-much.yaml",
    "insufficient-answered-success": "funds/one-cent-too-much.yaml",
    "insufficient-refused-but-charged": "funds/one-cent-too-much.yaml",
    "insufficient-answers-500": "funds/one-cent-too-much.yaml",
    "last-cent-refused": "money/whole-balance.yaml",
    "locked-after-refusal": "funds/payable-bet-after-refusal.yaml",
    "bet-charged-again": "idempotency/repeated-bet.yaml",
    "win-paid-twice": "idempotency/repeated-win.yaml",
    "refund-paid-twice": "idempotency/repeated-refund.yaml",
    "win-with-bet-id-swallowed": "idempotency/win-with-bet-id.yaml",
    "repeat-with-other-amount-applied": "idempotency/one-id-two-amounts.yaml[more]",
    "repeat-with-other-game-applied": "idempotency/one-id-two-games.yaml",
    "repeat-adjusts-amount": "idempotency/one-id-two-amounts.yaml[more]",
    "refused-bet-remembered": "idempotency/repeat-of-refused-bet.yaml",
    "repeat-answers-500": "idempotency/repeated-bet.yaml",
    "answer-of-another-player": "idempotency/no-foreign-balance.yaml",
    "ids-fold-case": "idempotency/similar-ids.yaml[case]",
    "ids-cut-at-24": "idempotency/long-ids.yaml[equal-in-64]",
    "ids-cut-at-64": "idempotency/long-ids.yaml[equal-in-64]",
    "ids-cut-at-128": "idempotency/long-ids.yaml[equal-in-240]",
    "ids-as-numbers": "idempotency/similar-ids.yaml[leading-zero]",
    "ids-trimmed": "idempotency/similar-ids.yaml[trailing-blank]",
    "unknown-player-created": "unknown/win.yaml",
    "sql-injection": "hostile-input/attack-strings.yaml[sql-or]",
    "missing-id-charged": "hostile-input/missing-field.yaml[transaction_id]",
    "blocked-player-may-bet": "unknown/blocked-player-bets.yaml",
    "blocked-player-win-refused": "unknown/blocked-player-is-paid.yaml",
    "blocked-player-refund-refused": "refunds/refund-to-blocked-player.yaml",
    "refund-swallowed-as-duplicate": "refunds/refund.yaml",
    "unknown-refund-credited": "refunds/refund-of-nothing.yaml",
    "refund-credits-sent-amount": "refunds/refund-over-stake.yaml",
    "refund-of-refused-bet-credited": "refunds/refund-of-refused-bet.yaml",
    "refund-debits": "refunds/refund.yaml",
    "refund-pays-whoever-asks": "refunds/refund-of-foreign-bet.yaml",
    "refund-by-stranger-pays-owner": "refunds/refund-of-foreign-bet.yaml",
    "refund-without-tombstone": "ordering/refund-overtakes-bet.yaml",
    "refund-of-win-credited": "refunds/refund-of-win.yaml",
    "refund-deletes-bet": "idempotency/refunded-bet-again.yaml",
    "partial-refunds-add-up": "refunds/partial-refund.yaml",
    "only-last-bet-refundable": "idempotency/refund-with-bet-id.yaml",
    "second-win-swallowed": "ordering/second-win.yaml",
    "lobby-switch-loses-win": "rounds/lobby-switch.yaml",
    "late-win-refused": "ordering/late-win.yaml",
    "zero-win-closes-round": "ordering/many-wins-on-one-bet.yaml",
    "win-paid-to-last-bettor": "money/two-players-same-amounts.yaml",
    "balance-of-last-bettor": "money/two-players-same-amounts.yaml",
    "one-refund-a-game": "idempotency/refund-with-bet-id.yaml",
    "user-id-read-as-number": "unknown/user-id-resembles-a-known-one.yaml[letters]",
    "user-id-invisible-ignored": "unknown/user-id-resembles-a-known-one.yaml[invisible]",
    "repeat-changes-stake": "idempotency/refund-after-other-amount.yaml[less]",
    "ids-forgotten-soon": "idempotency/repeat-after-a-while.yaml",
    "user-id-wide-characters": "unknown/user-id-resembles-a-known-one.yaml[wide]",
    "ids-ignore-accents": "idempotency/similar-ids.yaml[accent]",
    "unknown-method-refunds": "contract/unknown-method.yaml[id-of-a-bet]",
    "refund-restores-balance": "refunds/refund-of-an-earlier-bet.yaml",
    "refund-takes-win-back": "refunds/refund-after-win.yaml",
    "refund-pays-last-stake": "refunds/refund-of-an-earlier-bet.yaml",
    "win-after-refund-charges-stake": "ordering/win-after-refund.yaml",
}
"""Defect → the scenario of the bundled suite that is made to show it."""

NO_WEBHOOK = frozenset(
    {
        *("negative-bet-credited", "negative-win-debited", "amounts-read-loosely"),
        *("commas-dropped-from-amounts", "malformed-json-moves-money", "missing-id-charged"),
        *("nan-destroys-balance", "unknown-method-refunds"),
    }
)
"""Shown by bytes that are no webhook, so that they cannot be sent by hand."""

FOUND_BEFORE_A_STEP = {
    **dict.fromkeys(
        ("bet-charged-then-500", "win-paid-then-500", "bet-charged-then-refused", "bet-charged-then-dropped"),
        "preflight",
    ),
    "balance-in-cents": "preparation",
    "balance-of-last-bettor": "preparation",
}
"""Defect → the phase in which any run meets it: nothing is played with such a wallet afterwards."""


@pytest.fixture(scope="module")
def simulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve one simulator for all defects; its agent is pointed at each wrong wallet in turn."""
    with serving(tmp_path_factory.mktemp("serve")) as served:
        yield served.url


def test_every_sequential_defect_has_the_scenario_that_shows_it() -> None:
    assert sorted(SHOWN_BY) == sorted(SEQUENTIAL)


@pytest.mark.parametrize("defect", sampled(SHOWN_BY))
def test_run_serve_and_judge_name_the_same_first_cause(
    defect: str, simulator_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    causes = causes_of(defect, f"{SUITE}/{SHOWN_BY[defect]}", simulator_url, tmp_path)
    assert (causes.served == UNSENDABLE) == (defect in NO_WEBHOOK)
    assert len(causes.named) == 1, causes
    assert causes.named != {"none"}, causes
    assert causes.phase == FOUND_BEFORE_A_STEP.get(defect, "step")


def test_what_an_agent_has_met_before_a_reset_does_not_change_a_name(simulator_url: str) -> None:
    """After five waits for nothing a wrong balance is believed at once: a reset makes the server wait."""
    control = f"{simulator_url}/_sim"
    player = {"user_id": "p1"}
    bet = {"method": "transaction_bet", **player, "amount": "1.00", "game_id": "g"}
    for defect, bets in (("bet-answered-not-charged", 6), ("replica-lag", 1)):
        with wallet(defect) as wrong:
            begin(wrong, control, "p1", "100.00")
            for number in range(bets):
                fire(control, {**bet, "transaction_id": f"b{number}"})
                fire(control, {"method": "user_balance", **player})
            causes = [each["cause"] for each in found_by(control)]
    assert causes == ["stale-read"]


def test_the_record_of_a_right_wallet_accuses_it_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the whole suite: unknown and blocked players, and bets beyond a limit, are rightly refused."""
    monkeypatch.chdir(tmp_path)
    with wallet() as right:
        report, record = run(right, str(SUITE), tmp_path)
    assert [each for scenario in report["scenarios"] for each in scenario["findings"]] == []
    players = judged(record, tmp_path)["players"]
    assert len(players) > 100
    assert {name: each["cause"] for name, each in players.items() if each["verdict"] != "consistent"} == {}
