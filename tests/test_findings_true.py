"""What a finding says is what the wallet did: wrong wallets whose mistake is easily taken for another one."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.cli.mutants_cmd import embedded_operator, settings_for
from simulator.core.findings import Phase, Verdict
from simulator.errors import ExitCode
from small_wallet import Answer, Fields, Refusal, SmallWallet, serving
from suite_runs import ONE, causes, played, run_against, run_with

# --- before the suite ------------------------------------------------------------------------------


class RefusesAfterWin(SmallWallet):
    """Credits wins and answers that it has not."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        super().win(player, amount, transaction_id, game)
        raise Refusal("ERROR")


def test_a_win_that_is_refused_and_paid_is_a_finding_of_the_preflight(tmp_path: Path) -> None:
    """Not "does the player exist?": money was paid that nobody knows of."""
    run = played(RefusesAfterWin(), tmp_path, "steps: [bet: 1.00]\n")
    assert causes(run) == {"win-refused-but-credited"}
    assert run.exit_code is ExitCode.FOUND
    assert run.end is not None
    assert "the balance went from 99.99 to 100.00 (+0.01)" in run.end.root_cause


class RefusesAfterBet(SmallWallet):
    """Charges bets and answers that it has not."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        super().bet(player, amount, transaction_id, game)
        raise Refusal("ERROR")


def test_a_second_bet_of_the_preflight_is_not_charged_with_the_first(tmp_path: Path) -> None:
    """The first one, of a cent, was refused as well: what it took is its own."""
    run = played(RefusesAfterBet(), tmp_path, "steps: [bet: 1.00]\n")
    assert causes(run) == {"bet-refused-but-taken"}
    assert run.end is not None
    assert "the balance went from 99.99 to 98.99 (-1.00)" in run.end.root_cause


class FailsAfterBet(SmallWallet):
    """Charges bets and answers with HTTP 500."""

    def answer_fields(self, fields: Fields) -> Answer:
        answer = super().answer_fields(fields)
        return Answer(500, b"oops") if fields.get("method") == "transaction_bet" else answer


def test_a_bet_that_is_charged_before_http_500_is_told_so(tmp_path: Path) -> None:
    """The root cause names the status and the money."""
    run = played(FailsAfterBet(), tmp_path, "steps: [bet: 1.00]\n")
    assert run.end is not None
    assert "HTTP 500" in run.end.root_cause
    assert "the balance went from 100.00 to 99.99 (-0.01)" in run.end.root_cause


class ShowsTheRequest(SmallWallet):
    """Answers bets with a page that repeats the headers of the call."""

    def answer_fields(self, fields: Fields) -> Answer:
        if fields.get("method") == "transaction_bet":
            return Answer(500, b"<pre>\nAuthorization: Bearer s3cr3t\n</pre>")
        return super().answer_fields(fields)


def test_a_root_cause_shows_the_answer_on_one_line_without_secrets(tmp_path: Path) -> None:
    headers = (("Authorization", "Bearer s3cr3t"),)
    run = played(ShowsTheRequest(), tmp_path, "steps: [bet: 1.00]\n", headers=headers)
    assert run.end is not None
    assert "was answered HTTP 500 <pre> Authorization: Bearer *** </pre>\n" in run.end.root_cause
    assert "s3cr3t" not in run.end.root_cause


# --- a repeat of a refused bet ----------------------------------------------------------------------


class RemembersRefusedBets(SmallWallet):
    """Takes a bet that it has refused for an accepted one when it comes again."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[tuple[str, str]] = set()

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if (player, transaction_id) in self.refused:
            return self.accepted(player)
        self.refused |= {(player, transaction_id)} if amount > self.balances[player] else set()
        return super().bet(player, amount, transaction_id, game)


def test_a_refused_bet_that_is_accepted_when_it_comes_again_is_no_overdraft(tmp_path: Path) -> None:
    """Nothing is charged: the wallet mistakes the bet for one that it had taken."""
    again = "steps:\n  - bet: {amount: all+1.00, id: b1, expect: refused}\n  - resend: b1\n"
    assert causes(played(RemembersRefusedBets(), tmp_path, again)) == {"repeat-of-refused-wrong"}
    doubled = "steps:\n  - bet: {amount: all+1.00, fault: duplicate}\n"
    assert causes(played(RemembersRefusedBets(), tmp_path, doubled)) == {"repeat-of-refused-wrong"}


# --- what the call was made for ---------------------------------------------------------------------


class LosesLargeWins(SmallWallet):
    """Answers wins above 1.00 with success, and pays nothing."""

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        return super().win(player, amount if amount <= 1_00 else 0, transaction_id, game)


class PretendsToCharge(SmallWallet):
    """Answers a bet of 7.00 with the balance that it should leave, and takes nothing."""

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount == 7_00:
            return {"status": 1, "balance": self.written(self.balances[player] - amount)}
        return super().bet(player, amount, transaction_id, game)


class PaysForDetails(SmallWallet):
    """Adds money when it is asked for the player's details, which the last read of a scenario shows."""

    def details(self, player: str) -> Fields:
        self.move(player, 111)
        return super().details(player)


@pytest.mark.parametrize(
    ("wallet", "phase"),
    [
        (RefusesAfterWin(), Phase.PREFLIGHT),
        (LosesLargeWins(), Phase.PREPARATION),
        (PretendsToCharge(), Phase.STEP),
        (PaysForDetails(), Phase.END),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, SmallWallet) else value.value,
)
def test_a_finding_says_what_the_call_was_made_for(tmp_path: Path, wallet: SmallWallet, phase: Phase) -> None:
    """A call that only brings a player to its balance is no step of the scenario."""
    run = played(
        wallet, tmp_path, "player: {balance: 150.00}\nsteps: [bet: 7.00, balance: {}, details: {}]\n"
    )
    assert [finding.phase for _, finding in run.errors] == [phase]


def test_a_finding_of_a_step_says_so(tmp_path: Path) -> None:
    """Where the balance that a scenario wants is there already, nothing but steps is sent."""
    run = played(LosesLargeWins(), tmp_path, "steps: [{bet: 1.00}, {win: 2.00}]\n")
    assert [finding.phase for _, finding in run.errors] == [Phase.STEP]


# --- amounts ---------------------------------------------------------------------------------------


class RefusesAfterRefund(SmallWallet):
    """Pays refunds and answers that it has not."""

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:
        super().refund(player, amount, transaction_id)
        raise Refusal("ERROR")


class WritesCents(SmallWallet):
    """Right, but balances are in cents."""

    def written(self, cents: int) -> str:
        return str(cents)


class LosesCents(SmallWallet):
    """Every third movement loses a cent."""

    def __init__(self) -> None:
        super().__init__()
        self.moves = 0

    def move(self, player: str, cents: int) -> Fields:
        self.moves += 1
        return super().move(player, cents - (self.moves % 3 == 0))


REFUND = "steps:\n  - bet: {amount: 5.00, id: b1}\n  - refund: b1\n"
ROUND = "steps:\n  - bet: 5.00\n  - win: 7.00\n"


@pytest.mark.parametrize(
    ("wallet", "text", "cause"),
    [
        (RefusesAfterRefund(), REFUND, "refund-refused-but-credited"),
        (WritesCents(), ROUND, "hundredfold"),
        (LosesCents(), ROUND, "cent-off"),
    ],
    ids=["refund-refused-and-paid", "cents", "drift"],
)
def test_the_figures_name_the_mistake(wallet: SmallWallet, text: str, cause: str, tmp_path: Path) -> None:
    """One cause, and the one that it is."""
    assert causes(played(wallet, tmp_path, text)) == {cause}


@pytest.mark.parametrize("amounts", [("10.00", "10.00"), ("10.00", "7.00")], ids=["alike", "different"])
def test_two_bets_that_are_never_charged_are_not_one_that_is_paid(
    amounts: tuple[str, str], tmp_path: Path
) -> None:
    """The balance has risen since the first answer; both answers show a charge that never was."""
    file = tmp_path / "bets.yaml"
    file.write_text("steps:\n" + "".join(f"  - bet: {amount}\n" for amount in amounts))
    with embedded_operator(defects=("bet-answered-not-charged",)) as operator:
        run = run_with(replace(settings_for(operator), paths=(str(file),)))
    assert causes(run) == {"bet-not-taken"}


def test_answers_that_show_the_balance_before_a_bet_are_not_held_against_the_reads(tmp_path: Path) -> None:
    """The reads before and after agree with the bet: only its answer does not."""
    file = tmp_path / "bets.yaml"
    others = (
        "name: one\nplayers: {other: {balance: 31.00}}\nsteps:\n  - bet: {amount: 5.00, id: b1}\n"
        "  - resend: {step: b1, player: other}\n  - bet: {amount: 5.00, player: other}\n"
    )
    file.write_text(f"{others}---\nname: two\nsteps: [bet: 8.63]\n")
    with embedded_operator(defects=("stale-balance-after-bet",)) as operator:
        run = run_with(replace(settings_for(operator), paths=(str(file),)))
    assert {"answer-balance-wrong"} <= causes(run) <= {"answer-balance-wrong", "balance-read-wrong"}


class ChargesBothCopies(SmallWallet):
    """Looks first whether a bet is known, and charges it afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = threading.Barrier(2)

    def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
        if amount == 500:
            self.lock.release()
            self.looked.wait(10)
            self.lock.acquire()
            return self.move(player, -amount)
        return super().bet(player, amount, transaction_id, game)


def test_a_call_that_arrives_twice_and_counts_twice_is_a_double_effect(tmp_path: Path) -> None:
    """Not "another amount than the one that was sent"."""
    run = played(ChargesBothCopies(), tmp_path, "steps:\n  - bet: {amount: 5.00, fault: duplicate}\n")
    assert causes(run) == {"double-effect"}


class ChargesTwice(SmallWallet):
    """Takes a stake of 5.00 twice."""

    def move(self, player: str, cents: int) -> Fields:
        return super().move(player, 2 * cents if cents == -500 else cents)


def test_a_balance_that_is_wrong_already_accuses_no_later_call(tmp_path: Path) -> None:
    """Neither another player's refund nor a malformed call has moved what was moved before."""
    text = (
        "players: {other: {balance: 60.00}}\nsteps:\n  - bet: {amount: 5.00, id: b1}\n"
        "  - refund: {of: b1, player: other}\n  - send: {body: '{', player: other}\n"
    )
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with serving(ChargesTwice()) as endpoint:
        run = run_against(endpoint, [str(path)])
    assert causes(run) == {"bet-wrong-amount"}


# --- what follows from a missing answer ------------------------------------------------------------


class LosesOneBet(SmallWallet):
    """Answers one bet with HTTP 500 and does not charge it."""

    def answer_fields(self, fields: Fields) -> Answer:
        if fields.get("amount") == "5.00" and fields["method"] == "transaction_bet":
            return Answer(500, b"oops")
        return super().answer_fields(fields)


def test_what_an_author_expects_after_a_missing_answer_is_no_finding_of_its_own(tmp_path: Path) -> None:
    """The missing answer is the finding; the balance that follows from it is not another one."""
    text = "steps:\n  - bet: {amount: 5.00, expect: accepted}\n  - balance: 95.00\n"
    run = played(LosesOneBet(), tmp_path, text)
    (error,) = run.errors
    assert error[1].message == "HTTP 500 instead of the documented answer"


class NamesNobodyInText(SmallWallet):
    """Of a player who does not exist it says so, and not in JSON."""

    def answer_fields(self, fields: Fields) -> Answer:
        known = str(fields.get("user_id")) in self.balances
        return super().answer_fields(fields) if known else Answer(200, b"no such player")


def test_what_an_author_expects_of_an_answer_that_cannot_be_read_is_no_finding_of_its_own(
    tmp_path: Path,
) -> None:
    """That it is no JSON is the finding."""
    text = "players: {ghost: {exists: false}}\nsteps:\n  - balance: {player: ghost, expect: refused}\n"
    assert causes(played(NamesNobodyInText(), tmp_path, text)) == {"form:CON-08:not-json"}


class AnswersTooMuch(SmallWallet):
    """After the preflight every answer is larger than any answer may be."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def reply(self, value: Fields, status: int = 200) -> Answer:
        self.calls += 1
        return super().reply(value if self.calls <= 4 else {**value, "pad": "x" * 1_100_000}, status)


def test_a_scenario_that_is_skipped_for_what_the_operator_does_wrong_has_failed(tmp_path: Path) -> None:
    """An error in the summary and exit 6 below it would contradict each other."""
    run = played(AnswersTooMuch(), tmp_path, ROUND)
    assert run.with_verdict(Verdict.FAILED)
    assert run.exit_code is ExitCode.FOUND


def test_every_claim_that_does_not_hold_is_told(tmp_path: Path) -> None:
    """One claim of an author's does not speak for another."""
    text = "steps:\n  - bet: {amount: 5.00, expect: {http: 403, body: {bonus: true}}}\n"
    run = played(SmallWallet(), tmp_path, text)
    assert [finding.message for _, finding in run.errors] == [
        "expected HTTP 403, found 200",
        'expected the body to contain {"bonus":true}',
    ]


# --- the end ---------------------------------------------------------------------------------------


def test_a_run_that_stops_early_puts_balances_back_all_the_same(tmp_path: Path) -> None:
    """`--maxfail` ends the run, not the promise that players have what they had."""
    wallet = LosesCents()
    run = played(wallet, tmp_path, "player: {balance: 40.00}\n" + ROUND, ROUND, maxfail=1)
    assert run.with_verdict(Verdict.BLOCKED)
    assert abs(wallet.balances["1000"] - 100_00) <= 3


def test_open_bets_are_named_by_scenario_and_never_for_the_bundled_suite(tmp_path: Path) -> None:
    """An author wants to know where; of the bundled suite's thousand single bets nobody does."""
    run = played(SmallWallet(), tmp_path, "steps:\n  - bet: 1.00\n  - bet: 2.00\n", ROUND)
    assert run.end is not None
    (note,) = run.end.notes
    assert note == f"SES-06: 2 bets have neither a win nor a refund afterwards: {tmp_path}/0.yaml (2)"
    with serving(SmallWallet()) as endpoint:
        bundled = run_against(endpoint, (), ONE, keyword="one-cent")
    assert bundled.end is not None
    assert bundled.end.notes == ()
