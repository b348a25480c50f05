"""Known causes: `--accept` shows them and lets the run pass, `--write-accept` writes them down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from command_line import simulate
from junit_structure import assert_junit
from report_stories import a_finding, a_scenario, end, ran, start, told
from simulator.core.findings import KnownCause, Verdict
from simulator.errors import ConfigurationError, ExitCode
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.report.known import known_text
from simulator.scenario.known_file import read_known

TWICE = "name: The same bet twice\nsteps:\n  - bet: 10.00\n  - resend: last\n"
REFUND = (
    "name: The same refund twice\nsteps:\n  - bet: {amount: 10.00, id: b}\n  - refund: b\n  - resend: last\n"
)
BET, PAID = "repeated-bet-taken-again", "repeated-refund-credited-again"
TODAY = date.today().isoformat()  # the day of this machine, as the file has it


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A wallet that applies repeated bets and refunds again."""
    with OperatorServer(OperatorSettings(defects=("bet-charged-again", "refund-paid-twice"))) as wallet:
        yield wallet.endpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two scenarios, each of which meets one of the defects."""
    (tmp_path / "a-bet.yaml").write_text(TWICE, "utf-8")
    (tmp_path / "b-refund.yaml").write_text(REFUND, "utf-8")
    return tmp_path


def test_a_file_as_written_is_accepted_by_the_next_run(endpoint: str, folder: Path) -> None:
    """The run that writes it still fails; the one that accepts it passes, and each report says so."""
    target = ("run", ".", "--endpoint", endpoint, "--player", "1000")
    first = simulate(*target, "--write-accept", "known.yaml", folder=folder)
    assert first.returncode == 1, first.stdout
    written = read_known(folder / "known.yaml")
    assert {each.cause for each in written} == {BET, PAID}
    assert {each.reason for each in written} == {f"accepted on {TODAY}"}
    reports = ("--report", "json:r.json", "--report", "junit:r.xml", "--report", "markdown:r.md")
    second = simulate(*target, "-x", "--accept", "known.yaml", *reports, folder=folder)
    assert second.returncode == 0, second.stdout
    assert "2 known causes, accepted by --accept" in second.stdout
    assert "2 failed (2 known)" in second.stdout, "known failures do not end the run by -x"
    assert f"accepted on {TODAY}" in second.stdout
    document = json.loads((folder / "r.json").read_text("utf-8"))
    assert document["exit_code"] == 0
    reason = {"reason": f"accepted on {TODAY}", "expires": None}
    assert [cause["accepted"] for cause in document["causes"]] == [reason, reason]
    junit = (folder / "r.xml").read_text("utf-8")
    tree = ElementTree.fromstring(junit)
    assert_junit(tree)
    assert (tree.get("failures"), junit.count("<skipped")) == ("0", 2)
    assert "### 1. known error" in (folder / "r.md").read_text("utf-8")


def test_a_new_cause_fails_the_run_beside_known_ones(endpoint: str, folder: Path) -> None:
    """One cause is accepted, the other is not: it comes first, and alone counts for -x."""
    (folder / "known.yaml").write_text(known_text([KnownCause(cause=BET, reason="we know")]), "utf-8")
    target = ("run", "--endpoint", endpoint, "--player", "1000", "--accept", "known.yaml")
    done = simulate(*target, ".", "-x", "--report", "json:r.json", folder=folder)
    assert done.returncode == 1
    assert "2 failed (1 known)" in done.stdout
    document = json.loads((folder / "r.json").read_text("utf-8"))
    assert [(each["cause"], bool(each["accepted"])) for each in document["causes"]] == [
        (PAID, False),
        (BET, True),
    ]


def test_what_was_not_met_and_what_expired_is_named(endpoint: str, folder: Path) -> None:
    """A day that is over makes a cause new; a cause whose scenario passed may be fixed."""
    (folder / "c-passes.yaml").write_text("name: A bet\nsteps:\n  - bet: 1.00\n", "utf-8")
    yesterday = (date.fromisoformat(TODAY) - timedelta(days=2)).isoformat()
    entries = [
        KnownCause(cause=BET, reason="until the release", expires=yesterday),
        KnownCause(cause="overdraft", reason="known", scenario="c-passes.yaml"),
        KnownCause(cause="win-refused", reason="known", scenario="elsewhere.yaml"),
        KnownCause(cause=PAID, reason="paid by hand", expires=TODAY),
    ]
    (folder / "known.yaml").write_text(known_text(entries), "utf-8")
    flags = ("--accept", "known.yaml", "--write-accept", "known.yaml")
    done = simulate("run", ".", "--endpoint", endpoint, "--player", "1000", *flags, folder=folder)
    assert done.returncode == 1
    assert f"known cause {BET} is accepted no more: it expired on {yesterday}" in done.stdout
    assert "known cause overdraft was not met, and c-passes.yaml passed" in done.stdout
    assert "known cause win-refused was not met: this run does not show" in done.stdout
    kept = {each.cause: (each.reason, each.expires) for each in read_known(folder / "known.yaml")}
    assert kept == {
        BET: (f"accepted on {TODAY}", ""),
        "win-refused": ("known", ""),
        PAID: ("paid by hand", TODAY),
    }


BROKEN = [
    pytest.param("known:\n  - cause: a\n", 'k.yaml:2:5: a known cause needs "reason"', id="missing"),
    pytest.param("known:\n  - cause: a\n    reson: b\n", 'did you mean "reason"?', id="misspelt"),
    pytest.param(
        "known:\n  - {cause: a, reason: b, expires: 31.12.2027}\n",
        'k.yaml:2:36: expected a day like 2027-01-31, found "31.12.2027"',
        id="day",
    ),
    pytest.param(
        "known:\n  - {cause: a, reason: b}\n  - {cause: a, reason: c}\n", "is in the file already", id="twice"
    ),
    pytest.param("known: {a: b}\n", '"known" is a list of causes', id="mapping"),
    pytest.param("", 'one YAML mapping with the key "known"', id="empty"),
    pytest.param("\0", "k.yaml:1", id="binary"),
]


@pytest.mark.parametrize(("text", "told_"), BROKEN)
def test_a_file_with_mistakes_is_refused_with_their_places(tmp_path: Path, text: str, told_: str) -> None:
    file = tmp_path / "k.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read_known(file)
    assert told_ in str(raised.value)


def test_a_missing_file_ends_the_run_before_anything_is_sent(folder: Path) -> None:
    flags = ("--endpoint", "http://127.0.0.1:9/", "--player", "1", "--accept", "none.yaml")
    done = simulate("run", ".", *flags, folder=folder)
    assert (done.returncode, done.stdout) == (4, "")
    assert "none.yaml cannot be read" in done.stderr


@pytest.mark.parametrize("kind", ["html", "markdown", "terminal"])
def test_each_report_shows_a_known_cause_with_its_reason(kind: str) -> None:
    known = KnownCause(cause="repeated-refund-credited-again", reason="paid by hand", expires="2999-12-31")
    events = [
        replace(start(), accepted=(known,)),
        *ran(a_scenario(), Verdict.FAILED, a_finding()),
        end(ExitCode.PASSED),
    ]
    text = told(kind, events)
    assert "paid by hand, until 2999-12-31" in text


@pytest.mark.parametrize("text", ['a "quoted" text: {x}', "Türkçe 🎰", "# no comment", "line\nline"])
def test_any_reason_is_read_as_it_was_written(tmp_path: Path, text: str) -> None:
    file = tmp_path / "k.yaml"
    file.write_text(known_text([KnownCause(cause="a", reason=text)]), "utf-8")
    assert read_known(file)[0].reason == text.replace("\n", "\\n")


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="/dev/zero cannot be read: it is no regular file"):
        read_known(Path("/dev/zero"))
