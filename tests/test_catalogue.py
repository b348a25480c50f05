"""The catalogue: the market's names first, invented ones after them, always the same for a seed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.rounds import VOLATILITIES
from simulator.serve.catalogue import MARKET_GAMES, STUDIOS, make_catalogue, slug_of


def test_the_reference_s_examples_stand_in_it() -> None:
    """Provider 1 is Pragmatic Play, slug pragmatic; SLOT_001 is its Gates of Olympus."""
    catalogue = make_catalogue(seed=1, games=1)
    first = catalogue.providers[0]
    assert (first.id, first.name, first.slug) == (1, "Pragmatic Play", "pragmatic")
    game = catalogue.game("SLOT_001")
    assert game is not None
    assert (game.name, game.provider) == ("Gates of Olympus", "pragmatic")


def test_every_studio_of_the_market_comes_before_any_invented_one() -> None:
    """23 studios, each with a game as soon as there are as many games."""
    catalogue = make_catalogue(seed=1, games=len(STUDIOS))
    assert len(STUDIOS) == 23
    assert {game.provider for game in catalogue.games} == {slug for _, slug, _ in STUDIOS}
    longer = make_catalogue(seed=1, games=MARKET_GAMES + 1)
    assert [each.slug for each in longer.providers[:23]] == [slug for _, slug, _ in STUDIOS]
    assert len(longer.providers) == 24


@given(seed=st.integers(0, 2**31 - 1), games=st.integers(1, 600), fewer=st.integers(1, 600))
@settings(max_examples=30)
def test_a_game_keeps_its_id_whatever_the_catalogue_s_length(seed: int, games: int, fewer: int) -> None:
    """The same seed gives the same games, and a shorter catalogue is the beginning of a longer one."""
    fewer = min(fewer, games)
    catalogue = make_catalogue(seed, games)
    assert len(catalogue.games) == games
    assert make_catalogue(seed, fewer).games == catalogue.games[:fewer]
    assert catalogue.providers[: len(make_catalogue(seed, fewer).providers)] == (
        make_catalogue(seed, fewer).providers
    )


def test_tens_of_thousands_of_games_are_all_different() -> None:
    """Ids, slugs and invented titles do not repeat, and each game's provider is listed."""
    catalogue = make_catalogue(seed=7, games=20_000)
    assert len({game.id for game in catalogue.games}) == 20_000
    assert [name for name, count in Counter(game.name for game in catalogue.games).items() if count > 1] == [
        "Plinko"  # two studios of the market have one
    ]
    slugs = [provider.slug for provider in catalogue.providers]
    assert len(set(slugs)) == len(slugs)
    assert {game.provider for game in catalogue.games} == set(slugs)
    assert [provider.id for provider in catalogue.providers] == list(range(1, len(slugs) + 1))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) for slug in slugs)
    assert catalogue.games[998].id == "SLOT_999"
    assert catalogue.games[999].id == "SLOT_1000"


def test_another_seed_invents_other_names() -> None:
    """The market's part stays, the invented part changes."""
    one, other = make_catalogue(1, MARKET_GAMES + 50), make_catalogue(2, MARKET_GAMES + 50)
    assert one.games[:MARKET_GAMES] == other.games[:MARKET_GAMES]
    assert one.games[MARKET_GAMES:] != other.games[MARKET_GAMES:]


def test_the_market_s_titles_need_no_faker() -> None:
    """Faker is imported only where names have to be invented."""
    for games, needed in ((MARKET_GAMES, "False"), (MARKET_GAMES + 1, "True")):
        code = (
            "import sys; from simulator.serve.catalogue import make_catalogue; "
            f"make_catalogue(1, {games}); print('faker' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == needed


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("slot_001", "SLOT_001"),
        ("gates of olympus", "SLOT_001"),
        (" Fortune Tiger ", "SLOT_002"),
        ("nothing like it", None),
        ("", None),
    ],
)
def test_what_somebody_meant_is_found(written: str, meant: str | None) -> None:
    """An id in lower case and a title lead to the game; anything else to none."""
    found = make_catalogue(1, 30).meant(written)
    assert (found.id if found else None) == meant


def test_every_game_pays_by_a_model_there_is() -> None:
    """A game's volatility is one of the models that outcomes are drawn from."""
    assert {game.volatility for game in make_catalogue(1, 30).games} == set(VOLATILITIES)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Play'n GO", "play-n-go"),
        ("Çiçek & Şans", "cicek-sans"),
        ("São João", "sao-joao"),
        ("--A  b--", "a-b"),
    ],
)
def test_a_slug_is_kebab_case_ascii(name: str, slug: str) -> None:
    """Letters, digits and single hyphens, whatever the name is written in."""
    assert slug_of(name) == slug
