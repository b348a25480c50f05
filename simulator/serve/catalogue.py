"""The providers and games of a server: real names first, then names that are invented from a seed.

The first N games of a longer catalogue are the catalogue of N games, so that a game keeps its id whatever
the value of `--games`.
"""

from __future__ import annotations

import marshal
import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import islice, zip_longest
from random import Random

from simulator.core.values import Frozen

# Name, slug, titles. The order is that of the ids, so a new title goes to the end of its studio.
# fmt: off
STUDIOS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Pragmatic Play", "pragmatic", (
        "Gates of Olympus", "Sweet Bonanza", "Sugar Rush", "Starlight Princess", "The Dog House Megaways",
        "Big Bass Splash", "Wolf Gold", "Fruit Party")),
    ("PG Soft", "pg-soft", (
        "Fortune Tiger", "Fortune Rabbit", "Mahjong Ways 2", "Fortune Ox", "Fortune Mouse",
        "Wild Bounty Showdown", "Treasures of Aztec")),
    ("Play'n GO", "play-n-go", (
        "Book of Dead", "Legacy of Dead", "Fire Joker", "Reactoonz", "Moon Princess", "Rise of Olympus",
        "Tome of Madness")),
    ("NetEnt", "netent", (
        "Starburst", "Gonzo's Quest", "Divine Fortune", "Dead or Alive 2", "Blood Suckers", "Twin Spin",
        "Jack and the Beanstalk")),
    ("Games Global", "games-global", (
        "Mega Moolah", "Immortal Romance", "Thunderstruck II", "9 Masks of Fire", "Break da Bank",
        "Book of Oz")),
    ("Hacksaw Gaming", "hacksaw", (
        "Wanted Dead or a Wild", "Le Bandit", "Chaos Crew", "Joker Bombs", "Hand of Anubis", "RIP City")),
    ("Nolimit City", "nolimit-city", (
        "Mental", "San Quentin xWays", "Tombstone RIP", "Fire in the Hole xBomb", "Deadwood", "Das xBoot")),
    ("Push Gaming", "push-gaming", (
        "Jammin' Jars", "Razor Shark", "Fat Rabbit", "Wild Swarm", "Big Bamboo")),
    ("Relax Gaming", "relax", (
        "Money Train 2", "Money Train 3", "Temple Tumble", "Snake Arena", "Dream Drop")),
    ("Big Time Gaming", "btg", (
        "Bonanza", "Extra Chilli", "White Rabbit", "Who Wants to Be a Millionaire", "Danger High Voltage")),
    ("Red Tiger", "red-tiger", (
        "Gonzo's Quest Megaways", "Pirates' Plenty", "Dragon's Luck", "Mystery Reels",
        "Piggy Riches Megaways")),
    ("Yggdrasil", "yggdrasil", (
        "Vikings Go Berzerk", "Valley of the Gods", "Holmes and the Stolen Stones", "Nitro Circus",
        "Golden Fish Tank")),
    ("Playtech", "playtech", (
        "Age of the Gods", "Buffalo Blitz", "Gladiator", "Great Blue", "Fire Blaze")),
    ("Amusnet", "amusnet", (
        "Burning Hot", "Shining Crown", "40 Super Hot", "Flaming Hot", "Rise of Ra")),
    ("Greentube", "greentube", (
        "Book of Ra", "Lucky Lady's Charm", "Sizzling Hot", "Dolphin's Pearl", "Lord of the Ocean")),
    ("Wazdan", "wazdan", (
        "9 Lions", "Power of Gods", "Sizzling 777", "Magic Stars", "Larry the Leprechaun")),
    ("BGaming", "bgaming", (
        "Elvis Frog in Vegas", "Aloha King Elvis", "Plinko", "Book of Cats", "Fruit Million")),
    ("Endorphina", "endorphina", (
        "Lucky Streak 3", "Hell Hot 100", "Book of Santa", "Minotauros", "2020 Hit Slot")),
    ("Habanero", "habanero", (
        "Koi Gate", "Hot Hot Fruit", "Wealth Inn", "Fa Cai Shen", "Mystic Fortune")),
    ("Spinomenal", "spinomenal", (
        "Book of Guardians", "Demi Gods II", "Majestic King", "1 Reel Panda", "Story of Medusa")),
    ("Spribe", "spribe", (
        "Aviator", "Mines", "Plinko", "Dice", "Hi Lo", "Goal")),
    ("JILI", "jili", (
        "Super Ace", "Golden Empire", "Fortune Gems", "Money Coming", "Boxing King")),
    ("Evolution", "evolution", (
        "Lightning Roulette", "Crazy Time", "Monopoly Live", "Dream Catcher", "Baccarat")),
)


# fmt: on
MARKET_GAMES = sum(len(titles) for _, _, titles in STUDIOS)
"""How many games have real names; those after them are invented."""

GAMES_A_STUDIO = 60

_VOCABULARY = 200

# Invented titles combine these words with places and people from Faker.
# fmt: off
_FIRST = (
    "Golden", "Wild", "Lucky", "Mystic", "Royal", "Hot", "Fire", "Dragon", "Diamond", "Pirate", "Jungle",
    "Neon", "Frozen", "Thunder", "Magic", "Super", "Mega", "Sugar", "Moonlit", "Ancient", "Crystal",
    "Samba", "Sultan's", "Carnival", "Cosmic", "Emerald", "Ruby", "Silver", "Tiger", "Phoenix",
)

_LAST = (
    "Fortune", "Riches", "Quest", "Treasure", "Spins", "Reels", "Jackpot", "Gems", "Megaways", "Bonanza",
    "Fruits", "Legends", "Empire", "Gold", "Nights", "Rush", "Party", "Deluxe", "Stars", "Kingdom",
    "Secrets", "Trail", "Blitz", "Wheel", "Coins", "Sevens", "Crown", "Temple", "Wilds", "Festival",
)

# fmt: on
_HOUSES = ("Gaming", "Games", "Studios", "Interactive", "Play", "Slots")


class Provider(Frozen):
    """A studio, as `/games/provider` lists it; games refer to it by its `slug`."""

    id: int
    name: str
    slug: str


class Game(Frozen):
    """A game, as `/games/all` lists it; `provider` is a slug, `number` counts from 1."""

    number: int
    name: str
    provider: str

    @property
    def id(self) -> str:
        """Return SLOT_001, SLOT_002, … SLOT_1000."""
        return f"SLOT_{self.number:03d}"

    @property
    def volatility(self) -> str:
        """Return the name of the model of `core.rounds` by which it pays: every third game has the same."""
        return ("high", "medium", "low")[(self.number - 1) % 3]


class Catalogue:
    """All providers and games, each in the order of its id."""

    def __init__(self, providers: tuple[Provider, ...], games: tuple[Game, ...]) -> None:
        self.providers = providers
        self.games = games
        self._by_id = {game.id: game for game in games}

    def game(self, game_id: str) -> Game | None:
        """Return the game with exactly this id, or None."""
        return self._by_id.get(game_id)

    def meant(self, text: str) -> Game | None:
        """Return the game that was probably meant by an id in lower case or by a title, or None."""
        folded = text.strip().casefold()
        return self._by_id.get(folded.upper()) or next(
            (game for game in self.games if game.name.casefold() == folded), None
        )


Names = tuple[tuple[str, str], ...]
"""Pairs of a name and a slug; the slug of a game is that of its provider."""


def make_catalogue(seed: int, games: int) -> Catalogue:
    """Return the catalogue with that many games, at least one; every real studio is listed."""
    return catalogue_of(*draw_names(seed, games))


def catalogue_of(studios: Names, titles: Names) -> Catalogue:
    """Return the catalogue with these names, numbered in their order."""
    return Catalogue(
        tuple(Provider(number, name, slug) for number, (name, slug) in enumerate(studios, 1)),
        tuple(Game(number, name, slug) for number, (name, slug) in enumerate(titles, 1)),
    )


def draw_names(seed: int, games: int) -> tuple[Names, Names]:
    """Return the studios, and the titles of that many games."""
    studios = [(name, slug) for name, slug, _ in STUDIOS]
    titles = list(islice(_market_titles(), games))
    if games > len(titles):
        inventor = _Inventor(seed, {name for name, _ in titles}, {slug for _, slug in studios})
        while games > len(titles):
            name, slug = inventor.studio(len(studios) + 1)
            studios.append((name, slug))
            batch = min(GAMES_A_STUDIO, games - len(titles))
            titles += [(inventor.title(), slug) for _ in range(batch)]
    return tuple(studios), tuple(titles)


def _market_titles() -> Iterator[tuple[str, str]]:
    """Yield title and slug: the first of each studio, then the second, so that a short list has variety."""
    for row in zip_longest(*(titles for _, _, titles in STUDIOS)):
        for title, (_, slug, _) in zip(row, STUDIOS, strict=True):
            if title is not None:
                yield title, slug


class _Inventor:
    """Invents names that are not taken, all from one seed."""

    def __init__(self, seed: int, titles: set[str], slugs: set[str]) -> None:
        # Importing Faker takes longer than all else here, and most servers need no invented names.
        from faker import Faker

        parts = ["faker.providers.person", "faker.providers.address"]
        faker = Faker("en_US", providers=parts, use_weighting=False)
        faker.seed_instance(seed)
        self._chance = Random(seed).random
        self._people = tuple(dict.fromkeys(faker.last_name() for _ in range(_VOCABULARY)))
        self._places = tuple(dict.fromkeys(faker.city() for _ in range(_VOCABULARY)))
        self._heroes = tuple(dict.fromkeys(faker.first_name() for _ in range(_VOCABULARY)))
        self._titles = titles
        self._slugs = slugs

    def studio(self, number: int) -> tuple[str, str]:
        """Return the name and slug of a new studio; `number` is added where they are taken."""
        name = f"{self._pick(self._people)} {self._pick(_HOUSES)}"
        slug = slug_of(name)
        if slug in self._slugs:
            name, slug = f"{name} {number}", f"{slug}-{number}"
        self._slugs.add(slug)
        return name, slug

    def title(self) -> str:
        """Return a title that no game has yet."""
        title = self._draw()
        while title in self._titles:
            title = f"{self._draw()} {2 + int(self._chance() * 998)}"
        self._titles.add(title)
        return title

    def _draw(self) -> str:
        first, last = self._pick(_FIRST), self._pick(_LAST)
        match int(self._chance() * 4):
            case 0:
                return f"{first} {last}"
            case 1:
                return f"{first} {last} of {self._pick(self._places)}"
            case 2:
                return f"{self._pick(self._heroes)}'s {first} {last}"
            case _:
                return f"{first} {self._pick(self._places)}"

    def _pick(self, words: tuple[str, ...]) -> str:
        # Five times faster than `choice`, whose exact distribution does not matter here.
        return words[int(self._chance() * len(words))]


def slug_of(name: str) -> str:
    """Return the name in kebab-case ASCII: "Play'n GO" → "play-n-go"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


class CatalogueAhead:
    """A catalogue that a child process draws while the server imports its parts.

    Inventing names takes half as long as importing Flask. The caller must wait for the child process.
    """

    def __init__(self, seed: int, games: int) -> None:
        self._seed = seed
        self._games = games
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            # `_exit` below keeps the child from flushing or cleaning up what belongs to the parent.
            try:
                os.close(read_end)
                with os.fdopen(write_end, "wb") as pipe:
                    marshal.dump(draw_names(seed, games), pipe)
            finally:
                os._exit(0)
        os.close(write_end)
        self._pipe = os.fdopen(read_end, "rb")

    def catalogue(self) -> Catalogue:
        """Return the catalogue; draw it now if the child failed or the catalogue was fetched before."""
        try:
            return catalogue_of(*marshal.loads(self._pipe.read()))
        except (EOFError, ValueError, TypeError):
            return make_catalogue(self._seed, self._games)
