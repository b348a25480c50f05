"""A body as a person reads it: JSON with line breaks and its kinds told apart, every character kept. Pure."""

from __future__ import annotations

import json
import re

from simulator.core.frozen import Frozen

PIECES_MAX = 4000
CHARS_MAX = 65_536
INDENT = "  "
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')

Piece = tuple[str, str]
"""A kind (key, text, number, word, or empty) and the characters."""


class Shown(Frozen):
    """A body in pieces. `whole` is False where it was cut."""

    pieces: tuple[Piece, ...]
    whole: bool = True


def shown_body(body: bytes) -> Shown:
    """JSON in lines; anything else as it is. What is no UTF-8 is replaced, visibly."""
    text = body.decode("utf-8", "replace")
    cut = text[:CHARS_MAX]
    if len(cut) < len(text) or not _is_json(cut):
        return Shown((("", cut),), len(cut) == len(text))
    tokens = _TOKEN.findall(cut)
    if len(tokens) > PIECES_MAX:
        return Shown((("", cut),))
    return Shown(tuple(_laid_out(tokens)))


def _is_json(text: str) -> bool:
    try:
        # As text: a number of ten thousand digits is JSON, too.
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def _laid_out(tokens: list[str]) -> list[Piece]:
    pieces: list[Piece] = []
    depth = 0
    for place, token in enumerate(tokens):
        after = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token in ("{", "["):
            depth += 1
            empty = after in ("}", "]")
            pieces.append(("", token if empty else f"{token}\n{INDENT * depth}"))
        elif token in ("}", "]"):
            depth -= 1
            empty = tokens[place - 1] in ("{", "[")
            pieces.append(("", token if empty else f"\n{INDENT * depth}{token}"))
        elif token == ",":
            pieces.append(("", f",\n{INDENT * depth}"))
        elif token == ":":
            pieces.append(("", ": "))
        else:
            pieces.append((_kind(token, after), token))
    return pieces


def _kind(token: str, after: str) -> str:
    if token.startswith('"'):
        return "key" if after == ":" else "text"
    return "word" if token[0].isalpha() else "number"
