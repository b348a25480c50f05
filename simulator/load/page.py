"""A load as one HTML file, and as JSON. The file loads nothing from elsewhere: its plots are drawn here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from markupsafe import Markup

from simulator.load.figures import Figures, Moment, Percentiles
from simulator.load.launch import LoadResult, WorkerRecord
from simulator.load.outcome import Collision, LoadCause, LoadOutcome
from simulator.load.plan import LoadPlan
from simulator.report.html import lanes_plot, svg
from simulator.report.pages import rendered
from simulator.report.text import plural

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 616, 12, 156

_TICKS = 5

_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600, 7200, 86_400)
"""The seconds that may lie between two marks of the time, of which there are at most so many."""

_MARKS_MAX = 10

_PLAYERS_SHOWN = 20

_COLLISIONS_SHOWN = 100


def load_html(result: LoadResult, outcome: LoadOutcome) -> str:
    """Return the page, in ASCII with character references: no encoding can spoil it."""
    figures = result.figures
    values = {
        "outcome": "passed" if not outcome.code else "failed" if outcome.code == 1 else "inconclusive",
        "headline": outcome.headline,
        "why": _sentence(outcome.why),
        "broken": [_sentence(each) for each in outcome.broken if each not in outcome.why],
        "causes": [_cause(each) for each in outcome.causes],
        "figures": figures,
        "rows": _rows(figures) if figures else (),
        "plots": _plots(figures.moments) if figures and len(figures.moments) > 1 else (),
        "counts": {"sent": outcome.sent, "recorded": outcome.recorded, "judged": outcome.judged},
        "workers": result.workers,
        "facts": _facts(result),
        "notes": result.notes,
    }
    return rendered("load.html", values).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _cause(cause: LoadCause) -> dict[str, object]:
    return {
        "severity": cause.severity,
        "title": cause.title,
        "rule": cause.rule,
        "cause": cause.cause,
        "why": _sentence(cause.why),
        "shown": cause.shown,
        "lanes": lanes_plot(cause.shown.lanes),
        "players": cause.players[:_PLAYERS_SHOWN],
        "more": max(0, len(cause.players) - _PLAYERS_SHOWN),
        "count": len(cause.players),
        "others": cause.collisions[1:_COLLISIONS_SHOWN],
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _rows(figures: Figures) -> list[tuple[str, int, Percentiles | None]]:
    return [("all", figures.calls, figures.latencies), *figures.by_method]


def _facts(result: LoadResult) -> dict[str, object]:
    plan = result.plan
    if plan is None:
        return {}
    rate = (
        "each user calls as soon as it is answered" if plan.rate is None else f"{plan.rate:g} calls a second"
    )
    return {
        "Endpoint": plan.endpoint,
        "Users": f"{plan.users:,} for {plural(len(plan.players), 'player')}, "
        f"by {plural(len(result.workers), 'worker')}",
        "Duration": f"{plan.seconds:g} s, of which {plan.ramp_s:g} s to reach all users",
        "Rate": rate,
        "Pause": "none" if plan.think_s == (0, 0) else f"{plan.think_s[0]:g} to {plan.think_s[1]:g} s",
        "Sessions": ", ".join(f"{name} ({weight})" for name, weight in plan.mix),
        "Faults": ", ".join(f"{name} {share:.2%}" for name, share in plan.disturbances),
        "Seed": plan.seed,
        "Version": f"betrontech-sim {plan.version}",
    }


# --- plots over time ------------------------------------------------------------------------------

Series = tuple[str, Sequence[float | None]]


def _plots(moments: Sequence[Moment]) -> list[tuple[str, list[str], Markup]]:
    """Return the plots with what each shows, and the names of its lines."""

    def percentile(take: Callable[[Percentiles], float]) -> list[float | None]:
        return [None if each.latencies is None else take(each.latencies) for each in moments]

    latencies: list[Series] = [
        ("p50", percentile(lambda each: each.p50_ms)),
        ("p95", percentile(lambda each: each.p95_ms)),
        ("p99", percentile(lambda each: each.p99_ms)),
    ]
    rates: list[Series] = [
        ("calls", [each.calls_per_s for each in moments]),
        ("errors", [each.errors_per_s for each in moments]),
    ]
    times = [each.at_s for each in moments]
    return [
        (title, [name for name, _ in series], _over_time(title, times, series))
        for title, series in (("How long answers took, in milliseconds", latencies), ("A second", rates))
    ]


def _over_time(title: str, times: Sequence[float], series: Sequence[Series]) -> Markup:
    most = _round_up(max((value for _, values in series for value in values if value is not None), default=1))
    last = times[-1] or 1

    def place(at_s: float, value: float) -> tuple[int, int]:
        across = _LEFT + round(at_s / last * (_RIGHT - _LEFT))
        return across, _BOTTOM - round(value / most * (_BOTTOM - _TOP))

    content = Markup("")
    for step in range(_TICKS):
        value = most * step / (_TICKS - 1)
        _, y = place(0, value)
        content += Markup('<path class="grid" d="M{} {}H{}"/>').format(_LEFT, y, _RIGHT)
        content += Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
            _LEFT - 8, y + 4, _number(value)
        )
    between = next(each for each in _STEPS_S if each * _MARKS_MAX >= last)
    for mark in range(0, int(last) + 1, between):
        x, _ = place(mark, 0)
        content += Markup('<text x="{}" y="{}" text-anchor="middle">{} s</text>').format(
            x, _BOTTOM + 18, f"{mark:,}"
        )
    for number, (_, values) in enumerate(series):
        path = ""
        for at_s, found in zip(times, values, strict=True):
            if found is None:
                continue
            path += "{}{} {}".format("L" if path else "M", *place(at_s, found))
        content += Markup('<path class="line{}" d="{}"/>').format(number, path)
    return svg(title, content)


def _round_up(value: float) -> float:
    """Return the next number that divides nicely: 1, 2, 4 or 8 times a power of ten."""
    power = 1.0
    while power * 8 < value:
        power *= 10
    while power > 0.1 and power >= value * 10:
        power /= 10
    return next(power * factor for factor in (1, 2, 4, 8, 10) if power * factor >= value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


# --- for programs ---------------------------------------------------------------------------------


def load_json(result: LoadResult, outcome: LoadOutcome) -> str:
    """Return the document that load.schema.json describes; docs/reports.md explains it."""
    figures, plan = result.figures, result.plan
    written = {
        "exit_code": int(outcome.code),
        "why": outcome.why,
        "broken_thresholds": list(outcome.broken),
        "accounted": {"sent": outcome.sent, "recorded": outcome.recorded, "judged": outcome.judged},
        "load": None if plan is None else _plan_object(plan),
        "calls": None if figures is None else _calls_object(figures),
        "over_time": [_moment_object(each) for each in figures.moments] if figures else [],
        "workers": [_worker_object(each) for each in result.workers],
        "causes": [_cause_object(each) for each in outcome.causes],
        "notes": list(result.notes),
    }
    return json.dumps(written, indent=1) + "\n"


def _plan_object(plan: LoadPlan) -> dict[str, object]:
    return {
        "endpoint": plan.endpoint,
        "seed": plan.seed,
        "version": plan.version,
        "users": plan.users,
        "players": len(plan.players),
        "seconds": plan.seconds,
        "ramp_s": plan.ramp_s,
        "rate": plan.rate,
        "mix": dict(plan.mix),
        "faults": dict(plan.disturbances),
    }


def _calls_object(figures: Figures) -> dict[str, object]:
    return {
        "count": figures.calls,
        "seconds": round(figures.seconds, 3),
        "per_s": round(figures.calls_per_s, 1),
        "errors": figures.errors,
        "refused": figures.refused,
        "disturbed": figures.disturbed,
        "reasons": dict(figures.reasons),
        "latency_ms": _percentiles(figures.latencies),
        "by_method": {
            noun: {"count": count, "latency_ms": _percentiles(taken)}
            for noun, count, taken in figures.by_method
        },
    }


def _moment_object(moment: Moment) -> dict[str, object]:
    return {
        "at_s": moment.at_s,
        "calls_per_s": round(moment.calls_per_s, 1),
        "errors_per_s": round(moment.errors_per_s, 1),
        "latency_ms": _percentiles(moment.latencies),
    }


def _worker_object(worker: WorkerRecord) -> dict[str, object]:
    return {
        "name": worker.name,
        "host": worker.host,
        "sent": worker.sent,
        "recorded": worker.recorded,
        "killed": worker.killed,
        "unanswered": worker.unanswered,
        "late": worker.late,
        "late_ms_max": worker.late_ms_max,
    }


def _percentiles(taken: Percentiles | None) -> dict[str, float] | None:
    if taken is None:
        return None
    found = {"p50": taken.p50_ms, "p95": taken.p95_ms, "p99": taken.p99_ms, "max": taken.max_ms}
    return {name: round(value, 3) for name, value in found.items()}


def _cause_object(cause: LoadCause) -> dict[str, object]:
    return {
        "severity": cause.severity,
        "cause": cause.cause or None,
        "rule": cause.rule or None,
        "title": cause.title,
        "players": list(cause.players),
        "collisions": [_collision_object(each) for each in cause.collisions],
    }


def _collision_object(collision: Collision) -> dict[str, object]:
    return {
        "player": collision.player,
        "worker": collision.worker or None,
        "explanation": collision.explanation,
        "lanes": list(collision.lanes),
        "calls": [
            {
                "name": each.name,
                "transaction_id": each.transaction_id,
                "at_s": None if each.at_s is None else round(each.at_s, 6),
                "took_ms": None if each.took_ms is None else round(each.took_ms, 3),
            }
            for each in collision.calls
        ],
    }
