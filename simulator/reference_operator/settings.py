"""How an operator is set up: its players, its limits, and which defects and dialects are switched on."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class UnknownName(ValueError):
    """A defect or dialect that does not exist. The message names the nearest ones that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"known: {', '.join(names)}"
        super().__init__(f'no {kind} is called "{name}"; {hint}')
        self.kind = kind
        self.name = name


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """Settings of one operator.

    `database` None is a temporary file, removed at the end. Players `player_start` .. `player_start + players
    - 1` exist from the start with `opening_balance` ("1000.00"), unless the database knows them already.
    `max_bet` ("50.00") limits bets. `seed` decides what defects with chance in them do.
    """

    database: Path | None = None
    players: int = 100
    player_start: int = 1000
    opening_balance: str = "1000.00"
    max_bet: str | None = None
    defects: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    seed: int = 0
