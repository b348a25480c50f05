"""The words of reports, of `explain` and of pages in each language: a folder with a JSON file a language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from simulator.core.languages import Lang, lang_of

Texts = Mapping[str, Any]

REPORTS = Path(__file__).with_name("texts")

_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""What names the language of messages, the first that is set first (POSIX, 8.2)."""


@cache
def texts_in(folder: Path, lang: Lang) -> Texts:
    """Return all texts of a folder in a language."""
    found: Texts = json.loads((folder / f"{lang}.json").read_text("utf-8"))
    return found


def lang_of_locale(environment: Mapping[str, str]) -> Lang:
    """Return the language that the locale of an environment asks for; English for any other."""
    return lang_of(next((environment[name] for name in _VARIABLES if environment.get(name)), ""))
