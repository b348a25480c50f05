"""How a certificate looks: one HTML file without scripts or external parts, made of its data."""

from __future__ import annotations

from html import escape
from typing import Any

from simulator.reports.certificate_style import STYLE

_VERDICT_WORDS = {
    "passed": "Passed",
    "failed": "Failed",
    "inconclusive": "Inconclusive",
    "interrupted": "Interrupted",
    "unreachable": "Not reached",
}
_MARKS = {"passed": "✓", "failed": "✗", "inconclusive": "?", "skipped": "-", "blocked": "-"}


def page(document: dict[str, Any]) -> str:
    """The certificate as a whole HTML document. Everything that came from outside is escaped."""
    outcome = str(document["outcome"])
    title = f"Wallet certificate: {_VERDICT_WORDS.get(outcome, outcome)}"
    parts = [
        _head(document, title, outcome),
        _section("By group", _table(document["groups"], "Group")),
        _section("By level", _table(document["levels"], "Level")),
        _section("Findings", "".join(map(_finding, document["findings"])) or "<p>None.</p>"),
        _section("Dialect", _dialect(document["dialect"])),
        _section("What was not proven", _not_proven(document["not_proven"])),
        _section("Evidence", _hashes(document["hashes"])),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>"
        + "\n".join(parts)
        + "</main></body></html>\n"
    )


def _head(document: dict[str, Any], title: str, outcome: str) -> str:
    run, clock = document["run"], document["clock"]
    facts = {
        "Endpoint": run["endpoint"],
        "Issued": clock["issued_at"],
        "Scenarios": f"{run['scenarios']}: {_listed(run['counts'], '{1} {0}')}",
        "Calls": run["calls"],
        "Conditions": _listed(run["conditions"], "{0}: {1}", "; "),
        "Wire profile": run["wire"],
        "Seed": run["seed"],
        "Versions": f"betrontech-sim {run['simulator']}, Python {run['python']}",
    }
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in facts.items()
    )
    torn = (
        "" if document["complete"] else "<p class=torn>The run did not complete: this is no certificate.</p>"
    )
    return (
        f'<header class="{escape(outcome)}"><p class=seal aria-hidden=true>{_MARKS.get(outcome, "!")}</p>'
        f"<h1>{escape(title)}</h1>{torn}<p>{escape(str(document['statement']))}</p><dl>{rows}</dl></header>"
    )


def _listed(values: dict[str, Any], form: str, between: str = ", ") -> str:
    return between.join(form.format(name, value) for name, value in values.items())


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _table(rows: list[dict[str, Any]], heading: str) -> str:
    counted = ("passed", "failed", "inconclusive", "skipped", "blocked")
    head = "".join(f"<th scope=col>{word}</th>" for word in (heading, "verdict", *counted))
    body = "".join(
        f"<tr><th scope=row>{_text(row['name'])}</th><td>{_verdict(str(row['verdict']))}</td>"
        + "".join(f"<td class=number>{_text(row.get(word) or '')}</td>" for word in counted)
        + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _verdict(verdict: str) -> str:
    return f'<span class="verdict {escape(verdict)}">{_MARKS.get(verdict, "")} {escape(verdict)}</span>'


def _finding(finding: dict[str, Any]) -> str:
    met = "".join(
        f"<li><code>{_text(each['where'])}</code> [{_text(each['rule'])}] {_text(each['name'])}</li>"
        for each in finding["scenarios"]
    )
    more = f"<li>and {finding['scenarios_more']} more</li>" if finding["scenarios_more"] else ""
    lanes = "\n".join(finding["lanes"])
    facts = [
        ("Shown", _text(finding["shown"])),
        ("Ledger", _text(finding["ledger"])),
        ("Calls over time", f"<pre>{escape(lanes)}</pre>" if lanes else ""),
        ("Why it matters", _text(finding["why"])),
        ("How to mend it", _text(finding["fix"])),
        ("The call", f"<pre>{escape(str(finding['curl']))}</pre>" if finding["curl"] else ""),
        ("Met in", f"<ul>{met}{more}</ul>"),
    ]
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts if value)
    severity, level = str(finding["severity"]), finding["level"] or "own"
    return (
        f'<article class="{escape(severity)}"><h3><span class=tag>{escape(severity)}</span> '
        f"{_text(finding['message'])}</h3><p class=rule>{_text(finding['rule'])} ({_text(level)}): "
        f"{_text(finding['title'])}</p><dl>{rows}</dl></article>"
    )


def _dialect(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "<p>Nothing was observed.</p>"
    body = "".join(
        f"<tr><th scope=row><code>{_text(row['knob'])}</code></th><td>{_text(row['value'])}</td>"
        f"<td>{_text(row['evidence'])}</td></tr>"
        for row in rows
    )
    return (
        "<p>Where the field's guides disagree, all of these are right.</p>"
        f"<div class=wide><table><tbody>{body}</tbody></table></div>"
    )


def _not_proven(rows: list[dict[str, Any]]) -> str:
    items = "".join(f"<div><dt>{_text(row['what'])}</dt><dd>{_text(row['why'])}</dd></div>" for row in rows)
    return f"<dl class=open>{items}</dl>" if rows else "<p>Everything in the catalogue was asked.</p>"


def _hashes(hashes: dict[str, Any]) -> str:
    files = "".join(f"{escape(digest)}  {escape(file)}\n" for file, digest in hashes["files"].items())
    return (
        "<p>SHA-256 of the calls (without times and random ids) and of the scenarios:</p>"
        f"<pre>{escape(str(hashes['log']))}  calls\n{escape(str(hashes['suite']))}  suite</pre>"
        f"<details><summary>Each scenario file</summary><pre>{files}</pre></details>"
    )


def _text(value: object) -> str:
    return escape("" if value is None else str(value))
