"""A wallet that differs from the reference as a profile says passes with that profile, and not without."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import ExitCode
from small_wallet import Answer, Fields, Refusal, SmallWallet, serving
from suite_runs import run_against

SUITE = Path(__file__).parent.parent / "scenarios"

PATHS = [str(SUITE / group) for group in ("contract", "idempotency", "refunds", "hostile-input", "rounds")]


class OneMethod(SmallWallet):
    """`transaction` with a type is a bet or a win."""

    def call(self, fields: Fields) -> Fields:
        if fields.get("method") in ("transaction_bet", "transaction_win"):
            raise Refusal("INVALID_METHOD")
        if fields.get("method") == "transaction" and fields.get("type") in ("bet", "win"):
            fields = {**fields, "method": f"transaction_{fields['type']}"}
        return super().call(fields)


class WinIsCalledWin(SmallWallet):
    """The amount of a win is in `win`, and only there."""

    def call(self, fields: Fields) -> Fields:
        if fields.get("method") == "transaction_win":
            fields = {name: value for name, value in fields.items() if name != "amount"}
            fields = {"amount" if name == "win" else name: value for name, value in fields.items()}
        return super().call(fields)


class NoStatus(SmallWallet):
    """Answers carry no status: HTTP 400 refuses."""

    def reply(self, value: Fields, status: int = 200) -> Answer:
        bare = {name: each for name, each in value.items() if name != "status"}
        return super().reply(bare, 400 if "error" in bare and status == 200 else status)


class RefundsWithoutBalance(SmallWallet):
    """A refund that is accepted is answered with the status alone."""

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:
        super().refund(player, amount, transaction_id)
        return {"status": 1}


PROFILES: dict[str, tuple[type[SmallWallet], str]] = {
    "one method": (
        OneMethod,
        "methods: {transaction_bet: transaction, transaction_win: transaction}\n"
        "extra_in: {transaction_bet: {type: bet}, transaction_win: {type: win}}\n",
    ),
    "a name in one method": (WinIsCalledWin, "rename_in: {transaction_win: {amount: win}}\n"),
    "no status": (NoStatus, "reply: {status: absent}\n"),
    "no balance on a refund": (RefundsWithoutBalance, "reply: {without_balance: [refund]}\n"),
}


@pytest.mark.parametrize(("wallet", "text"), PROFILES.values(), ids=PROFILES)
def test_a_wallet_passes_with_its_profile_and_not_without(
    tmp_path: Path, wallet: type[SmallWallet], text: str
) -> None:
    """Every scenario of five groups, malformed calls included, is judged in the profile's words."""
    profile = tmp_path / "own.yaml"
    profile.write_text(f"name: own\n{text}")
    with serving(wallet()) as endpoint:
        run = run_against(endpoint, PATHS, wire=str(profile))
        assert (run.exit_code, run.errors) == (ExitCode.PASSED, [])
    with serving(wallet()) as endpoint:
        assert run_against(endpoint, PATHS).exit_code is not ExitCode.PASSED
