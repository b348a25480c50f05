"""A wallet that takes only some forms of transaction ids is judged with ids of that form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from command_line import simulate
from control_client import controlled
from simulator.core.findings import Verdict
from simulator.core.webhooks import IdFormat, IdKind
from simulator.errors import ExitCode
from small_wallet import Fields, Refusal, SmallWallet, serving
from suite_runs import played, run_against

DIGITS = IdFormat(IdKind.DIGITS)

UUIDS = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

SIMILAR = str(Path(__file__).parent.parent / "scenarios" / "idempotency" / "similar-ids.yaml")

OWN_IDS = """\
steps:
- bet: {amount: 5.00, id: b1}
- resend: b1
- refund: b1
- bet: {amount: 1.00, raw: {transaction_id: "${run}-mine"}}
- win: {amount: 1.00, raw: {transaction_id: "${run}-mine"}}
- refund: {transaction_id: never-seen, amount: 1.00}
- round: {bet: 2.00, win: 2.00}
- send:
    json: {method: transaction_bet, user_id: "${player}", amount: "1.00", transaction_id: "${run}-x",
           game_id: SLOT_001}
- send:
    json: {method: transaction_bet, user_id: "${player}", amount: "1.00", transaction_id: "${id}",
           game_id: SLOT_001}
"""


class Picky(SmallWallet):
    """Transaction ids must match a pattern."""

    def __init__(self, pattern: str) -> None:
        super().__init__()
        self._pattern = pattern

    def transaction_of(self, fields: Fields) -> str:
        transaction_id = super().transaction_of(fields)
        if re.fullmatch(self._pattern, transaction_id) is None:
            raise Refusal("INVALID_TRANSACTION")
        return transaction_id


@pytest.mark.parametrize(
    ("pattern", "form"),
    [
        pytest.param(r"[1-9][0-9]{17}", DIGITS, id="digits"),
        pytest.param(r"[1-9][0-9]{11}", IdFormat(IdKind.DIGITS, 12), id="twelve-digits"),
        pytest.param(UUIDS, IdFormat(IdKind.UUID), id="uuid"),
        pytest.param(r".{1,12}", IdFormat(IdKind.TEXT, 12), id="short-text"),
    ],
)
def test_every_id_is_written_in_the_form_that_the_wallet_takes(
    tmp_path: Path, pattern: str, form: IdFormat
) -> None:
    """Preflight, adjusting calls, steps, rounds and bodies of one's own: none is refused for its id."""
    wallet = Picky(pattern)
    run = played(wallet, tmp_path, "player: {balance: 90.00}\n" + OWN_IDS, transaction_id_format=form)
    assert run.exit_code is ExitCode.PASSED
    assert not run.findings
    assert wallet.balances["1000"] == 100_00
    assert all(re.fullmatch(pattern, transaction_id) for _, _, transaction_id in wallet.applied)


def test_an_id_whose_form_is_tested_is_sent_as_it_is_or_the_scenario_is_skipped() -> None:
    """A leading zero is a matter for digits; upper case and a blank at the end are not."""
    with serving(Picky(r"[0-9]{1,18}")) as endpoint:
        run = run_against(endpoint, [SIMILAR], transaction_id_format=DIGITS)
    (passed,) = run.with_verdict(Verdict.PASSED)
    assert passed.endswith("[leading-zero]")
    reasons = {run.finished[each].reason for each in run.with_verdict(Verdict.SKIPPED)}
    assert reasons == {
        'needs the id "${run}-ABC": --transaction-id-format is digits',
        'needs the id "${run}-end ": --transaction-id-format is digits',
        'needs the id "${run}-café": --transaction-id-format is digits',
    }


def test_a_wallet_that_takes_numbers_for_ids_is_still_found() -> None:
    """The leading zero keeps its point: 0123 is another id than 123."""

    class Cast(Picky):
        def transaction_of(self, fields: Fields) -> str:
            return str(int(super().transaction_of(fields)))

    with serving(Cast(r"[0-9]{1,18}")) as endpoint:
        run = run_against(endpoint, [SIMILAR], transaction_id_format=DIGITS)
    assert "IDE-15" in run.rules


def test_the_same_text_is_the_same_id_and_another_text_another() -> None:
    """Repeats stay repeats in every form."""
    for form in (DIGITS, IdFormat(IdKind.UUID), IdFormat(IdKind.TEXT, 12)):
        ids = [form.written(f"0a1b2c-bet-{number}-and-more") for number in range(1000)]
        assert len(set(ids)) == 1000
        assert all(form.admits(each) for each in ids)
        assert form.written(ids[0]) == ids[0] == form.written("0a1b2c-bet-0-and-more")


def test_a_game_sends_ids_of_the_form_too() -> None:
    """Its bets and wins, and what is sent by hand without an id; one that was given stays."""
    with controlled(transaction_id_format=IdFormat(IdKind.UUID)) as control:
        control.spin(control.seat())
        control.bet()
        control.bet(transaction_id="my-own")
        rows = control.get("/journal")["exchanges"]
    ids = {row["transaction_id"] for row in rows if row["transaction_id"]} - {"my-own"}
    assert len(ids) >= 2
    assert all(re.fullmatch(UUIDS, each) for each in ids)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "digit", 'expected text, digits or uuid; found "digit"; did you mean "digits"?', id="word"
        ),
        pytest.param(
            "digits:4", 'expected a length from 12 to 64 after the colon; found "digits:4"', id="too-short"
        ),
        pytest.param(
            "uuid:36", 'a uuid has its own length; expected uuid; found "uuid:36"', id="uuid-length"
        ),
    ],
)
def test_a_form_that_cannot_be_used_is_told_with_what_can(text: str, told: str, tmp_path: Path) -> None:
    """The value, the expectation and the place."""
    done = simulate("run", "--transaction-id-format", text, folder=tmp_path)
    assert done.returncode == 4
    assert f"--transaction-id-format: {told}" in done.stderr
