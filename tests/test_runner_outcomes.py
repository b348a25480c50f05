"""How a run ends, and why: root causes, blocked players, balances put back, unknown outcomes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripted_server import ACCEPTED, CHUNKED, Peer, Script, ScriptedServer, answering, once, reply
from simulator.core.calls import Call
from simulator.core.findings import Phase, Verdict
from simulator.errors import ExitCode
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.report.events import Event
from simulator.run.suite import run_suite
from simulator.settings import HttpHook, Probe, RunSettings
from small_wallet import PLAYERS, Answer, Fields, Refusal, SmallWallet, serving
from suite_runs import SuiteRun, run_against

OPENING_CENTS = 1000_00
"""What the players of the reference operator have at first."""


@pytest.fixture(scope="module")
def operator() -> Iterator[OperatorServer]:
    """A right reference operator."""
    with OperatorServer(OperatorSettings()) as server:
        yield server


def write(folder: Path, text: str, name: str = "own.yaml") -> str:
    file = folder / name
    file.write_text(text, "utf-8")
    return str(file)


def only(run: SuiteRun) -> Verdict:
    (finished,) = run.finished.values()
    return finished.verdict


# --- nobody there, or nobody to play with ----------------------------------------------------------


def test_nobody_at_the_endpoint_is_exit_7_with_what_to_check(tmp_path: Path) -> None:
    """One root cause; every scenario is blocked by it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    run = run_against(f"http://127.0.0.1:{port}/betrontech_api", [write(tmp_path, "steps: [balance]")])
    assert run.exit_code is ExitCode.UNREACHABLE
    assert run.end is not None
    assert "no answer from" in run.end.root_cause
    assert "check that" in run.end.root_cause
    assert only(run) is Verdict.BLOCKED


class Closed(SmallWallet):
    """A wallet behind something that answers every call so."""

    status = 401

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:  # noqa: ARG002
        return Answer(self.status, b'{"error":"no"}')


@pytest.mark.parametrize(
    ("status", "rule", "hint"),
    [
        (301, "CON-10", "final URL"),
        (401, "CON-18", "header"),
        (403, "CON-18", "header"),
        (404, "CON-18", "is the path right?"),
        (405, "CON-18", "POST"),
        (413, "CON-18", "size"),
        (419, "CON-18", "CSRF"),
    ],
)
def test_an_endpoint_that_answers_every_call_with_one_status_is_a_finding(
    tmp_path: Path, status: int, rule: str, hint: str
) -> None:
    """It is the endpoint's mistake, not the player's, and one root cause says what to check."""
    wallet = Closed()
    wallet.status = status
    with serving(wallet) as endpoint:
        run = run_against(endpoint, [write(tmp_path, "steps: [bet: 1.00]\n")], PLAYERS)
    assert run.exit_code is ExitCode.FOUND
    assert run.end is not None
    assert run.end.root_cause.startswith(f"the endpoint answers every call with {status}")
    assert hint in run.end.root_cause.splitlines()[0]
    assert run.end.calls == 3
    ((_, finding),) = run.errors
    assert finding.rule == rule


class NotFoundPlayer(SmallWallet):
    """Refuses players whom it does not know with 404, and what has no player with 400."""

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        if not json.loads(body):
            return Answer(400, b'{"status":0,"error":"INVALID_PARAMS"}')
        known = json.loads(body).get("user_id") in self.balances
        return (
            super().answer(http_method, content_type, body) if known else Answer(404, b'{"error":"NO_USER"}')
        )


def test_a_404_for_an_unknown_player_says_nothing_of_the_endpoint(tmp_path: Path) -> None:
    """A call that names no player is answered otherwise, so that the path is right."""
    with serving(NotFoundPlayer()) as endpoint:
        run = run_against(endpoint, [write(tmp_path, "steps: [bet: 1.00]\n")], ("nobody-7",))
    assert (run.exit_code, run.errors) == (ExitCode.INCONCLUSIVE, [])
    assert run.end is not None
    assert "nobody-7" in run.end.root_cause


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (once(reply()[:-5]), "the answer is incomplete"),
        (once(CHUNKED[:90]), "the answer is incomplete"),
        (answering(reply(ACCEPTED, "200 OK", "Content-Encoding: gzip")), "does not unpack as gzip"),
        (once(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"), "larger than 65536 bytes"),
        (once(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 250 + b"\r\n"), "more than 200 header lines"),
        (once(b"\x15\x03\x01\x00\x02\x02\x46"), "did you mean https://?"),
    ],
    ids=["cut by length", "cut in a chunk", "no gzip", "a huge head", "too many headers", "TLS"],
)
def test_an_answer_of_no_use_is_a_finding_and_not_an_empty_endpoint(
    tmp_path: Path, script: Script, word: str
) -> None:
    """Something is there and answers wrongly: exit 1, with what came."""
    with ScriptedServer(script) as server:
        run = run_against(server.url(), [write(tmp_path, "steps: [balance]")], PLAYERS[:1])
    assert run.exit_code is ExitCode.FOUND
    assert run.end is not None
    assert word in run.end.root_cause
    assert "no answer from" not in run.end.root_cause
    ((_, finding),) = run.errors
    assert (finding.rule, finding.cause.partition(":")[0]) == ("CON-18", "no-answer")


def test_https_to_an_endpoint_without_tls_is_a_finding(tmp_path: Path) -> None:
    """The wallet answers; only the scheme is another."""
    with ScriptedServer(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        run = run_against(server.url("https"), [write(tmp_path, "steps: [balance]")], PLAYERS[:1])
    assert run.exit_code is ExitCode.FOUND
    assert run.end is not None
    assert "did you mean http://?" in run.end.root_cause


def test_an_endpoint_counts_as_empty_after_three_calls_without_a_byte(tmp_path: Path) -> None:
    """A server may close one connection, or two, just as a call goes out."""
    with ScriptedServer(once(b"")) as server:
        run = run_against(server.url(), [write(tmp_path, "steps: [balance]")], PLAYERS[:1])
        # The fourth asks whether the server speaks TLS.
        assert server.connections == 4
    assert run.exit_code is ExitCode.UNREACHABLE
    assert run.errors == []


@pytest.mark.parametrize("dropped", range(2, 9))
def test_a_connection_that_is_closed_as_a_call_goes_out_is_held_against_nobody(
    tmp_path: Path, dropped: int
) -> None:
    """Wherever that happens: the call is unknown, another connection carries the next one."""
    wallet = SmallWallet()
    count = 0

    def script(peer: Peer) -> None:
        nonlocal count
        while request := peer.request():
            count += 1
            if count == dropped:
                return
            answer = wallet.answer("POST", "application/json", request.partition(b"\r\n\r\n")[2])
            peer.send(reply(answer.body))

    steps = "steps:\n  - bet: {amount: 1.00, id: b}\n  - win: 2.00\n  - refund: b\n"
    with ScriptedServer(script) as server:
        run = run_against(server.url(), [write(tmp_path, steps)], PLAYERS[:1])
    assert "no answer from" not in (run.end.root_cause if run.end else "")
    assert run.exit_code in (ExitCode.PASSED, ExitCode.INCONCLUSIVE)
    assert run.errors == []


def test_an_unknown_player_is_one_root_cause(operator: OperatorServer, tmp_path: Path) -> None:
    """The root cause names the player that does not exist."""
    run = run_against(operator.endpoint, [write(tmp_path, "steps: [bet: 1.00]\n")], ("nobody-7",))
    assert run.exit_code is ExitCode.INCONCLUSIVE
    assert run.end is not None
    assert "nobody-7" in run.end.root_cause


class Poor(SmallWallet):
    """Players without a cent, and wins only after a bet."""

    def __init__(self) -> None:
        super().__init__()
        self.balances = dict.fromkeys(PLAYERS, 0)

    def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:  # noqa: ARG002
        raise Refusal("NO_BET")


def test_a_player_without_money_is_told_so(tmp_path: Path) -> None:
    """The root cause says that the player needs money."""
    with serving(Poor()) as endpoint:
        run = run_against(endpoint, [write(tmp_path, "steps: [bet: 1.00]\n")], PLAYERS[:1])
    assert run.end is not None
    assert "needs money" in run.end.root_cause
    assert run.exit_code is ExitCode.INCONCLUSIVE


class Limiting(SmallWallet):
    """Turns every third call away, in one of the two ways that wallets have for it."""

    turned_away = Answer(429, b"")
    count = 0

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        self.count += 1
        return self.turned_away if self.count % 3 == 0 else super().answer(http_method, content_type, body)


@pytest.mark.parametrize(
    "refusal",
    [Answer(429, b"slow down"), Answer(200, b'{"status":0,"error":"RATE_LIMIT"}')],
    ids=["HTTP 429", "a text"],
)
def test_a_rate_limit_is_waited_for_and_told_and_no_call_is_judged_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Answer
) -> None:
    """A bet that the limit turned away is sent again; the note says why the run took long."""
    monkeypatch.setattr("simulator.wire.sender.RETRY_AFTER_S", 0.001)
    wallet = Limiting()
    wallet.turned_away = refusal
    text = "player: {balance: 100.00}\nsteps:\n  - bet: {amount: 1.00, id: b}\n  - win: 2.00\n  - refund: b\n"
    with serving(wallet) as endpoint:
        run = run_against(endpoint, [write(tmp_path, text)], PLAYERS[:1])
    assert (run.exit_code, run.errors) == (ExitCode.PASSED, [])
    assert run.end is not None
    (note,) = (note for note in run.end.notes if "rate of calls" in note)
    assert note.startswith("your wallet limited the rate of calls ")
    assert note.endswith(f"it answered HTTP {refusal.status} {refusal.body.decode()}")


class BookingLimiting(SmallWallet):
    """Books a bet, answers that there are too many calls, and books the same bet again."""

    def answer_fields(self, fields: Fields) -> Answer:
        answer = super().answer_fields(fields)
        if fields.get("amount") != "7.77" or self.applied.pop(("1000", "turned away", ""), None):
            return answer
        self.applied = {("1000", "turned away", ""): 1}
        return Answer(429, b"")


def test_a_wallet_that_books_what_its_rate_limit_turns_away_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding says that the call was sent again, and why."""
    monkeypatch.setattr("simulator.wire.sender.RETRY_AFTER_S", 0.001)
    with serving(BookingLimiting()) as endpoint:
        run = run_against(endpoint, [write(tmp_path, "steps: [bet: 1.00, bet: 7.77]\n")], PLAYERS[:1])
    assert run.exit_code is ExitCode.FOUND
    ((_, finding),) = run.errors
    assert finding.rule == "CON-03"
    assert "your wallet had turned this call away by its rate limit" in finding.why


class AlwaysLimiting(SmallWallet):
    """Answers every call with 429."""

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:  # noqa: ARG002
        return Answer(429, b"")


def test_a_rate_limit_that_never_ends_is_the_root_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting is bounded, and nothing was judged."""
    monkeypatch.setattr("simulator.wire.sender.RETRY_AFTER_S", 0.001)
    with serving(AlwaysLimiting()) as endpoint:
        run = run_against(endpoint, [write(tmp_path, "steps: [bet: 1.00]\n")], PLAYERS[:1])
    assert run.exit_code is ExitCode.INCONCLUSIVE
    assert run.end is not None
    assert "429" in run.end.root_cause
    assert run.end.calls == 9


class BehindGateway(SmallWallet):
    """A gateway in front answers one call of six by itself; the wallet never sees that one."""

    count = 0

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        self.count += 1
        if self.count % 6 == 0:
            return Answer(502, b"<html>Bad Gateway</html>")
        return super().answer(http_method, content_type, body)


@pytest.mark.parametrize("first", range(6))
def test_the_error_of_a_gateway_is_one_cause_whatever_the_scenario_is_about(
    tmp_path: Path, first: int
) -> None:
    """The money is right: no check of money is named, and no scenario is given up for it."""
    wallet = BehindGateway()
    wallet.count = first
    text = "covers: [IDE-01]\nplayer: {balance: 137.00}\nsteps:\n"
    text += "  - bet: {amount: 1.00, id: b}\n  - resend: b\n  - win: 2.00\n  - refund: b\n"
    with serving(wallet) as endpoint:
        run = run_against(endpoint, [write(tmp_path, text)], PLAYERS[:1])
    assert run.exit_code is ExitCode.FOUND
    assert {(finding.rule, finding.cause) for _, finding in run.errors} == {("CON-18", "no-answer")}
    assert only(run) is not Verdict.SKIPPED


def test_what_goes_wrong_while_a_balance_is_prepared_is_told_as_that(tmp_path: Path) -> None:
    """The scenario's first line has done nothing wrong."""
    wallet = BehindGateway()
    with serving(wallet) as endpoint:
        run = run_against(
            endpoint, [write(tmp_path, "player: {balance: 137.00}\nsteps: [balance]\n")], PLAYERS[:1]
        )
    ((_, finding),) = run.errors
    assert finding.phase is Phase.PREPARATION
    assert finding.label == "answered HTTP 502 (outcome unclear), to a call that only prepares the balance"


# --- players and balances --------------------------------------------------------------------------


def test_players_of_a_pool_get_their_balances_back(tmp_path: Path) -> None:
    """Whatever scenarios did to it, the balance before is the balance after."""
    wallet = SmallWallet()
    wallet.balances["1000"] = 123_45
    text = "player: {balance: 7000.00}\nsteps:\n  - bet: all\n  - win: 3.33\n"
    with serving(wallet) as endpoint:
        run = run_against(endpoint, [write(tmp_path, text)], ("1000",))
    assert run.exit_code is ExitCode.PASSED
    assert wallet.balances["1000"] == 123_45


def test_a_scenario_that_needs_more_players_than_there_are_is_skipped(
    operator: OperatorServer, tmp_path: Path
) -> None:
    """Skipped with the reason; a run that proved nothing is inconclusive."""
    text = "players: {other: {balance: 1.00}}\nsteps:\n  - bet: {amount: 1.00, player: other}\n"
    run = run_against(operator.endpoint, [write(tmp_path, text)], ("1000",))
    (finished,) = run.finished.values()
    assert finished.verdict is Verdict.SKIPPED
    assert "needs 2 test players, only" in finished.reason
    assert run.exit_code is ExitCode.INCONCLUSIVE


def test_a_seed_hook_makes_players_to_order(operator: OperatorServer, tmp_path: Path) -> None:
    """No adjusting call is sent: the player has its balance from the start."""
    events: list[Event] = []
    hook = HttpHook(f"{operator.base_url}/_operator/players")
    text = "player: {balance: 31.07}\nsteps:\n  - balance: 31.07\n"
    settings = RunSettings(endpoint=operator.endpoint, seed_hook=hook, paths=(write(tmp_path, text),))
    assert run_suite(settings, events.append) is ExitCode.PASSED
    assert {event.why.purpose for event in events if isinstance(event, Call)} <= {
        "preflight",
        "adjust",
        "step",
        "probe",
    }
    adjusting = [e for e in events if isinstance(e, Call) and e.why.purpose == "adjust"]
    assert all(json.loads(event.exchange.wire.body)["method"] == "user_balance" for event in adjusting)


# --- after a finding -------------------------------------------------------------------------------


def test_after_three_wrong_calls_the_player_is_left_alone_but_for_finally(tmp_path: Path) -> None:
    """One defect is one failure, and hides no other; then steps are blocked, and `finally` still runs."""

    class Forgetful(SmallWallet):
        def win(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:
            if amount >= 500:
                return self.accepted(player)
            return super().win(player, amount, transaction_id, game)

    text = "steps: [bet: 1.00, win: 5.00, win: 6.00, win: 7.00, bet: 3.00]\nfinally: [bet: 4.00]\n"
    with serving(Forgetful()) as endpoint:
        run = run_against(endpoint, [write(tmp_path, text)], PLAYERS[:1])
    (finished,) = run.finished.values()
    assert [finding.cause for finding in finished.findings] == ["win-not-credited"]
    sent = [each.exchange.wire.body for each in finished.exchanges if each.why.purpose == "step"]
    amounts = [json.loads(body).get("amount") for body in sent]
    assert amounts == ["1.00", "5.00", "6.00", "7.00", "4.00"]
    assert run.exit_code is ExitCode.FOUND


def test_maxfail_stops_the_run(tmp_path: Path) -> None:
    """After so many failures the rest is blocked, and says why."""

    class Generous(SmallWallet):
        def bet(self, player: str, amount: int, transaction_id: str, game: str) -> Fields:  # noqa: ARG002
            return self.accepted(player)

    paths = [write(tmp_path, "steps: [bet: 1.00]\n", f"{number}.yaml") for number in range(6)]
    with serving(Generous()) as endpoint:
        run = run_against(endpoint, paths, PLAYERS[:1], maxfail=2)
    assert len(run.with_verdict(Verdict.FAILED)) == 2
    assert len(run.with_verdict(Verdict.BLOCKED)) == 4


def test_an_expected_failure_that_passes_fails_the_run(operator: OperatorServer, tmp_path: Path) -> None:
    """`xfail` on a scenario that passes is exit 1: the note in the file is out of date."""
    run = run_against(operator.endpoint, [write(tmp_path, "xfail: not yet\nsteps: [bet: 1.00]\n")])
    assert only(run) is Verdict.XPASSED
    assert run.exit_code is ExitCode.FOUND


def test_a_pinned_policy_makes_the_other_answer_a_finding(operator: OperatorServer) -> None:
    """What is a dialect by default is a finding once it is pinned."""
    paths = ["scenarios/idempotency/repeated-bet.yaml"]
    assert run_against(operator.endpoint, paths).exit_code is ExitCode.PASSED
    run = run_against(operator.endpoint, paths, policy={"duplicate_bet": "refused"})
    assert run.exit_code is ExitCode.FOUND
    assert {finding.cause for _, finding in run.errors} == {"policy-broken:duplicate_bet"}


# --- unknown outcomes and probes -------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["lost_reply", "timeout", "reset", "duplicate", "slow_body", "chunked"])
def test_a_fault_leaves_both_worlds_until_an_answer_settles_them(
    operator: OperatorServer, tmp_path: Path, fault: str
) -> None:
    """After a disturbed bet, its repeat and its refund the money is what it was."""
    text = f"steps:\n  - bet: {{amount: 20.00, id: b1, fault: {fault}}}\n  - resend: b1\n  - refund: b1\n"
    run = run_against(operator.endpoint, [write(tmp_path, text + "  - balance: 100.00\n")])
    assert run.errors == []
    assert only(run) is Verdict.PASSED


def test_the_fault_matrix_names_the_cell(operator: OperatorServer, tmp_path: Path) -> None:
    """Every scenario again with each fault at each money step, the fault and its line in the id."""
    from simulator.core.calls import FaultKind

    path = write(tmp_path, "steps:\n  - bet: 1.00\n  - win: 2.00\n")
    run = run_against(operator.endpoint, [path], faults=(FaultKind.RESET, FaultKind.LOST_REPLY))
    assert [id_.removeprefix(path) for id_ in run.finished] == [
        "",
        "[reset@2:5]",
        "[reset@3:5]",
        "[lost_reply@2:5]",
        "[lost_reply@3:5]",
    ]
    assert run.exit_code is ExitCode.PASSED


def test_probing_never_sends_no_read_of_its_own(operator: OperatorServer, tmp_path: Path) -> None:
    """`--probe never` leaves the balance to the answers."""
    events: list[Event] = []
    path = write(tmp_path, "steps:\n  - bet: {amount: 1.00, id: b}\n  - resend: b\n")
    settings = RunSettings(endpoint=operator.endpoint, players=("1003",), paths=(path,), probe=Probe.NEVER)
    assert run_suite(settings, events.append) is ExitCode.PASSED
    assert not [e for e in events if isinstance(e, Call) and e.why.purpose == "probe"]


def test_several_players_are_worked_in_parallel_without_meeting(operator: OperatorServer) -> None:
    """The bundled suite over four players at once passes, and leaves their balances alone."""
    players = ("1010", "1011", "1012", "1013")
    run = run_against(operator.endpoint, (), players, jobs=4)
    assert run.errors == []
    assert run.exit_code is ExitCode.PASSED
    found = [operator.operator.find_player(player) for player in players]
    assert {each[0].balance for each in found if each is not None} == {OPENING_CENTS}


class Limited(SmallWallet):
    """Takes so many calls, and turns all others away."""

    left = 20

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        self.left -= 1
        if self.left < 0:
            return Answer(200, b'{"status":0,"error":"RATE_LIMIT"}')
        return super().answer(http_method, content_type, body)


class LimitedReads(Limited):
    """Takes so many balance reads, and all other calls."""

    def answer(self, http_method: str, content_type: str, body: bytes) -> Answer:
        read = b"user_balance" in body
        return (
            super().answer(http_method, content_type, body)
            if read
            else SmallWallet.answer(self, http_method, content_type, body)
        )


@pytest.mark.parametrize("wallet", [Limited, LimitedReads])
def test_a_rate_limit_that_ends_the_run_accuses_nobody(
    wallet: type[Limited], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends with the limit as its root cause, and goes on waiting for nothing."""
    monkeypatch.setattr("simulator.wire.sender.RETRY_AFTER_S", 0.01)
    monkeypatch.setattr("simulator.wire.sender.HELD_S_MAX", 0.02)
    monkeypatch.setattr("simulator.wire.sender.RETRY_AFTER_S_MAX", 0.05)
    text = "steps:\n  - repeat: {times: 25, steps: [bet: 1.00, balance, win: 2.00]}\n"
    with serving(wallet()) as endpoint:
        run = run_against(endpoint, [write(tmp_path, text)], PLAYERS[:1])
    assert (run.exit_code, run.errors) == (ExitCode.INCONCLUSIVE, [])
    assert run.end is not None
    assert "your wallet limits the rate of calls" in run.end.root_cause
    (left,) = [note for note in run.end.notes if "was not brought back" in note]
    assert "no amount of money" not in left
