"""The texts of console and game, one file for each language, and the choice of the language."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from flask import Request

from simulator.core.languages import Lang, lang_of
from simulator.report.languages import Texts, texts_in

COOKIE = "console_lang"
NAMES = {Lang.ENGLISH: "English", Lang.TURKISH: "Türkçe", Lang.PORTUGUESE: "Português"}
ACCEPTED_MAX = 20

Page = Literal["console", "play"]


def texts_folder(page: Page) -> Path:
    """Return the folder that holds a page's texts, a JSON file a language."""
    return Path(__file__).with_name(page) / "texts"


def texts_of(page: Page, lang: Lang) -> Texts:
    """Return all texts of a page in a language; in the game's, `symbols` and `panel` are mappings."""
    return texts_in(texts_folder(page), lang)


def lang_wanted(request: Request) -> Lang:
    """Return the language that was chosen on the page, else the one that the browser prefers."""
    chosen = request.cookies.get(COOKIE, "")
    return Lang(chosen) if chosen in set(Lang) else lang_accepted(request.accept_languages.values())


def lang_accepted(wanted: Iterable[str]) -> Lang:
    """Return the first of a browser's languages that the pages are written in; English if there is none."""
    for code in list(wanted)[:ACCEPTED_MAX]:
        lang = lang_of(code)
        if lang is not Lang.ENGLISH or code.casefold().startswith("en"):
            return lang
    return Lang.ENGLISH
