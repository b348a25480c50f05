"""The settings of an example wallet: its players, its limits, its defects and dialects."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DOCUMENTED_IDS = ("1", "12345")
"""The players in the examples of the API's documentation, which developers try first."""


class UnknownName(ValueError):
    """Raised for a defect or dialect that does not exist; the message names the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"known: {', '.join(names)}"
        super().__init__(f'no {kind} is called "{name}"; {hint}')
        self.kind = kind
        self.name = name


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """Settings of one example wallet.

    `database` None is a temporary file, removed at the end. Players `player_start` .. `player_start + players
    - 1`, and those of DOCUMENTED_IDS, exist from the start with `opening_balance` ("1000.00"), unless the
    database knows them already. With `players` 0 there are none.
    `max_bet` ("50.00") limits bets. `seed` seeds the defects that depend on chance.
    """

    database: Path | None = None
    players: int = 100
    player_start: int = 1000
    opening_balance: str = "1000.00"
    max_bet: str | None = None
    defects: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    seed: int = 0

    @property
    def user_ids(self) -> list[str]:
        """Return the ids of the players that exist from the start."""
        numbers = range(self.player_start, self.player_start + self.players)
        return list(dict.fromkeys((*map(str, numbers), *(DOCUMENTED_IDS if numbers else ()))))
