"""The languages in which people read the simulator, and which of them a code such as pt_BR asks for."""

from __future__ import annotations

from enum import StrEnum


class Lang(StrEnum):
    """The languages of the rules, the games, the pages and the reports; the value is the language tag."""

    TURKISH = "tr"
    PORTUGUESE = "pt-BR"
    ENGLISH = "en"


def lang_of(code: str) -> Lang:
    """Return the language of a code such as tr_TR, pt-BR or tr.UTF-8; English for any other."""
    match code.strip().replace("_", "-").replace(".", "-").casefold().partition("-")[0]:
        case "tr":
            return Lang.TURKISH
        case "pt":
            return Lang.PORTUGUESE
        case _:
            return Lang.ENGLISH
