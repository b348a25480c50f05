"""The certificate says what a run showed and did not, by what evidence; same run, same bytes."""

from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from command_line import simulate
from simulator.report.certificate import Certificate
from simulator.report.events import Event
from simulator.run.suite import run_suite
from simulator.settings import RunSettings
from small_wallet import PLAYERS, Answer, SmallWallet, serving

PATHS = ("scenarios/refunds", "scenarios/contract")


class Hostile(SmallWallet):
    """Repeated refunds are paid again, and error names are markup, or turn text around."""

    def accepted(self, player: str) -> dict[str, Any]:
        return super().accepted(player) | {"note": "\u202e\u2066\x9b"}

    def reply(self, value: dict[str, Any], status: int = 200) -> Answer:
        if "error" in value:
            value = value | {"error": "<script>alert(1)</script>\u202e\u0085"}
        return super().reply(value, status)

    def refund(self, player: str, amount: int, transaction_id: str) -> dict[str, Any]:
        self.applied.pop((player, "refund", transaction_id), None)
        return super().refund(player, amount, transaction_id)


def certified(wallet: SmallWallet, port_free: bool = True) -> tuple[dict[str, Any], str]:
    """The certificate of one run, its clock and port blanked."""
    with serving(wallet) as endpoint:
        certificate = Certificate(python="3.x", conditions={"timeout": "5 s", "policy": "a\u202eb\x85"})
        settings = RunSettings(endpoint=endpoint, players=PLAYERS, paths=PATHS, seed=5)
        run_suite(settings, certificate.on)
    page, text = certificate.texts()
    if port_free:
        page, text = page.replace(endpoint, "ENDPOINT"), text.replace(endpoint, "ENDPOINT")
    document = json.loads(text)
    page = page.replace(str(document["clock"]["issued_at"]), "CLOCK")
    document.pop("clock")
    return document, page


@cache
def one_of(wallet: type[SmallWallet]) -> tuple[dict[str, Any], str]:
    """A certificate of such a wallet, the same for every test that only reads it."""
    return certified(wallet())


def test_the_same_run_gives_the_same_bytes() -> None:
    """Same seed and same replies: equal documents and pages, the clock aside."""
    assert certified(SmallWallet()) == one_of(SmallWallet)
    assert certified(Hostile()) == one_of(Hostile)


def test_another_reply_is_another_hash() -> None:
    """The hash of the calls depends on what the operator answered."""
    right, wrong = one_of(SmallWallet)[0], one_of(Hostile)[0]
    assert right["hashes"]["log"] != wrong["hashes"]["log"]
    assert right["hashes"]["suite"] == wrong["hashes"]["suite"]


def test_a_certificate_says_what_was_not_proven() -> None:
    """Open checks with their reasons, and that no race was provoked."""
    document, _ = one_of(SmallWallet)
    left = {each["what"]: each["why"] for each in document["not_proven"]}
    assert "races" in left
    assert any(what.startswith("SEC-01") for what in left)
    assert "refusals" not in left
    assert document["outcome"] == "passed"
    assert "self-assessment" in document["statement"]


def test_a_finding_comes_with_its_evidence() -> None:
    """Rule, message, ledger line, fix and the scenarios that met it; no random id of the run."""
    document, _ = one_of(Hostile)
    finding = next(each for each in document["findings"] if each["severity"] == "error")
    assert finding["rule"] == "IDE-03"
    assert "RUN" in finding["curl"]
    assert finding["answer"].startswith("HTTP 200 {")
    assert finding["ledger"]
    assert finding["fix"]
    assert finding["scenarios"]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        assert not any(name in ("src", "href") for name, _ in attrs)


def test_the_page_is_whole_and_escapes_what_the_operator_said() -> None:
    """One file: no script, nothing from outside, and foreign text as text."""
    _, page = one_of(Hostile)
    tags = _Tags()
    tags.feed(page)
    assert "script" not in tags.names
    assert tags.names.count("h1") == 1
    assert "<dt>The answer</dt><dd><pre>HTTP 200 {&#34;status&#34;" in page
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", page)


def test_a_run_that_did_not_come_to_its_end_is_no_certificate() -> None:
    """Interrupted, or stopped early: what ran is written, and marked as incomplete."""
    certificate = Certificate(python="3.x", conditions={})
    stopped = Certificate(python="3.x", conditions={})
    with serving(Hostile()) as endpoint:
        events: list[Event] = []
        run_suite(RunSettings(endpoint=endpoint, players=PLAYERS, paths=PATHS), events.append)
        run_suite(RunSettings(endpoint=endpoint, players=PLAYERS, paths=PATHS, maxfail=1), stopped.on)
    for event in events[: len(events) // 2]:
        certificate.on(event)
    for each in certificate, stopped:
        page, text = each.texts()
        assert json.loads(text)["complete"] is False
        assert "no certificate" in page


def test_certify_writes_both_files_and_ends_like_a_run(tmp_path: Path) -> None:
    """Through the installed script, and all of the suite whatever the configuration selects."""
    (tmp_path / "betrontech-sim.yaml").write_text(
        "tags: [smoke]\nfail_fast: true\npolicy: {zero_win: any}\n"
        "limits: {min_bet: 0.01, max_win: 999999999.99}\n"
    )
    with serving(SmallWallet()) as endpoint:
        players = [word for player in PLAYERS for word in ("--player", player)]
        done = simulate(
            "certify", "--endpoint", endpoint, *players, "--out", "paper", "--lang", "tr", folder=tmp_path
        )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "paper/certificate.json").read_text("utf-8"))
    assert document["exit_code"] == 0
    assert document["complete"] is True
    assert {group["name"] for group in document["groups"]} >= {"contract", "money", "refunds"}
    conditions = document["run"]["conditions"]
    assert conditions["policy"] == "zero_win=any"
    assert (conditions["smallest bet"], conditions["largest win"]) == ("0.01", "999999999.99")
    assert sum(document["run"]["counts"].values()) == document["run"]["scenarios"]
    page = (tmp_path / "paper/certificate.html").read_text("utf-8")
    assert "</html>" in page
    assert '<html lang="tr">' in page
    assert "kurallar: zero_win=any" in page


def test_where_no_run_began_an_earlier_certificate_stands(tmp_path: Path) -> None:
    """Neither an empty new file nor an emptied old one."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old/certificate.json").write_text("{}")
    for folder in "old", "new":
        done = simulate(
            "certify", "--endpoint", "http://8.8.8.8/", "--player", "1", "--out", folder, folder=tmp_path
        )
        assert done.returncode == 4
    assert [file.name for file in (tmp_path / "old").iterdir()] == ["certificate.json"]
    assert list((tmp_path / "new").iterdir()) == []
