"""The console's pages without a browser: what they hold, in three languages, escaped, without a script."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from shutil import which

import pytest

from control_client import Control, controlled
from simulator.core.findings import CallVerdict, Outcome
from simulator.core.languages import Lang
from simulator.core.webhooks import Method
from simulator.report.languages import texts_in
from simulator.serve.console.exports import code_of
from simulator.serve.console.frame import POLICY, TEXTS, shown_body
from simulator.serve.console.plots import CANVASES, WIDE, time_axis
from simulator.serve.entries import Purpose

PAGES = (
    "/",
    "/console/players",
    "/console/player?agent=demo&player=1000",
    "/console/sessions",
    "/console/findings",
    "/console/undelivered",
    "/console/latency",
    "/console/requests",
    "/console/requests/1",
    "/console/connect",
    "/console/compose?number=4",
    "/console/exchange/1",
    "/console/rules/IDE-01",
)
HOSTILE = "<script>alert(1)</script>\"'&"


class Elements(HTMLParser):
    """The elements of a page: which are open, and every attribute."""

    VOID = frozenset({"meta", "link", "input", "br", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.scripts = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One more is open."""
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "script" and ("type", "application/json") not in attrs:
            self.scripts += 1
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opened and closed at once."""
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """It has to be the one that was opened last."""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def control() -> Iterator[Control]:
    """A server on which something was played, and went wrong."""
    with controlled("bet-charged-again") as found:
        path = found.seat()
        found.spin(path)
        number = found.bet("10.00")["exchanges"][0]
        found.do("POST", f"/journal/{number}/resend")
        found.bet(player=HOSTILE)
        found.seat(HOSTILE, type="DEMO", user_name=HOSTILE)
        found.api.launch(game_id=HOSTILE)
        yield found


def text_of(control: Control, path: str, **headers: str) -> str:
    """A page."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = control.api.client.get(path, headers={"Accept": "text/html", **named})
    assert reply.status_code == 200, reply.data
    return reply.get_data(as_text=True)


@pytest.mark.parametrize("lang", Lang)
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_in_every_language(control: Control, path: str, lang: Lang) -> None:
    """Well-formed, with no place left open in its texts, and nothing from elsewhere."""
    text = text_of(control, path, Accept_Language=f"{lang},xx;q=0.5")
    found = Elements(text)
    assert found.open == []
    assert f'<html lang="{lang}">' in text
    assert text.count("<main ") == 1
    assert text.count('id="main"') == 1
    assert texts_in(TEXTS, lang)["nav_findings"] in text
    written = re.sub(r"(?s)<pre.*?</pre>", "", text.split('<script type="application/json"')[0])
    assert not re.search(r">[^<]*\{\w+\}[^<]*<", written)
    assert not [each for each in found.attributes if each[1] in ("src", "href") and "://" in str(each[2])]
    assert not [each for each in found.attributes if each[1] == "style" or each[1].startswith("on")]


@pytest.mark.parametrize("path", [*PAGES, "/console/login", "/console/exchange/999"])
def test_every_page_forbids_what_is_not_ours(control: Control, path: str) -> None:
    """Scripts and styles are files of ours; nobody may frame it."""
    reply = control.api.client.get(path)
    assert reply.headers["Content-Security-Policy"] == POLICY
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in POLICY
    assert "frame-ancestors 'none'" in POLICY


def test_whatever_players_and_operators_send_is_text(control: Control) -> None:
    """Every page on which a hostile name stands has it escaped."""
    entry = control.get("/journal?text=alert")["exchanges"][0]["number"]
    paths = [
        "/",
        "/console/players",
        "/console/sessions",
        "/console/requests",
        "/console/requests/2",
        f"/console/exchange/{entry}",
        "/?text=%3Cscript%3E",
    ]
    for path in [*paths, "/console/player?agent=demo&player=%3Cscript%3Ealert(1)%3C/script%3E"]:
        text = text_of(control, path)
        assert "&lt;script&gt;" in text, path
        assert Elements(text).scripts == 1, path


def test_news_carry_escaped_rows(control: Control) -> None:
    """For the pages that poll."""
    rows = control.api.client.get("/console/news?since=0").get_json()["rows"]
    hostile = [row for row in rows if "alert" in row["html"]]
    assert hostile
    for row in rows:
        assert Elements(row["html"]).scripts == 0
        assert row["html"].startswith("<li")


def test_the_list_is_filtered_by_the_server_without_a_script(control: Control) -> None:
    """By the form's own fields; what is chosen stays chosen."""
    text = text_of(control, "/?verdict=wrong&player=1000")
    rows = re.findall(r'<li class="row" data-number="(\d+)" data-outcome="\w+" data-verdict="(\w+)"', text)
    assert {verdict for _, verdict in rows} == {"wrong"}
    assert '<option value="wrong" selected>' in text
    assert f"{len(rows)} of " in text
    assert control.api.client.get("/?outcome=nonsense").status_code == 422


def test_an_exchange_shows_both_sides_its_finding_and_its_attempts(control: Control) -> None:
    number = control.get("/journal?verdict=wrong")["exchanges"][0]["number"]
    text = text_of(control, f"/console/exchange/{number}")
    for part in ("IDE-01", "Request", "Reply", "HTTP 200", "Same transaction_id", "curl ", "data-resend"):
        assert part in text
    assert text.count('class="attempts"') == 1
    assert "<header class" not in text_of(control, f"/console/exchange/{number}?part=1")


def test_a_webhook_is_composed_from_an_exchange(control: Control) -> None:
    number = control.get("/journal?verdict=wrong")["exchanges"][0]["number"]
    entry = control.get(f"/journal/{number}")
    text = text_of(control, f"/console/compose?number={number}")
    assert f'name="transaction_id" value="{entry["transaction_id"]}"' in text
    assert 'name="amount" value="10.00"' in text
    assert "<option selected>transaction_bet</option>" in text
    assert 'name="user_id" value="1000"' in text_of(control, "/console/compose?number=999")


def test_a_session_opens_its_game_and_is_exported_as_a_scenario(control: Control) -> None:
    text = text_of(control, "/console/sessions")
    path = re.search(r'href="(/play/[^"]+)"', text)
    assert path
    assert control.api.client.get(path[1]).status_code == 200
    export = re.search(r'href="(/_sim/journal/export.yaml\?agent=demo&amp;session=demo-1)"', text)
    assert export
    assert control.api.client.get(export[1].replace("&amp;", "&")).status_code == 200


CALLERS = {
    "curl": ["sh", "-c"],
    "PHP": ["php", "-r"],
    "Python": [sys.executable, "-c"],
    "Node": ["node", "-e"],
}


@pytest.mark.parametrize("name", CALLERS)
def test_a_copied_call_sends_the_same_bytes(control: Control, name: str) -> None:
    """Whatever the player is called."""
    if which(CALLERS[name][0]) is None:
        pytest.skip(f"{CALLERS[name][0]} is not installed")
    player = "o'\"\\$x`é"
    entry = control.api.state.delivery.journal.entry(control.read(player)["exchanges"][0])
    assert entry
    before = control.played.calls_at_operator()
    with control.api.app.test_request_context():
        code = code_of(entry, control.api.state.agents)[name].removeprefix("<?php")
    done = subprocess.run([*CALLERS[name], code], capture_output=True, text=True, timeout=60)
    assert '"balance"' in done.stdout or "INVALID_USER" in done.stdout, done.stderr + done.stdout
    assert control.played.calls_at_operator() == before + 1


def test_a_copied_archive_has_request_and_answer(control: Control) -> None:
    number = control.get("/journal?verdict=wrong")["exchanges"][0]["number"]
    entry = control.api.state.delivery.journal.entry(number)
    assert entry
    with control.api.app.test_request_context():
        archive = json.loads(code_of(entry, control.api.state.agents)["HAR"])["log"]
    (found,) = archive["entries"]
    assert archive["version"] == "1.2"
    assert json.loads(found["request"]["postData"]["text"])["method"] == "transaction_bet"
    assert (found["response"]["status"], found["response"]["content"]["mimeType"]) == (
        200,
        "application/json",
    )
    assert found["time"] == found["timings"]["wait"] > 0


def test_a_balance_that_differs_is_a_gap_in_the_plot_and_in_the_table(control: Control) -> None:
    text = text_of(control, "/console/player?agent=demo&player=1000")
    assert 'class="gap"' in text
    assert '<tr class="differs">' in text
    assert re.search(r'<path d="M[\d. HV]+" class="line answered"/>', text)
    assert re.search(r'<path d="M[\d. HVZ]+" class="difference"/>', text)


def test_the_axis_is_time_and_leaves_out_an_hour_in_which_nothing_happened() -> None:
    axis = time_axis([0, 1000, 2000, 3_602_000, 3_603_000])
    assert [each.left_out_ms for each in axis.breaks] == [3_600_000]
    second = axis.x(1000) - axis.x(0)
    assert axis.x(2000) - axis.x(1000) == pytest.approx(second, abs=0.2)
    assert axis.x(3_603_000) - axis.x(3_602_000) == pytest.approx(second, abs=0.2)
    assert axis.x(2000) < axis.breaks[0].x < axis.x(3_602_000)
    assert axis.x(3_603_000) <= WIDE.width
    assert [tick.x for tick in axis.ticks] == sorted({tick.x for tick in axis.ticks})


@pytest.mark.parametrize("times", [[5], [5, 5, 5], [0, 1], [0, 10**12], list(range(0, 10**6, 997))])
def test_the_axis_has_room_for_any_times(times: list[int]) -> None:
    for canvas in CANVASES:
        axis = time_axis(times, canvas)
        assert all(canvas.left <= axis.x(at) <= canvas.width for at in times)
        assert axis.ticks


def test_what_is_not_there_says_so_as_a_page(control: Control) -> None:
    for number in ("999", "9" * 30):
        reply = control.api.client.get(f"/console/exchange/{number}", headers={"Accept": "text/html"})
        assert reply.status_code == 404
        assert "Nothing here" in reply.get_data(as_text=True)


def test_a_language_that_was_chosen_beats_the_browsers(control: Control) -> None:
    client = control.api.app.test_client()
    chosen = client.post("/console/language", data={"lang": "tr", "next": "/console/players"})
    assert chosen.headers["Location"] == "/console/players"
    page = client.get("/", headers={"Accept-Language": "pt-BR"}).get_data(as_text=True)
    assert '<html lang="tr">' in page
    client.post("/console/language", data={"lang": "xx"})
    assert '<html lang="tr">' in client.get("/").get_data(as_text=True)


def test_every_language_has_every_text_with_the_same_places() -> None:
    """And none says the same as English where a sentence stands."""
    english = texts_in(TEXTS, Lang.ENGLISH)

    def flat(texts: object, path: str = "") -> dict[str, str]:
        if not isinstance(texts, dict):
            return {path: str(texts)}
        return {
            key: text for name, each in texts.items() for key, text in flat(each, f"{path}.{name}").items()
        }

    for lang in Lang:
        found, wanted = flat(texts_in(TEXTS, lang)), flat(english)
        assert list(found) == list(wanted)
        for name, text in wanted.items():
            assert sorted(re.findall(r"\{\w+\}", found[name])) == sorted(re.findall(r"\{\w+\}", text)), name
            if lang is not Lang.ENGLISH and len(text.split()) > 4:
                assert found[name] != text, name
    assert {file.stem for file in TEXTS.iterdir()} == {str(lang) for lang in Lang}


def test_every_word_of_the_journal_has_its_text() -> None:
    texts = texts_in(TEXTS, Lang.ENGLISH)
    named = {"outcome": Outcome, "verdict": CallVerdict, "purpose": Purpose, "method": Method}
    for name, words in named.items():
        assert all(texts[f"{name}_{word}"] for word in words)


def test_every_text_is_used() -> None:
    """By a template, a script, or a route."""
    console = TEXTS.parent
    files = [file for kind in ("*.html", "*.js", "*.py") for file in sorted(console.rglob(kind))]
    code = "\n".join(file.read_text() for file in files)
    made = (
        "outcome_",
        "verdict_",
        "purpose_",
        "method_",
        "severity_",
        "refused_",
        "nav_",
        "filter_",
        "check_",
        "closing_",
        "level_",
    )
    texts = texts_in(TEXTS, Lang.ENGLISH)
    names = [*(name for name in texts if name != "js"), *texts["js"]]
    unused = [name for name in names if not name.startswith(made) and not re.search(rf"\b{name}\b", code)]
    assert unused == []


BODIES: dict[str, tuple[bytes, str]] = {
    "an object": (
        b'{"a":"x","b":[1,2.50,true],"c":{}}',
        '{\n  "a": "x",\n  "b": [\n    1,\n    2.50,\n    true\n  ],\n  "c": {}\n}',
    ),
    "digits are kept": (
        b'{"balance": 100000000000000000000.10}',
        '{\n  "balance": 100000000000000000000.10\n}',
    ),
    "not JSON": (b"<b>Fatal error</b>", "<b>Fatal error</b>"),
    "nothing": (b"", ""),
    "not UTF-8": (b"\xff{", "\ufffd{"),
    "signs in a text": (b'["{\\"a\\": [1,2]}"]', '[\n  "{\\"a\\": [1,2]}"\n]'),
    "too deep": (b"[" * 100_000, "[" * 65_536),
}


@pytest.mark.parametrize(("body", "text"), BODIES.values(), ids=BODIES.keys())
def test_a_body_is_shown_in_lines_with_every_character(body: bytes, text: str) -> None:
    assert "".join(piece for _, piece in shown_body(body).pieces) == text


def test_pages_of_an_empty_server_say_what_to_do() -> None:
    with controlled() as control:
        assert "Launch a game" in text_of(control, "/")
        for path in PAGES[1:8]:
            assert 'class="empty"' in text_of(control, path), path


NOT_THERE = {
    "/console/exchange/999": "The journal has no exchange with this number",
    "/console/requests/999": "The API log has no call with this number",
    "/console/rules/XYZ-99": "There is no rule of this name",
    "/console/jornal": "The console has no page at this address",
}


@pytest.mark.parametrize(("path", "why"), NOT_THERE.items())
def test_what_is_not_there_is_said_on_a_page(control: Control, path: str, why: str) -> None:
    reply = control.api.client.get(path)
    assert reply.status_code == 404
    assert why in reply.get_data(as_text=True)


def test_static_files_are_ours_and_need_no_token() -> None:
    """The form to log in looks like the rest."""
    with controlled(admin_token="t") as control:
        static = Path(TEXTS.parent / "static")
        for file in static.iterdir():
            with closing(control.api.client.get(f"/console/static/{file.name}")) as reply:
                assert reply.status_code == 200
                assert reply.data == file.read_bytes()
                assert b"://" not in re.sub(rb"http://www.w3.org/\S+", b"", reply.data), file.name
        assert control.api.client.get("/console/static/../access.py").status_code == 404
        assert json.loads(control.api.client.get("/console/static/nothing.js").data)["status"] is False


def _colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", css))


def _brightness(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_a_text_stands_out_from_its_ground(scheme: str) -> None:
    """4.5 to 1 at least, and 3 to 1 for the edges of what can be filled in or pressed (WCAG 2, AA)."""
    css = (TEXTS.parent / "static" / "console.css").read_text()
    light, _, rest = css.partition("@media (prefers-color-scheme: dark)")
    colours = _colours(light if scheme == "light" else rest.partition("* { box-sizing")[0])
    grounds = ("card", "ground", "hover", "chosen")
    pairs = [
        (ink, ground)
        for ink in ("ink", "soft", "accent", "good", "bad", "warn", "note")
        for ground in grounds
    ]
    pairs += [(ink, f"{ink}-ground") for ink in ("good", "bad", "warn", "note")]
    pairs += [(ink, f"{kind}-ground") for ink in ("ink", "soft") for kind in ("bad", "warn", "note")]
    pairs += [("accent-ink", "accent"), ("key", "card")]
    edges = [("edge", ground) for ground in ("card", "ground")]
    for ink, ground in [*pairs, *edges]:
        high, low = sorted((_brightness(colours[ink]), _brightness(colours[ground])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= (3 if ink == "edge" else 4.5), f"{ink} on {ground}"
