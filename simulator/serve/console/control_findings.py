"""The routes of the control API about what a wallet does wrong: causes, a verdict, dismissing a cause."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from simulator.core.mappings import Fields
from simulator.core.money import money_text
from simulator.serve.answers import Denied, ErrorCode, answer
from simulator.serve.causes import Occurrence, SeenCause, SeenCauses
from simulator.serve.entries import Filter
from simulator.serve.fields import body_of, query_of

CAUSE_FILTERS = ("agent", "player", "session", "rule", "cause", "since")


def add_findings(routes: Blueprint, causes: SeenCauses) -> None:
    """Add the routes that list and dismiss causes, and that give the verdict."""

    @routes.get("/findings")
    def list_findings() -> Response:
        fields = query_of(request, *CAUSE_FILTERS, "dismissed")
        dismissed = fields.word("dismissed", ("true", "false"), "false") == "true"
        found = causes.all(**cause_filter_of(fields), dismissed=dismissed)
        return answer({"findings": [cause_json(each) for each in found]})

    @routes.post("/findings/dismiss")
    def dismiss_finding() -> Response:
        cause = body_of(request, "cause").filled("cause")
        if not causes.dismiss(cause):
            raise Denied(ErrorCode.NOT_FOUND, f'there is no finding of the cause "{cause}"', field="cause")
        return answer({"cause": cause, "dismissed": True})

    @routes.get("/verdict")
    def show_verdict() -> Response:
        query_of(request)
        found = causes.verdict()
        return answer(
            {
                "verdict": found.verdict,
                "exit_code": found.exit_code,
                "reason": found.reason,
                "causes": [cause_json(each) for each in found.causes],
            }
        )


def cause_filter_of(fields: Fields) -> dict[str, Any]:
    """Return the filter of a query as `SeenCauses.all` takes it; empty fields are ignored."""
    named = {name: fields.text(name, "") for name in ("agent", "player", "session")}
    return {
        "wanted": Filter(**named),
        "rule_id": fields.text("rule", "").upper(),
        "cause": fields.text("cause", ""),
        "since": fields.whole("since", 0) if fields.text("since", "") else 0,
    }


def cause_json(cause: SeenCause) -> dict[str, Any]:
    """Return a cause with its latest occurrences."""
    names = (
        *("cause", "rule", "severity", "title", "message", "why", "fix", "hint"),
        *("count", "first", "latest", "may_follow_from"),
    )
    return {
        **{name: getattr(cause, name) for name in names},
        "amount": money_text(cause.amount),
        "occurrences": [occurrence_json(each) for each in cause.occurrences],
    }


def occurrence_json(occurrence: Occurrence) -> dict[str, Any]:
    """Return one exchange that shows a cause: what was expected, what was found, and the difference."""
    entry, finding = occurrence.entry, occurrence.finding
    return {
        "number": entry.number,
        "at_ms": entry.at_ms,
        "agent": entry.agent,
        "player": entry.request.player,
        "session": entry.session,
        "message": finding.message,
        "expected": [money_text(each) for each in finding.expected],
        "found": money_text(finding.found),
        "amount": money_text(finding.difference),
    }
