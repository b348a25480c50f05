"""The terminal report as a screen gets it: the wire dump, hostile text, encodings, colours, the bar."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import unicodedata
from dataclasses import replace

import pytest

from report_stories import (
    ENDPOINT,
    REPEATED_REFUND,
    a_finding,
    a_scenario,
    an_exchange,
    end,
    on_screen,
    ran,
    start,
    told,
)
from simulator.core.findings import Verdict
from simulator.core.webhooks import NoReply, NoReplyKind, Reply
from simulator.errors import ExitCode
from simulator.report.events import DialectObserved, Event


def test_the_wire_dump_shows_both_directions() -> None:
    dump = on_screen([start(), an_exchange(), end(ExitCode.PASSED)], verbosity=3)
    for part in (f"> POST {ENDPOINT}", '> {"method":"transaction_bet"}', "< HTTP 200", '"balance":"90.00"'):
        assert part in dump


def test_the_wire_dump_masks_secrets() -> None:
    call = an_exchange()
    wire = replace(call.exchange.wire, headers=(("Authorization", "Bearer s3cr3t-token"),))
    dump = on_screen([start(), replace(call, exchange=replace(call.exchange, wire=wire))], verbosity=3)
    assert "Authorization" in dump
    assert "s3cr3t-token" not in dump


def test_the_wire_dump_is_bounded() -> None:
    """A reply of a megabyte does not flood the screen, and its size is told."""
    reply = Reply(200, tuple((f"X-{n}", "v" * 9_000) for n in range(90)), b"x" * 1_000_000)
    dump = on_screen([start(), an_exchange(reply), end(ExitCode.PASSED)], verbosity=3)
    assert len(dump) < 30_000
    assert "1,000,000 bytes" in dump


def test_the_wire_dump_tells_why_there_is_no_reply() -> None:
    silent = an_exchange(NoReply(NoReplyKind.TIMEOUT, "no answer within 5 s"), balance=None)
    assert "no answer within 5 s" in on_screen([start(), silent], verbosity=3)


HOSTILE = "\x1b]0;owned\x07\x1b[2J\rPASSED\x9b31m\u202e\u2066\x00\x7f\x85\u2028"


def test_nothing_that_is_told_can_act_on_the_terminal() -> None:
    """Control characters and bidirectional overrides of replies, names and messages arrive as escapes."""
    reply = Reply(200, (("X-Evil", HOSTILE),), HOSTILE.encode())
    finding = a_finding(
        message=HOSTILE, label=HOSTILE, trail=HOSTILE, why=HOSTILE, curl=HOSTILE, rule=HOSTILE
    )
    scenario = a_scenario(name=HOSTILE, source=(HOSTILE,) * 12)
    knob = DialectObserved(knob=HOSTILE, value=HOSTILE, evidence=HOSTILE)
    events: list[Event] = [
        start(),
        an_exchange(reply, body=HOSTILE.encode(), label=HOSTILE),
        *ran(scenario, Verdict.FAILED, finding),
        *ran(replace(scenario, id="2"), Verdict.SKIPPED, reason=HOSTILE),
        knob,
        end(ExitCode.FOUND, notes=(HOSTILE,), root_cause=HOSTILE),
    ]
    text = on_screen(events, verbosity=3)
    acting = {c for c in text if unicodedata.category(c) in {"Cc", "Cs", "Zl"} or c in "\u202e\u2066"}
    assert acting == {"\n"}
    assert "\\x1b]0;owned\\x07" in text


def test_an_ascii_screen_gets_plain_twins_and_escapes() -> None:
    scenario = a_scenario(name="Oyuncu şans 🎰")
    text = on_screen([start(), *ran(scenario, Verdict.FAILED, a_finding()), end(ExitCode.FOUND)], "ascii")
    assert "100.00 -> bet 10.00 -> 90.00" in text
    assert "Oyuncu \\u015fans \\U0001f3b0" in text


def test_color_paints_only_when_asked() -> None:
    assert "\x1b[" in on_screen(REPEATED_REFUND, color="always")
    assert "\x1b[" not in on_screen(REPEATED_REFUND, color="never")
    assert "\x1b[" not in on_screen(REPEATED_REFUND, color="auto"), "not a terminal"


def test_a_narrow_terminal_wraps_words_and_leaves_commands_whole() -> None:
    finding = a_finding(why="money " * 40)
    text = on_screen([start(), *ran(a_scenario(), Verdict.FAILED, finding), end(ExitCode.FOUND)], width=60)
    assert all(len(line) <= 60 for line in text.splitlines() if "money" in line)
    assert finding.curl in text


def test_a_call_too_long_for_a_screen_is_not_printed_on_it() -> None:
    """A request of 60 kB would bury the report; a cut command would not run."""
    text = told(
        "terminal", [start(), *ran(a_scenario(), Verdict.FAILED, a_finding(curl="curl " + "x" * 60_000))]
    )
    assert len(text) < 4_000
    assert "JSON report" in text


PROGRESS_PROGRAM = """
import sys
sys.path.insert(0, "tests")
import simulator.report.progress as progress
from report_stories import *
progress.APPEARS_AFTER_S = {appears_after_s}
report = TerminalReport(sys.stdout, width=80, progress={progress})
render(report, [start(2), *ran(a_scenario(), Verdict.PASSED), an_exchange(), *ran(a_scenario("b.yaml"),
    Verdict.FAILED, a_finding("b.yaml")), end(ExitCode.FOUND)])
sys.stderr.write("rich" if "rich" in sys.modules else "plain")
"""


def on_a_terminal(program: str) -> tuple[str, str]:
    """What a program writes to a pseudo terminal and to its stderr."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=slave, stderr=subprocess.PIPE, text=True
    ) as child:
        os.close(slave)
        written = b""
        try:
            while chunk := os.read(master, 65_536):
                written += chunk
        except OSError:  # how Linux says that the other end is closed
            pass
        finally:
            os.close(master)
        return written.decode(), child.communicate(timeout=60)[1]


def test_a_long_run_on_a_terminal_has_a_bar_and_keeps_its_failures_above_it() -> None:
    screen, modules = on_a_terminal(PROGRESS_PROGRAM.format(appears_after_s=0.0, progress=True))
    assert modules == "rich"
    assert "2/2" in screen
    assert "error[IDE-03]" in screen
    assert "ok  " not in screen, "what passes is told by the bar"


@pytest.mark.parametrize(
    ("appears_after_s", "progress"), [(0.0, False), (3_600.0, True)], ids=["plain", "short"]
)
def test_a_plain_or_a_short_run_never_imports_rich(appears_after_s: float, progress: bool) -> None:
    program = PROGRESS_PROGRAM.format(appears_after_s=appears_after_s, progress=progress)
    assert on_a_terminal(program)[1] == "plain"
