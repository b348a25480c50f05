"""Draw the reels for a payout that is already decided: the picture fits the money, never the reverse.

A loss shows no winning line; a win shows lines, or the bonus, whose shares add up to it exactly. How symbols
look is in `templates/play/symbols.svg`, under the same names.
"""

from __future__ import annotations

from random import Random

from simulator.core.money import Money
from simulator.core.values import Frozen

Grid = tuple[tuple[str, ...], ...]
"""A symbol for each reel and row, reels from the left, rows from the top."""

BONUS_COUNT = 3

_TRIES = 40

# From this many hundredths of the stake, a win shows one line more, or one symbol more in a row.
_MORE_LINES_FROM = (300, 900)

_LONGER_FROM = (250, 1200)


class LineWin(Frozen):
    """Equal symbols from the left on one line, and what they pay. `line` is an index of LINES."""

    line: int
    symbol: str
    count: int
    win: Money


class Picture(Frozen):
    """The reels at rest. `lines` or `bonus_win` make up the payout; a loss has neither."""

    grid: Grid
    lines: tuple[LineWin, ...] = ()
    bonus_win: Money | None = None


def picture_of(payout: Money, stake: Money, *, feature: bool, key: str) -> Picture:
    """Return the reels for a payout; the same key gives the same picture. `feature`: with the bonus."""
    chance = Random(key)
    if payout <= 0:
        return Picture(_filled({}, chance))
    if feature:
        places = [(reel, chance.randrange(ROWS)) for reel in chance.sample(range(REELS), BONUS_COUNT)]
        return Picture(_filled(dict.fromkeys(places, BONUS), chance), bonus_win=payout)
    hundredths = payout * 100 // stake
    wanted = 1 + sum(hundredths >= edge for edge in _MORE_LINES_FROM)
    for lines in [*[wanted] * _TRIES, 1]:
        shares = _shares(payout, lines, chance)
        drawn = _lines_for(shares, hundredths, chance)
        grid = _with_lines(drawn, chance)
        if grid is not None:
            return Picture(grid, tuple(LineWin(*line, win) for line, win in zip(drawn, shares, strict=True)))
    raise AssertionError("one line always fits")


def winning_lines(grid: Grid) -> list[tuple[int, str, int]]:
    """Return number, symbol and count of every line that wins. The bonus symbol wins on no line."""
    found: list[tuple[int, str, int]] = []
    for number, rows in enumerate(LINES):
        symbols = [grid[reel][row] for reel, row in enumerate(rows)]
        count = next((at for at, symbol in enumerate(symbols) if symbol != symbols[0]), REELS)
        if count >= COUNT_MIN and symbols[0] != BONUS:
            found.append((number, symbols[0], count))
    return found


def _shares(payout: Money, lines: int, chance: Random) -> list[Money]:
    """Return the payout in `lines` parts (fewer if there are not enough cents), the largest first."""
    lines = min(lines, payout)
    # Equal parts of one half keep every line from paying next to nothing; chance divides the other half.
    least = max(1, payout // (2 * lines))
    left = payout - least * lines
    cuts = sorted(chance.randint(0, left) for _ in range(lines - 1))
    parts = [least + end - start for start, end in zip([0, *cuts], [*cuts, left], strict=True)]
    return [Money(part) for part in sorted(parts, reverse=True)]


def _lines_for(shares: list[Money], hundredths: int, chance: Random) -> list[tuple[int, str, int]]:
    """Return a line, a symbol and a count for each share: rarer and longer for larger ones."""
    numbers = chance.sample(range(len(LINES)), len(shares))
    tier = max(0, 2 - sum(hundredths >= edge for edge in _LONGER_FROM))
    third = len(SYMBOLS) // 3
    own = SYMBOLS[tier * third : (tier + 1) * third]
    symbols = sorted(chance.sample(own, len(shares)), key=own.index)
    count = REELS - tier
    return [(number, symbol, count) for number, symbol in zip(numbers, symbols, strict=True)]


def _with_lines(lines: list[tuple[int, str, int]], chance: Random) -> Grid | None:
    """Return reels on which exactly these lines win, or None if two of them need the same place."""
    fixed: dict[tuple[int, int], str] = {}
    for number, symbol, count in lines:
        for reel in range(count):
            if fixed.setdefault((reel, LINES[number][reel]), symbol) != symbol:
                return None
    grid = _filled(fixed, chance)
    return grid if winning_lines(grid) == sorted(lines) else None


def _filled(fixed: dict[tuple[int, int], str], chance: Random) -> Grid:
    """Return reels with these symbols; the others repeat no symbol of the reel before."""
    grid: list[tuple[str, ...]] = []
    for reel in range(REELS):
        own = {symbol for (at, _), symbol in fixed.items() if at == reel}
        before = set(grid[-1]) if grid else set()
        left = [symbol for symbol in SYMBOLS if symbol not in own | before]
        drawn = iter(chance.sample(left, ROWS))
        grid.append(tuple(fixed.get((reel, row)) or next(drawn) for row in range(ROWS)))
    return tuple(grid)


# --- the symbols and lines ------------------------------------------------------------------------

REELS = 5

ROWS = 3

SYMBOLS = ("sun", "lantern", "feather", "pomegranate", "bead", "tea", "ruby", "emerald", "amethyst")
"""Symbols that pay on lines, the most valuable first."""

BONUS = "star"
"""Pays anywhere on the reels, but only shows with the bonus."""

LINES = (
    (1, 1, 1, 1, 1),
    (0, 0, 0, 0, 0),
    (2, 2, 2, 2, 2),
    (0, 1, 2, 1, 0),
    (2, 1, 0, 1, 2),
    (0, 0, 1, 0, 0),
    (2, 2, 1, 2, 2),
    (1, 0, 0, 0, 1),
    (1, 2, 2, 2, 1),
    (0, 1, 0, 1, 0),
)
"""A row for each reel, 0 at the top. No two lines begin with the same three rows, so a win is on one line."""

COUNT_MIN = 3
"""How many equal symbols from the left make a line win."""
