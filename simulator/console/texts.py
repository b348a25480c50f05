"""The texts of the console, a file a language, and which language a browser gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from flask import Request

from simulator.sessions import Lang, lang_of

FOLDER = Path(__file__).with_name("texts")
COOKIE = "console_lang"
NAMES = {Lang.ENGLISH: "English", Lang.TURKISH: "Türkçe", Lang.PORTUGUESE: "Português"}
ACCEPTED_MAX = 20

Texts = Mapping[str, Any]


@cache
def texts_of(lang: Lang) -> Texts:
    """All texts of a language."""
    found: Texts = json.loads((FOLDER / f"{lang}.json").read_text("utf-8"))
    return found


def lang_wanted(request: Request) -> Lang:
    """The language that was chosen on the page, else what the browser likes best, else English."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in set(Lang):
        return Lang(chosen)
    for code in list(request.accept_languages.values())[:ACCEPTED_MAX]:
        lang = lang_of(code)
        if lang is not Lang.ENGLISH or code.casefold().startswith("en"):
            return lang
    return Lang.ENGLISH
