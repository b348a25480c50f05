"""The texts of the page, a file a language, and which language a browser wants where no session says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from werkzeug.datastructures import LanguageAccept

from simulator.sessions import Lang, lang_of

FOLDER = Path(__file__).with_name("texts")
ACCEPTED_MAX = 20

Texts = Mapping[str, Any]


@cache
def texts_of(lang: Lang) -> Texts:
    """All texts of a language; `symbols` and `panel` are mappings of their own."""
    found: Texts = json.loads((FOLDER / f"{lang}.json").read_text("utf-8"))
    return found


def lang_accepted(wanted: LanguageAccept) -> Lang:
    """The language that a browser likes best of those there are, English if none."""
    for code in list(wanted.values())[:ACCEPTED_MAX]:
        lang = lang_of(code)
        if lang is not Lang.ENGLISH or code.casefold().startswith("en"):
            return lang
    return Lang.ENGLISH
