"""Colours for a terminal, as functions from text to text; without colour they change nothing.

Written by hand because importing a library for six escape codes costs more than a small run takes.
"""

from __future__ import annotations

from simulator.core.findings import Severity
from simulator.core.frozen import Frozen


class Ink(Frozen):
    """What may be painted; `enabled` False leaves every text as it is."""

    enabled: bool

    def strong(self, text: str) -> str:
        return self._paint("1", text)

    def faint(self, text: str) -> str:
        return self._paint("2", text)

    def good(self, text: str) -> str:
        return self._paint("32", text)

    def bad(self, text: str) -> str:
        return self._paint("1;31", text)

    def odd(self, text: str) -> str:
        return self._paint("33", text)

    def hint(self, text: str) -> str:
        return self._paint("36", text)

    def severity(self, severity: Severity, text: str) -> str:
        """Red for an error, yellow for a warning, cyan for a note."""
        match severity:
            case Severity.ERROR:
                return self.bad(text)
            case Severity.WARNING:
                return self.odd(text)
            case Severity.NOTE:
                return self.hint(text)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.enabled and text else text
