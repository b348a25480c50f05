"""What stands on the reels: the symbols, the rows a reel shows, and the lines that can win. Plain data.

How a symbol looks is drawn in `templates/play/symbols.svg`, under the same name.
"""

from __future__ import annotations

REELS = 5
ROWS = 3

SYMBOLS = ("sun", "lantern", "feather", "pomegranate", "bead", "tea", "ruby", "emerald", "amethyst")
"""Symbols that pay on lines, the dearest first."""

BONUS = "star"
"""Pays wherever it stands, and only when the bonus came."""

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
"""A row for each reel, 0 at the top. No two begin with the same three rows: a win lies on one line only."""

COUNT_MIN = 3
"""So many equal symbols from the left make a line win."""
