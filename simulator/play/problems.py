"""What can go wrong for a player: problems that the page has words for, and errors with their HTTP status."""

from __future__ import annotations

from enum import Enum, StrEnum


class Problem(StrEnum):
    """What a round or an opening met. The page's text for it is `problem_` and the code in small letters."""

    BALANCE = "BALANCE"
    BET_REFUSED = "BET_REFUSED"
    BET_REFUNDED = "BET_REFUNDED"
    BET_PENDING = "BET_PENDING"
    WIN_PENDING = "WIN_PENDING"
    WIN_REFUSED = "WIN_REFUSED"

    @property
    def calls_off(self) -> bool:
        """Whether the bet does not stand, so that the reels have nothing to show."""
        return self in {Problem.BET_REFUSED, Problem.BET_REFUNDED, Problem.BET_PENDING}


class Error(Enum):
    """Code → HTTP status, and what it means; JSON `{"error": code, "message": text}`."""

    FORBIDDEN = 403, "Only the game's own page may ask for this: send X-Play: 1 from its origin."
    UNKNOWN = 404, "This is no game session of ours, or it was forgotten."
    NOT_FOUND = 404, "There is nothing of that number here."
    BUSY = 409, "A round of this session is being played; one at a time."
    MONEY = 409, "The play money does not cover this stake."
    IN_VAIN = 409, "There is nothing this could be done to."
    OVER = 410, "This game session is over; launch the game again."
    TOO_LARGE = 413, "The body is larger than any request needs."
    BAD_REQUEST = 400, "The request cannot be read."
    STAKE = 422, "This is no stake of the ladder."
    TROUBLE = 422, "There is no such trouble."
    SERVER = 503, "The wallet cannot be called now."
    STREAMS = 503, "There are as many event streams as there may be; ask /journal instead."

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.value[0])

    @property
    def meaning(self) -> str:
        """One sentence, said where nothing more exact is known."""
        return str(self.value[1])


class PlayError(Exception):
    """A request of the page that is answered with an error."""

    def __init__(self, error: Error, message: str | None = None) -> None:
        super().__init__(error.name)
        self.error = error
        self.message = message or error.meaning
