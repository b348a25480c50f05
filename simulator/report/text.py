"""Text that is safe on a screen and in a file, how wide it is there, and colours for it.

A hostile reply must not move the cursor, retitle the window or turn a line around, so control characters,
bidirectional overrides and lone surrogates are written as escapes (``\x1b``).
"""

from __future__ import annotations

import re
import unicodedata

from simulator.core.findings import Severity
from simulator.core.values import Frozen

# C0 and C1 controls, line separators, bidirectional marks and overrides, invisible tags, halves of
# surrogate pairs, non-characters. Joiners stay: scripts and emoji need them.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# What these reports draw with, for a stream whose encoding has no such glyph.
_PLAIN_GLYPHS = str.maketrans(
    {"→": "->", "←": "<-", "…": "...", "·": "-", "\u2013": "-", "—": "-", "\u00d7": "x", "\u2212": "-"}
)


def visible(text: str) -> str:
    """Return the text as one line in which all that could act on a terminal is written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escape, text)


def visible_lines(text: str) -> str:
    """Return the text with its lines and tabs, and escapes for all else that could act on a reader."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(lambda match: match[0] if match[0] in "\n\t" else _escape(match), text)


def display_width(text: str) -> int:
    """Return how many columns a visible text takes: wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` columns of the text, the cut marked with an ellipsis."""
    if display_width(text) <= limit:
        return text
    kept, width = [], 0
    for character in text:
        width += _character_width(character)
        if width > limit - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def encodable(text: str, encoding: str) -> str:
    """Return the text with what `encoding` lacks replaced: glyphs by plain ones, the rest by escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(_PLAIN_GLYPHS)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return text


def plural(count: int, noun: str, many: str = "") -> str:
    """Return ``1 scenario``, ``1,204 calls``; `many` where the plural is not noun + s."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def duration(nanoseconds: int) -> str:
    """Return ``2.31 s``, and from a minute on ``3 min 07 s``."""
    hundredths = nanoseconds // 10_000_000
    if hundredths < 6_000:
        return f"{hundredths // 100}.{hundredths % 100:02d} s"
    minutes, seconds = divmod(hundredths // 100, 60)
    return f"{minutes} min {seconds:02d} s"


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200d\ufe0e\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Ink(Frozen):
    """Colours for a terminal; `enabled` False leaves every text as it is.

    Written by hand because importing a library for six escape codes costs more than a small run takes.
    """

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
        """Paint red for an error, yellow for a warning, cyan for a note."""
        match severity:
            case Severity.ERROR:
                return self.bad(text)
            case Severity.WARNING:
                return self.odd(text)
            case Severity.NOTE:
                return self.hint(text)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.enabled and text else text
