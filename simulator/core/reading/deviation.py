"""What is wrong with a reply's form, as data, and how foreign text is shown in its sentence."""

from __future__ import annotations

from simulator.core.exact_json import write
from simulator.core.findings import Severity
from simulator.core.frozen import Frozen
from simulator.core.scenario import JsonValue

SHOWN_CHARACTERS = 60
"""How much of a reply's text a message quotes."""


class Deviation(Frozen):
    """One way in which a reply is not as it should be written.

    `form` is a short stable key: a run reports one finding for each rule and form, with a count. `message`
    is a sentence, with what was found and what was expected.
    """

    rule: str
    severity: Severity
    form: str
    message: str

    @property
    def is_missing_answer(self) -> bool:
        """Whether no answer came at all: an error of the server, or nothing."""
        return self.form.startswith(("http-5", "no-reply-"))


class Deviations:
    """Collects the deviations of one reply. On a malformed call nothing is worse than a warning."""

    def __init__(self, well_formed: bool = True) -> None:
        self.well_formed = well_formed
        self.found: list[Deviation] = []

    def error(self, rule: str, form: str, message: str) -> None:
        """The reference is broken in a way that costs the meaning."""
        severity = Severity.ERROR if self.well_formed else Severity.WARNING
        self.found.append(Deviation(rule, severity, form, message))

    def warning(self, rule: str, form: str, message: str) -> None:
        """The meaning is clear all the same, or the rule is the industry's."""
        self.found.append(Deviation(rule, Severity.WARNING, form, message))

    def note(self, rule: str, form: str, message: str) -> None:
        """Worth knowing."""
        self.found.append(Deviation(rule, Severity.NOTE, form, message))


def shown(text: str) -> str:
    """Foreign text for a message: short, on one line, nothing in it that moves a cursor or breaks UTF-8."""
    cut = text[:SHOWN_CHARACTERS]
    clean = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)
    return clean + ("…" if len(text) > SHOWN_CHARACTERS else "")


def shown_json(value: JsonValue) -> str:
    """A JSON value for a message, as it stands in the reply."""
    if isinstance(value, str):
        return f'"{shown(value)}"'
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return shown(write(value))
