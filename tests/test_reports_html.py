"""The HTML report: a page that loads nothing, and shows what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from report_stories import (
    ENDPOINT,
    REFUND_FILE,
    RUN,
    a_finding,
    a_scenario,
    an_exchange,
    end,
    ran,
    start,
    told,
)
from simulator.core.findings import Place, Verdict
from simulator.core.money import Money
from simulator.errors import ExitCode
from simulator.reference_operator import OperatorSettings
from simulator.reference_operator.server import OperatorServer
from simulator.report.events import Event, ScenarioFinished
from simulator.report.html import PLOTS_MAX, PLOTS_OPEN
from suite_runs import run_against


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = told("html", RUN)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
    assert 'href="#IDE-03"' in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert "url(" not in page
    assert page.count("<main>") == 1


def test_what_came_from_outside_is_escaped() -> None:
    finding = a_finding(message="<script>alert(1)</script>", answer="<img src=x>\u202e")
    page = told("html", [start(), *ran(a_scenario(), Verdict.FAILED, finding), end(ExitCode.FOUND)])
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_cause_shows_evidence_cost_cure_and_the_line_that_repeats_it() -> None:
    finding = a_finding(expected=(Money(100_00),), found=Money(110_00))
    page = told("html", [start(), *ran(a_scenario(), Verdict.FAILED, finding), end(ExitCode.FOUND)])
    for heading in ("What happened", "Expected", "Why it matters", "How to fix it", "Run it again"):
        assert heading in page


def test_a_scenario_that_failed_leads_to_its_causes() -> None:
    page = told("html", RUN)
    listed = page.partition('id="scenarios"')[2]
    row = next(each for each in listed.split("<tr ") if 'data-verdict="failed"' in each)
    assert '<a href="#cause-1">IDE-03</a>' in row
    assert "#cause-" not in "".join(each for each in listed.split("<tr ") if "failed" not in each)


def test_the_top_says_what_was_judged_and_leads_to_every_section() -> None:
    page = told("html", RUN)
    top = page.partition('id="wrong"')[0]
    assert all(text in top for text in (ENDPOINT, "2025-01-31T09:30:00+00:00", "0 calls", "2.3 s"))
    assert set(re.findall(r'<section id="(\w+)"', page)) == set(re.findall(r'<a href="#(\w+)">', top))


def test_a_run_that_was_cut_short_is_a_whole_page() -> None:
    page = told("html", RUN[:2])
    assert "The run was interrupted" in page
    assert page.rstrip().endswith("</html>")


def test_five_thousand_scenarios_that_fail_stay_a_small_file() -> None:
    """At most PLOTS_MAX of them have a plot, each has its row."""
    calls = (an_exchange(label="b1"), an_exchange(label="b2"))
    events: list[Event] = [start()]
    for number in range(5000):
        scenario = a_scenario(f"scenarios/s{number}.yaml", id=f"s{number}")
        for event in ran(scenario, Verdict.FAILED, a_finding()):
            if isinstance(event, ScenarioFinished):
                event = replace(event, exchanges=calls)
            events.append(event)
    page = told("html", [*events, end(ExitCode.FOUND)])
    assert len(page) < 10_000_000
    assert page.count("<tr data-verdict") == 5000
    assert 0 < page.count('<path d="M') <= PLOTS_MAX
    seen_at_once = page.partition('id="balances"')[2].partition("<details>")[0]
    assert seen_at_once.count('<figure class="balance">') == PLOTS_OPEN


def test_only_the_call_that_a_finding_is_about_gets_the_expected_balance() -> None:
    """The calls before it stated what was right, and no mark says otherwise."""
    place = Place(REFUND_FILE, 9, 5, 3)  # the step of an_exchange
    finding = a_finding(place=place, player="1000", expected=(Money(100_00),), found=Money(110_00))
    calls = tuple(an_exchange(balance=Money(cents)) for cents in (90_00, 100_00, 110_00))
    *before, ended = ran(a_scenario(), Verdict.FAILED, finding)
    assert isinstance(ended, ScenarioFinished)
    page = told("html", [start(), *before, replace(ended, exchanges=calls), end(ExitCode.FOUND)])
    assert page.count('class="wallet"') == 3
    assert page.count('class="ledger"') == 1
    assert "<title>expected: 100.00</title>" in page


def test_a_run_without_the_page_does_not_load_its_templates(tmp_path: Path) -> None:
    code = "import sys, simulator.cli.run_reports, simulator.report.json; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == "False", done.stderr


def test_the_balances_of_a_right_wallet_are_drawn_beside_those_of_the_wallet(tmp_path: Path) -> None:
    """After a refund that is paid twice the two lines stay apart: what a wallet shows is never adopted."""
    file = tmp_path / "a.yaml"
    file.write_text(
        "steps:\n  - bet: {amount: 10.00, id: b}\n  - refund: b\n  - resend: last\n  - bet: 5.00\n", "utf-8"
    )
    with OperatorServer(OperatorSettings(defects=("refund-paid-twice",))) as wallet:
        run = run_against(wallet.endpoint, [str(file)], ("1000",))
    (event,) = run.finished.values()
    assert [each.balance for each in event.lawful][-1] == Money(95_00)
    assert [call.balance for call in event.exchanges][-1] == Money(105_00)
    page = told("html", [start(), event, end(ExitCode.FOUND)])
    assert page.count('<path class="lawful" d="M') == 1
    assert ">1000.00</text>" not in page, "how the player came to the balance of the scenario is not drawn"


def test_calls_that_were_in_flight_together_are_drawn_as_bars() -> None:
    """A call that was never answered has a bar without an end; a lane of another form stays text."""
    lanes = ("bet@5 of 3.91  |====|     → 96.09", "bet@5 of 6.60    |=====>   no answer")
    page = told(
        "html", [start(), *ran(a_scenario(), Verdict.FAILED, a_finding(lanes=lanes)), end(ExitCode.FOUND)]
    )
    assert page.count('<rect class="lane"') == 1
    assert page.count('<rect class="open"') == 1
    assert "bet@5 of 3.91</text>" in page
    assert "win@6 is the win that line 6 of the scenario sends" in page
    other = a_finding(lanes=("something else",))
    page = told("html", [start(), *ran(a_scenario(), Verdict.FAILED, other), end(ExitCode.FOUND)])
    assert '<pre class="lanes">something else</pre>' in page
