"""What the reels show fits what the server decided, for every payout there can be."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.languages import Lang
from simulator.core.money import ZERO, Money
from simulator.core.rounds import VOLATILITIES, spin
from simulator.report.languages import texts_in
from simulator.serve import play
from simulator.serve.play.reels import (
    BONUS,
    BONUS_COUNT,
    LINES,
    REELS,
    ROWS,
    SYMBOLS,
    Picture,
    picture_of,
    winning_lines,
)
from simulator.serve.play.seats import FIRST, stake_ladder

PLAY = Path(play.__file__).parent
TEXTS = PLAY / "texts"
PAYOUTS = st.integers(1, 10_000_000).map(Money)
STAKES = st.sampled_from([stake for lang in Lang for stake in stake_ladder(lang)])
KEYS = st.text(max_size=8)


def shown(picture: Picture) -> list[tuple[int, str, int]]:
    """The lines a picture claims to win, in the form of `winning_lines`."""
    return sorted((line.line, line.symbol, line.count) for line in picture.lines)


@given(PAYOUTS, STAKES, KEYS)
def test_a_win_shows_the_lines_that_win_and_no_other(payout: Money, stake: Money, key: str) -> None:
    """Whoever checks the reels against the pay lines finds what is marked, and shares that add up exactly."""
    picture = picture_of(payout, stake, feature=False, key=key)
    assert shown(picture) == winning_lines(picture.grid) != []
    assert sum(line.win for line in picture.lines) == payout
    assert all(line.win > 0 for line in picture.lines)


@given(STAKES, st.booleans(), KEYS)
def test_a_loss_shows_nothing_that_would_win(stake: Money, feature: bool, key: str) -> None:
    """Neither a line nor a bonus, even where the bonus came and paid less than a cent."""
    picture = picture_of(ZERO, stake, feature=feature, key=key)
    assert winning_lines(picture.grid) == []
    assert (picture.lines, picture.bonus_win) == ((), None)
    assert all(BONUS not in column for column in picture.grid)


@given(PAYOUTS, STAKES, KEYS)
def test_a_bonus_shows_its_symbols_and_pays_it_all(payout: Money, stake: Money, key: str) -> None:
    """Three of them, on three reels, and no line beside them."""
    picture = picture_of(payout, stake, feature=True, key=key)
    assert [column.count(BONUS) for column in picture.grid].count(1) == BONUS_COUNT
    assert (picture.bonus_win, picture.lines) == (payout, ())
    assert winning_lines(picture.grid) == []


@given(st.integers(0, 10**6).map(Money), STAKES, st.booleans(), KEYS)
def test_reels_are_whole_and_repeat(payout: Money, stake: Money, feature: bool, key: str) -> None:
    """Five reels of three symbols, the same again for the same key."""
    picture = picture_of(payout, stake, feature=feature, key=key)
    assert len(picture.grid) == REELS
    assert all(len(column) == ROWS and set(column) <= {*SYMBOLS, BONUS} for column in picture.grid)
    assert picture == picture_of(payout, stake, feature=feature, key=key)


@pytest.mark.parametrize("model", VOLATILITIES.values(), ids=lambda model: str(model.name))
def test_whatever_a_model_draws_can_be_shown(model: Any) -> None:
    """The outcomes that are really played, each beside its reels."""
    for number in range(500):
        drawn = spin(model, 1, "demo", 1, number)
        payout = drawn.payout(Money(20))
        picture = picture_of(payout, Money(20), feature=drawn.feature, key=str(number))
        assert sum(line.win for line in picture.lines) + (picture.bonus_win or ZERO) == payout


def test_no_two_lines_begin_alike() -> None:
    """Else three equal symbols would win twice."""
    assert len({line[:3] for line in LINES}) == len(LINES)
    assert all(len(line) == REELS and set(line) <= set(range(ROWS)) for line in LINES)


@pytest.mark.parametrize("lang", Lang)
def test_stakes_climb_in_whole_cents(lang: Lang) -> None:
    """Every step is more than the one before, from what the catalogue calls the usual least stake on."""
    ladder = stake_ladder(lang)
    assert list(ladder) == sorted(set(ladder))
    assert ladder[0] == {Lang.TURKISH: 100, Lang.PORTUGUESE: 50, Lang.ENGLISH: 20}[lang]
    assert len(ladder) > FIRST


def test_every_symbol_is_drawn() -> None:
    """A symbol without a drawing would be a hole in the reels."""
    drawings = (PLAY / "templates" / "play" / "symbols.svg").read_text("utf-8")
    assert set(re.findall(r'<symbol id="s-(\w+)"', drawings)) == {*SYMBOLS, BONUS}


def flat(texts: Any, prefix: str = "") -> dict[str, str]:
    """Texts by their path."""
    found: dict[str, str] = {}
    for name, text in texts.items():
        found |= flat(text, f"{prefix}{name}.") if isinstance(text, dict) else {prefix + name: text}
    return found


@pytest.mark.parametrize("lang", Lang)
def test_languages_have_the_same_texts_with_the_same_places(lang: Lang) -> None:
    """Nothing is left untranslated, and no translation forgets a figure."""
    english, other = flat(texts_in(TEXTS, Lang.ENGLISH)), flat(texts_in(TEXTS, lang))
    assert other.keys() == english.keys()
    for name, text in other.items():
        assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", english[name])), name
        assert text or name.startswith("money."), name
    assert set(texts_in(TEXTS, lang)["symbols"]) == {*SYMBOLS, BONUS}


def test_every_text_is_used() -> None:
    """A text that nobody shows is one that nobody keeps right. Some names are put together from codes."""
    sources = [*PLAY.rglob("*.html"), *PLAY.rglob("*.js"), *PLAY.rglob("*.py")]
    code = "\n".join(source.read_text("utf-8") for source in sources)
    states = ("live", "polling", "offline")
    together = (
        "problem_",
        "standing_",
        "settled_",
        "page_",
        "outcome_",
        "verdict_",
        "symbols.",
        "money.",
        "trouble_",
    )
    for name in flat(json.loads((PLAY / "texts" / "en.json").read_text("utf-8"))):
        last = name.removeprefix("panel.")
        used = rf"\b(texts|panel|WORDS)\.{last}\b"
        assert last.startswith(together) or last in states or re.search(used, code), name
