"""Studios and titles as the market knows them: what the catalogue begins with.

Names are third-party trade marks, used as plain text fixtures; no affiliation is meant. The slug `pragmatic`
and its first title stand so in the reference.
"""

from __future__ import annotations

# Name, slug, titles. The order is the order of the ids: a new title goes to the end of its line.
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
