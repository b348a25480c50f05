"""The run as one HTML file: what is wrong and how to fix it, then plots, every scenario and the settings.

The file loads nothing from elsewhere. `templates/report.html` is its form; here is what it shows.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TextIO

from markupsafe import Markup

from simulator.core.calls import Call
from simulator.core.findings import Finding, Phase, Severity
from simulator.core.languages import Lang
from simulator.core.money import Money, format_money
from simulator.core.secrets import mask_url
from simulator.core.values import Frozen
from simulator.law.rules import Rule, rules
from simulator.report.causes import Cause, Overview
from simulator.report.events import Event, ScenarioFinished
from simulator.report.frame import blocks_of, facts_of
from simulator.report.languages import ENGLISH, REPORTS, Words, texts_in
from simulator.report.pages import rendered
from simulator.report.rerun import repeat_line
from simulator.report.tally import HEADLINES, NOT_PASSED, OUTCOMES, passed_with_warnings

PLOTS_MAX = 200
"""So many scenarios have a plot of their balance: a run in which all fail stays a file that opens at once."""

PLOTS_OPEN = 6
"""So many are seen at once; the others open with a click."""

SCENARIOS_OF_A_CAUSE = 20

ROWS_OF_A_TABLE = 100
"""A browser lays out only the tables that are seen: thousands of rows in one would take seconds."""

_WIDTH, _HEIGHT, _MARGIN, _LEFT = 640, 180, 24, 84


class _Row(Frozen):
    """A scenario as the list shows it."""

    id: str
    name: str
    where: str
    verdict: str
    reason: str
    milliseconds: int
    calls: int


class _Point(Frozen):
    """A balance at the number of its call; `what` names the call, `line` is that of its step."""

    index: int
    balance: Money
    what: str
    line: int


class HtmlReport:
    """The HTML report, written on `close`: what comes first in it is known last.

    Of a scenario that has ended a row stays, and the plot of its balance if it did not pass.
    """

    def __init__(self, stream: TextIO, lang: Lang = Lang.ENGLISH) -> None:
        self._stream = stream
        self._say = Words(lang)
        self._tally = Overview()
        self._rows: list[_Row] = []
        self._plots: list[tuple[str, str, Markup]] = []
        self._latencies: Counter[int] = Counter()

    def on(self, event: Event) -> None:
        self._tally.on(event)
        if type(event) is Call:
            if event.exchange.answered_ns is not None:
                self._latencies[(event.exchange.answered_ns - event.exchange.sent_ns) // 1_000_000] += 1
        elif isinstance(event, ScenarioFinished):
            self._take(event)

    def close(self) -> None:
        for event in self._tally.finish():
            self._take(event)
        # ASCII with character references: no encoding of the stream can spoil it.
        text = rendered("report.html", self._values(), self._say)
        self._stream.write(text.encode("ascii", "xmlcharrefreplace").decode("ascii"))
        self._stream.flush()

    def _take(self, event: ScenarioFinished) -> None:
        scenario = event.scenario
        warned = passed_with_warnings(event)
        self._rows.append(
            _Row(
                scenario.id,
                self._say(scenario.name),
                str(scenario.place),
                "warned" if warned else event.verdict.value,
                self._say(event.reason.partition("\n")[0]),
                event.duration_ns // 1_000_000,
                event.exchange_count,
            )
        )
        if event.verdict in NOT_PASSED and len(self._plots) < PLOTS_MAX:
            self._plots += [
                (self._say(scenario.name), self._say("player {player}", player=player), plot)
                for player, plot in _balance_plots(event, self._say)
            ]

    def _values(self) -> dict[str, object]:
        tally = self._tally
        started, outcome = tally.started, OUTCOMES[tally.exit_code]
        counts = {name: count for name, count in tally.counts_by_name.items() if count}
        return {
            "outcome": outcome,
            "headline": self._say(HEADLINES.get(outcome, outcome.replace("_", " "))),
            "counts": counts,
            "warned": tally.passed_with_warnings,
            "root_cause": tally.root_cause,
            "notes": tally.ended.notes if tally.ended else (),
            "causes": [self._cause(cause) for cause in tally.causes],
            "causes_of": self._causes_of(),
            "rules": self._rules(),
            "words": texts_in(REPORTS, self._say.lang),
            "errors": len(tally.of_severity(Severity.ERROR)),
            "known": len(tally.known),
            "warnings": len(tally.of_severity(Severity.WARNING)),
            "plots": self._plots,
            "plots_open": PLOTS_OPEN,
            "latency": _latency_plot(self._latencies, self._say),
            "percentiles": _percentiles(self._latencies),
            "dialect": list(tally.dialect.values()),
            "chunks": list(_chunks(self._rows)),
            "verdicts": sorted({row.verdict for row in self._rows}),
            "facts": self._facts(),
            "calls": tally.calls,
            "again": repeat_line(started, last_failed=False) if started else "",
            "again_failed": repeat_line(started, last_failed=True) if started else "",
        }

    def _causes_of(self) -> dict[str, list[tuple[int, str]]]:
        """Return the causes that each scenario met, by their numbers and rules."""
        found: dict[str, dict[int, str]] = {}
        for number, cause in enumerate(self._tally.causes, start=1):
            rule = cause.shown.finding.rule
            for sighting in cause.sightings:
                if sighting.scenario_id is not None:
                    found.setdefault(sighting.scenario_id, {})[number] = rule
        return {id: list(met.items()) for id, met in found.items()}

    def _rules(self) -> dict[str, Rule]:
        """Return the rules that causes name: they stand in the page, which links to nothing outside."""
        every = rules(self._say.lang)
        named = {cause.shown.finding.rule for cause in self._tally.causes}
        return {id: rule for id, rule in every.items() if id in named}

    def _facts(self) -> dict[str, object]:
        started, ended = self._tally.started, self._tally.ended
        if started is None:
            return {}
        options = " ".join(f"{flag} {value}".rstrip() for flag, value in started.options)
        return {
            "Endpoint": mask_url(started.endpoint),
            "Started": started.started_at,
            "Duration": self._say.measure(f"{ended.duration_ns // 1_000_000 / 1000:.1f} s")
            if ended
            else self._say("cut short"),
            "Calls": self._say.number(self._tally.calls),
            "Wire profile": started.wire,
            "Seed": started.seed,
            "Version": f"betrontech-sim {started.version}",
            "Settings": options,
        }

    def _cause(self, cause: Cause) -> dict[str, object]:
        titles = {each.key: each.shown.finding.message for each in self._tally.causes}
        shown = replace(cause.shown, finding=self._say.finding(cause.shown.finding))
        finding, rule = shown.finding, rules(self._say.lang).get(shown.finding.rule)
        met = [shown, *cause.others]
        return {
            "severity": finding.severity.value if cause.accepted is None else "known",
            "accepted": cause.accepted,
            "message": finding.message,
            "rule": finding.rule,
            "title": rule.title if rule else "",
            "level": rule.level.value if rule else "",
            "times": cause.times,
            "follows": self._say(titles.get(cause.may_follow_from or "", "")),
            "facts": facts_of(finding, self._say),
            "blocks": blocks_of(shown, self._tally.started),
            "lanes": lanes_plot(finding.lanes, self._say),
            "met": [(each.where, self._say(each.name)) for each in met[:SCENARIOS_OF_A_CAUSE]],
            "met_more": max(0, len(met) - SCENARIOS_OF_A_CAUSE),
        }


def _chunks(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Return the rows in tables that a browser lays out one by one, those to look at first."""
    ordered = sorted(rows, key=lambda row: (row.verdict in {"passed", "skipped"}, row.where))
    for first in range(0, len(ordered), ROWS_OF_A_TABLE):
        yield ordered[first : first + ROWS_OF_A_TABLE]


# --- plots: drawn here, so that the file shows them without a script -------------------------------


def _balance_plots(event: ScenarioFinished, say: Words) -> list[tuple[str, Markup]]:
    """Return a plot for each player: the balances that the wallet stated, and those of a right wallet.

    It begins with the last call that brought the player to the balance with which the scenario begins.
    """
    wallet: dict[str, list[_Point]] = {}
    for index, call in enumerate(event.exchanges):
        if call.player is not None and call.balance is not None:
            line = call.why.place.line if call.why.place else 0
            points = wallet.setdefault(call.player, [])
            if call.why.phase is Phase.PREPARATION:
                points.clear()
            points.append(_Point(index, call.balance, call.request.method.noun, line))
    return [
        (player, _balance_plot(points, _expected(event.findings, player, points), right, say))
        for player, points in wallet.items()
        if len(points) > 1
        for right in ([each for each in _lawful(event, player) if each.index >= points[0].index],)
    ]


def _lawful(event: ScenarioFinished, player: str) -> list[_Point]:
    """Return what a right wallet would have had after each call, the latest word on each."""
    index = {call.exchange.sent_ns: number for number, call in enumerate(event.exchanges)}
    found = {
        index[each.sent_ns]: each for each in event.lawful if each.player == player and each.sent_ns in index
    }
    return [_Point(number, each.balance, "right", 0) for number, each in sorted(found.items())]


def _expected(findings: Sequence[Finding], player: str, points: Sequence[_Point]) -> list[_Point]:
    """Return the expected balances, at the call that a finding is about: the last that stated what it found.

    A finding that no call of its line fits has no mark: the plot must not accuse a call that was right.
    """
    expected: list[_Point] = []
    for finding in findings:
        if finding.player != player or finding.place is None or finding.found is None:
            continue
        at = [each for each in points if (each.line, each.balance) == (finding.place.line, finding.found)]
        if at:
            expected += [replace(at[-1], balance=balance, what="expected") for balance in finding.expected]
    return expected


def _balance_plot(
    wallet: Sequence[_Point], ledger: Sequence[_Point], lawful: Sequence[_Point], say: Words
) -> Markup:
    """Return the wallet's balances as a line, the right ones as a dashed line, marks where they part."""
    every = [*wallet, *ledger, *lawful]
    low, high = min(point.balance for point in every), max(point.balance for point in every)
    first, last = min(point.index for point in every), max(point.index for point in every)
    last = max(last, first + 1)

    def place(point: _Point) -> tuple[int, int]:
        across = _LEFT + (point.index - first) * (_WIDTH - _LEFT - _MARGIN) // (last - first)
        tall = _HEIGHT - 2 * _MARGIN
        above = (point.balance - low) * tall // (high - low) if high > low else tall // 2
        return across, _HEIGHT - _MARGIN - above

    def steps(points: Sequence[_Point]) -> str:
        path = ""
        for point in points:
            x, y = place(point)
            path += f"H{x}V{y}" if path else f"M{x} {y}"
        return path

    right = Markup('<path class="lawful" d="{}"/>').format(steps(lawful)) if len(lawful) > 1 else ""
    dots = Markup("").join(
        Markup('<circle class="{}" cx="{}" cy="{}" r="{}"><title>{}: {}</title></circle>').format(
            kind, *place(point), size, say(point.what), format_money(point.balance)
        )
        for kind, points, size in (("wallet", wallet, 3), ("ledger", ledger, 5))
        for point in points
    )
    gaps = Markup("").join(
        Markup('<line x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(*place(point), place(other)[1])
        for point in ledger
        for other in wallet
        if other.index == point.index
    )
    labelled = (
        ((_MARGIN + 4, high), (_HEIGHT - _MARGIN + 4, low)) if high > low else ((_HEIGHT // 2 + 4, low),)
    )
    labels = Markup("").join(
        Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(_LEFT - 10, y, format_money(balance))
        for y, balance in labelled
    )
    return svg(
        say("Balance over the calls of the scenario"),
        right + Markup('<path d="{}"/>').format(steps(wallet)) + gaps + dots + labels,
    )


_LANE = re.compile(r"(?P<name>.*?) *\|(?P<bar>=*)(?P<end>[|>]) *(?P<answer>.*)")

_LANE_HEIGHT, _NAMES, _ANSWERS, _LANES_MAX = 22, 200, 130, 60


def lanes_plot(lanes: Sequence[str], say: Words = ENGLISH) -> Markup:
    """Return concurrent calls as bars over time, each with its name and its answer.

    The columns of the text are the moments; a bar without an end is a call that was never answered.
    """
    drawn = [match for lane in lanes[:_LANES_MAX] if (match := _LANE.fullmatch(lane))]
    if not drawn:
        return Markup("")
    left = min(match.start("bar") for match in drawn)
    columns = max(match.end("end") for match in drawn) - left
    room = _WIDTH - _NAMES - _ANSWERS
    content = Markup("")
    for number, match in enumerate(drawn):
        start, end = (
            (match.start("bar") - left) * room // columns,
            (match.end("end") - left) * room // columns,
        )
        top, kind = number * _LANE_HEIGHT, "open" if match["end"] == ">" else "lane"
        content += Markup(
            '<text x="0" y="{}">{}</text><rect class="{}" x="{}" y="{}" width="{}" height="10" rx="2"/>'
            '<text x="{}" y="{}">{}</text>'
        ).format(
            top + 15, match["name"], kind, _NAMES + start, top + 6, max(2, end - start), *_at_end(match, top)
        )
    return svg(say("Calls over time"), content, len(drawn) * _LANE_HEIGHT)


def _at_end(match: re.Match[str], top: int) -> tuple[int, int, str]:
    return _WIDTH - _ANSWERS + 10, top + 15, match["answer"]


def svg(title: str, content: Markup, height: int = _HEIGHT) -> Markup:
    return Markup('<svg role="img" viewBox="0 0 {} {}"><title>{}</title>{}</svg>').format(
        _WIDTH, height, title, content
    )


def _percentiles(latencies: Mapping[int, int]) -> dict[str, int]:
    """Return p50, p95, p99 and the longest in milliseconds; nothing without an answer."""
    total = sum(latencies.values())
    if not total:
        return {}
    found = {}
    for name, percent in (("p50", 50), ("p95", 95), ("p99", 99), ("longest", 100)):
        left = math.ceil(total * percent / 100)
        for milliseconds in sorted(latencies):
            left -= latencies[milliseconds]
            if left <= 0:
                found[name] = milliseconds
                break
    return found


def _latency_plot(latencies: Mapping[int, int], say: Words) -> Markup:
    """Return a histogram whose bars double in width: up to 1 ms, 2 ms, 4 ms and so on."""
    bars: Counter[int] = Counter()
    for milliseconds, count in latencies.items():
        bars[milliseconds.bit_length()] += count
    if not bars:
        return Markup("")
    kinds, most = max(bars) + 1, max(bars.values())
    step = (_WIDTH - 2 * _MARGIN) // kinds
    content = Markup("")
    for kind in range(kinds):
        tall = bars[kind] * (_HEIGHT - 3 * _MARGIN) // most or (1 if bars[kind] else 0)
        left, top = _MARGIN + kind * step, _HEIGHT - _MARGIN - tall
        middle = left + step // 2
        content += Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(
            left + 3, top, step - 6, tall
        )
        content += Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
            middle, _HEIGHT - 6, f"< {1 << kind} ms"
        )
        if bars[kind]:
            content += Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                middle, top - 5, say.number(bars[kind])
            )
    return svg(say("Number of answers by the time that they took"), content)
