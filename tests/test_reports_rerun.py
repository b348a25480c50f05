"""The lines that repeat a run: pasted into a shell they find the same again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from command_line import SCRIPT, environment, simulate
from report_stories import REFUND_FILE, a_scenario, start
from scripted_server import Peer, ScriptedServer, reply
from settings_sources import load
from simulator.core.steps import PlayerSpec
from simulator.errors import ExitCode
from simulator.report.events import RunStarted
from simulator.report.rerun import repeat_line, rerun_line
from simulator.settings.load import selection_options, target_options
from simulator.settings.rows import Setting
from simulator.settings.table import OUTPUT, RUN
from small_wallet import Fields, SmallWallet

SHELL = shutil.which("bash") or "sh"
SECRET = "s3cr3t-value"


# --- every setting --------------------------------------------------------------------------------

WRITTEN: dict[str, Any] = {
    "wire": "drakon",
    "headers": ("Accept-Language: it's $HOME; `id`", "X-Empty:"),
    "timeout_s": "250ms",
    "wait_for_s": "1.5m",
    "allow_hosts": ("wallet.example", "[::1]"),
    "cacert": "my certificates.pem",
    "insecure": True,
    "proxy": "http://localhost:3128",
    "seed_hook": "http://127.0.0.1:9000/_operator/{user_id}",
    "restart_hook": "http://127.0.0.1:9000/restart",
    "block_hook": "http://127.0.0.1:9000/block",
    "keyword": "refund and not (partial or 'late')",
    "tags": ("money", "a tag"),
    "level": "industry",
    "last_failed": True,
    "quick": True,
    "shard": "2/4",
    "faults": ("lost_reply,reset", "delay"),
    "jobs": "4",
    "maxfail": "3",
    "strict": True,
    "accept": "known causes.yaml",
    "probe": "always",
    "policy": ("late_bet=refused", "duplicate_bet=any"),
    "latency_ms_max": "300ms",
    "max_bet": "1250.50",
    "min_bet": "0.50",
    "max_win": "5000.00",
    "transaction_id_format": "digits:16",
    "games": ["aztec", "bonanza"],
    "time_scale": "0",
}
"""A value for each setting that bears on what is found, other than its default."""

ELSEWHERE = {row.name for row in OUTPUT.rows} | {"endpoint", "players", "seed", "fail_fast"}
SETTINGS = [row for row in RUN if row.name not in ELSEWHERE]


def flags_of(options: tuple[tuple[str, str], ...], **variables: str) -> dict[str, Any]:
    """The options as a shell takes them apart, by the names of their settings."""
    rows = {row.flag: row for row in RUN}
    flags: dict[str, Any] = {}
    for flag, word in options:
        row = rows[flag]
        line = f"printf '%s\\0' {word}"
        words = subprocess.run(
            [SHELL, "-c", line], env=variables, capture_output=True, check=True, text=True
        ).stdout.split("\0")[:-1]
        if row.is_switch:
            flags[row.name] = True
        else:
            assert len(words) == 1, "one word for a shell"
            flags[row.name] = (*flags.get(row.name, ()), words[0]) if row.is_list else words[0]
    return flags


@pytest.fixture
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_empty_folder")
@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_every_setting_is_written_as_it_is_read(row: Setting) -> None:
    """A setting that is added to the table is written too, or has no value here."""
    settings = load(**{row.name: WRITTEN[row.name]}, seed="1")
    assert getattr(settings, row.name) != getattr(load(seed="1"), row.name)
    options = target_options(settings) + selection_options(settings)
    assert load(**flags_of(options), seed="1") == settings


@pytest.mark.usefixtures("_empty_folder")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("headers", ("X-Shop: 1", f"Authorization: Bearer {SECRET}")),
        ("headers", (f"X-Shop: {SECRET}",)),
        ("proxy", f"http://user:{SECRET}@localhost:3128"),
        ("seed_hook", f"http://127.0.0.1/seed?token={SECRET}"),
        ("restart_hook", f"restart.sh --password '{SECRET} '"),
    ],
)
def test_what_may_be_a_secret_is_named_by_its_variable(name: str, value: Any) -> None:
    """The variable holds what the setting's own variable does: several headers are several lines."""
    row = next(row for row in RUN if row.name == name)
    settings = load(**{name: value}, seed="1")
    options = target_options(settings)
    assert SECRET not in str(options)
    assert (row.flag, f'"${row.variable}"') in options
    text = value if isinstance(value, str) else "\n".join(value)
    assert load(**flags_of(options, **{row.variable: text}), seed="1") == settings


# --- the lines ------------------------------------------------------------------------------------


def begun(**more: Any) -> RunStarted:
    """A run with these facts for its lines."""
    return replace(start(), options=(("--endpoint", "http://h/w"), ("--strict", "")), **more)


def test_a_scenario_is_run_again_with_the_players_that_it_needs() -> None:
    """The one of the finding among them; the ones that it does not need are left out."""
    run = begun(players=("1000", "1001", "a player"), selection=(("--jobs", "4"), ("--tag", "money")))
    head = "betrontech-sim run --endpoint http://h/w --strict"
    assert rerun_line(run, a_scenario()) == f"{head} --player 1000 {REFUND_FILE} --seed 7313"
    two = a_scenario(
        players={"player": PlayerSpec(), "other": PlayerSpec(), "nobody": PlayerSpec(exists=False)}
    )
    assert rerun_line(run, two, "a player") == (
        f"{head} --player 'a player' --player 1000 {REFUND_FILE} --seed 7313"
    )
    assert rerun_line(begun(), a_scenario(), "made-1") == f"{head} {REFUND_FILE} --seed 7313"


def test_one_of_several_scenarios_of_a_file_is_run_by_its_line() -> None:
    """A cell of the fault matrix with its fault; a name that a shell or a flag would take apart, quoted."""
    row = a_scenario(id=f"{REFUND_FILE}[0.01]")
    assert rerun_line(None, row) == f"betrontech-sim run {REFUND_FILE}:1"
    cell = a_scenario(id=f"{REFUND_FILE}[lost_reply@9:5]")
    assert rerun_line(None, cell) == f"betrontech-sim run {REFUND_FILE}:1 --faults lost_reply"
    assert rerun_line(None, a_scenario("it's.yaml")) == "betrontech-sim run 'it'\"'\"'s.yaml'"
    assert rerun_line(None, a_scenario("-x.yaml")) == "betrontech-sim run ./-x.yaml"


def test_a_run_is_repeated_with_its_selection_and_all_its_players() -> None:
    """Those that follow each other as a range, as they can be given."""
    players = ("0998", "0999", "1000", "a", "7", "8", "099", "100", "101")
    run = begun(players=players, selection=(("--tag", "'a tag'"),), paths=("scenarios/refunds", "a b"))
    assert repeat_line(run, last_failed=True) == (
        "betrontech-sim run --endpoint http://h/w --strict --player 0998..1000 --player a --player 7 "
        "--player 8 --player 099..101 --tag 'a tag' --last-failed scenarios/refunds 'a b' --seed 7313"
    )
    again = begun(selection=(("--last-failed", ""),))
    assert repeat_line(again, last_failed=True).count("--last-failed") == 1
    assert "--last-failed" not in repeat_line(run, last_failed=False)


# --- pasted into a shell --------------------------------------------------------------------------


class PaysTwice(SmallWallet):
    """Pays each refund as often as it is asked to."""

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:
        self.applied.pop((player, "refund", transaction_id), None)
        return super().refund(player, amount, transaction_id)


class Numbers(SmallWallet):
    """Writes balances as numbers: a warning."""

    def accepted(self, player: str) -> Fields:
        return super().accepted(player) | {"balance": self.balances[player] / 100}


class Late(SmallWallet):
    """Answers refunds after a while."""

    def refund(self, player: str, amount: int, transaction_id: str) -> Fields:
        threading.Event().wait(0.6)
        return super().refund(player, amount, transaction_id)


def guarded(wallet: SmallWallet, needle: bytes) -> Callable[[Peer], None]:
    """A wallet that refuses every call in whose bytes `needle` is not."""

    def script(peer: Peer) -> None:
        while message := peer.request():
            with wallet.lock:
                answer = wallet.answer("POST", "application/json", message.partition(b"\r\n\r\n")[2])
            peer.send(reply(answer.body) if needle in message else reply(b"who are you?", "401 No"))

    return script


@dataclass(frozen=True)
class Case:
    """A run that finds something because of a setting.

    `variables` stand in the shell into which the lines are pasted; `needle` is in every call.
    """

    flags: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    wallet: type[SmallWallet] = PaysTwice
    text: str = "steps: [{bet: {amount: ~5.00, id: b}}, {refund: b}, {refund: b}]\n"
    needle: str = "POST /w"
    path: str = "/w"


RESENT = "steps: [{bet: {amount: ~5.00, id: b}}, {resend: b}]\n"
LIMIT = "needs: [limits]\nsteps: [{bet: {amount: 20.00, expect: accepted}}]\n"
TWO = """\
players: {other: {balance: 100.00}}
steps:
  - bet: {player: other, amount: ~5.00, id: b}
  - refund: {of: b, player: other}
  - refund: {of: b, player: other}
"""
RESTART = "steps: [restart, {bet: {amount: ~5.00, id: b}}, {refund: b}, {refund: b}]\n"
CASES = {
    "seed": Case(("--seed", "77")),
    "header": Case(("--header", "Accept-Language: it's $5"), needle="Accept-Language: it's $5"),
    "header of any name": Case(
        ("--header", f"X-Shop: {SECRET}"),
        {"BETRONTECH_SIM_HEADER": f"X-Shop: {SECRET}"},
        needle=f"X-Shop: {SECRET}",
    ),
    "secret header": Case(
        ("--header", "X-Shop: 1", "--header", f"X-Api-Key: {SECRET}"),
        {"BETRONTECH_SIM_HEADER": f"X-Shop: 1\nX-Api-Key: {SECRET}"},
        needle=f"X-Shop: 1\r\nX-Api-Key: {SECRET}",
    ),
    "secret in the endpoint": Case(path=f"/w?token={SECRET}", needle=f"/w?token={SECRET} "),
    "wire": Case(("--wire", "my wire.yaml"), needle="X-Wire: mine"),
    "policy": Case(("--policy", "duplicate_bet=refused"), wallet=SmallWallet, text=RESENT),
    "strict": Case(("--strict",), wallet=Numbers, text="steps: [{bet: ~5.00}]\n"),
    "latency": Case(("--latency", "300ms", "--strict"), wallet=Late),
    "limit": Case(("--max-bet", "10.00"), wallet=SmallWallet, text=LIMIT),
    "two players": Case(("--player", "1001"), text=TWO),
    "hook": Case(
        ("--restart-hook", f"true {SECRET}"),
        {"BETRONTECH_SIM_RESTART_HOOK": f"true {SECRET}"},
        text=RESTART,
    ),
}


def evidence(text: str) -> list[str]:
    """What a run shows of its findings, but for the random ids of its calls and the times they took."""
    found = re.findall(r"^(?:FAIL  |error\[| +\|| *\d+ \||   = ledger).*$", text, re.MULTILINE)
    return [re.sub(r"after \d+ ms", "after … ms", line) for line in found]


def pasted(line: str, folder: Path, variables: dict[str, str]) -> str:
    """What the line shows in a shell of its own."""
    known = environment(**variables) | {"PATH": f"{Path(SCRIPT).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [SHELL, "-c", line], cwd=folder, env=known, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == ExitCode.FOUND, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def lines_of(case: Case, folder: Path, server: ScriptedServer) -> tuple[str, str, dict[str, str]]:
    """What a run of the case shows, the line to paste, and the variables that it names."""
    (folder / "it is.yaml").write_text(case.text)
    (folder / "my wire.yaml").write_text("name: mine\nheaders: {X-Wire: mine}\n")
    target = ("--endpoint", server.url(path=case.path), "--player", "1000")
    variables = {"BETRONTECH_SIM_ENDPOINT": target[1]} if SECRET in case.path else {}
    first = simulate("run", *target, *case.flags, "it is.yaml", folder=folder).stdout
    assert SECRET not in first
    return first, re.findall(r"^ +. rerun +(.*)$", first, re.MULTILINE)[0], variables | case.variables


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_a_rerun_line_finds_the_same_again(tmp_path: Path, case: Case) -> None:
    """With the balances, and so with the amounts that were drawn; no secret is printed anywhere."""
    with ScriptedServer(guarded(case.wallet(), case.needle.encode())) as server:
        first, line, variables = lines_of(case, tmp_path, server)
        assert evidence(first) == evidence(pasted(line, tmp_path, variables)) != []


def test_the_next_line_finds_the_same_again(tmp_path: Path) -> None:
    """Among what did not pass, with the players and the selection of the run."""
    other = "---\nname: right\nsteps: [balance]\n"
    case = replace(CASES["two players"], text="name: it\n" + CASES["two players"].text + other)
    case = replace(case, flags=(*case.flags, "-k", "it and not (partial or late)", "-j", "2"))
    with ScriptedServer(guarded(case.wallet(), b"POST")) as server:
        first, _, variables = lines_of(case, tmp_path, server)
        (line,) = re.findall(r"^next +Then: (.*)$", first, re.MULTILINE)
        again = pasted(line, tmp_path, variables)
    assert evidence(first) == evidence(again) != []
    assert "1 failed, 1 passed" in first
    assert "1 failed (" in again
