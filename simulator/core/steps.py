"""A scenario as typed steps, each with its place in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from enum import StrEnum

from simulator.core.calls import FaultKind, FaultSpec
from simulator.core.findings import Level, Outcome, Place
from simulator.core.json import JsonValue
from simulator.core.money import Amount, Money
from simulator.core.values import Frozen


class Expected(StrEnum):
    """The outcome that an author expects; only `either` allows more than the ledger."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    EITHER = "either"

    def admits(self, outcome: Outcome) -> bool:
        """Return whether the outcome is as expected; unknown never is."""
        if self is Expected.EITHER:
            return outcome is not Outcome.UNKNOWN
        return outcome.value == self.value


class PartKind(StrEnum):
    """The part of a reply in which a text is expected: the whole body, a field of its JSON, a header."""

    BODY = "body"
    FIELD = "field"
    HEADER = "header"


class Compared(StrEnum):
    """Compared a part of a reply is compared; the value is the word in a file."""

    IS = "is"
    CONTAINS = "contains"
    MATCHES = "matches"
    ABSENT = "absent"


class ReplyPart(Frozen):
    """What an author expects of a part of a reply. `text` is a regular expression for `matches`."""

    where: PartKind
    name: str
    how: Compared
    text: str = ""


class Expect(Frozen):
    """What an author expects of one reply; None expects nothing.

    `http` is an HTTP status or a class such as "2xx"; `within_ns` a latency; `body` a part of the reply's
    JSON object that must be equal. `capture` maps names to fields of the reply, for later steps.
    """

    outcome: Expected | None = None
    balance: Money | None = None
    http: str | None = None
    within_ns: int | None = None
    body: Mapping[str, JsonValue] | None = None
    parts: tuple[ReplyPart, ...] = ()
    capture: Mapping[str, str] | None = None


NO_EXPECT = Expect()


class Details(Frozen, kw_only=True):
    """`account_details`."""

    place: Place
    player: str | None = None
    expect: Expect = NO_EXPECT


class Balance(Frozen, kw_only=True):
    """`user_balance`; `is_` is the amount that it must be, None leaves that to the ledger."""

    place: Place
    is_: Money | None = None
    player: str | None = None
    expect: Expect = NO_EXPECT


class Bet(Frozen, kw_only=True):
    """`transaction_bet`. `label` is the author's `id:` or one the loader made (`bet@LINE`)."""

    place: Place
    label: str
    amount: Amount
    game: str | None = None
    player: str | None = None
    fault: FaultSpec | None = None
    expect: Expect = NO_EXPECT
    raw: Mapping[str, JsonValue] = field(default_factory=dict)
    omit: frozenset[str] = frozenset()


class Win(Frozen, kw_only=True):
    """`transaction_win`; fields as in `Bet`."""

    place: Place
    label: str
    amount: Amount
    game: str | None = None
    player: str | None = None
    fault: FaultSpec | None = None
    expect: Expect = NO_EXPECT
    raw: Mapping[str, JsonValue] = field(default_factory=dict)
    omit: frozenset[str] = frozenset()


class Refund(Frozen, kw_only=True):
    """`refund`. Exactly one of `of` (a step's label, maybe a later one) and `transaction_id` is set.

    `amount` None means the stake of the bet that `of` names.
    """

    place: Place
    label: str
    of: str | None = None
    transaction_id: str | None = None
    amount: Amount | None = None
    player: str | None = None
    fault: FaultSpec | None = None
    expect: Expect = NO_EXPECT
    raw: Mapping[str, JsonValue] = field(default_factory=dict)
    omit: frozenset[str] = frozenset()


class Resend(Frozen, kw_only=True):
    """Sends the same bytes again. `of` is a step's label, or None for `last`.

    `amount` and `player` change this one field of the repeated request.
    """

    place: Place
    of: str | None = None
    times: int = 1
    amount: Amount | None = None
    player: str | None = None
    fault: FaultSpec | None = None
    expect: Expect = NO_EXPECT


class Round(Frozen, kw_only=True):
    """Plays whole game rounds as a provider does; with `win` None the outcome model decides."""

    place: Place
    bet: Amount
    win: Amount | None = None
    spins: int = 1
    game: str | None = None
    player: str | None = None


class Play(Frozen, kw_only=True):
    """Plays a realistic session by the outcome model; `volatility` is low, medium or high."""

    place: Place
    rounds: int
    stake: Amount
    volatility: str = "medium"
    seed: int | None = None
    game: str | None = None
    player: str | None = None


class Parallel(Frozen, kw_only=True):
    """Sends the steps together, `times` times, at most `in_flight` at once; judged as a history."""

    place: Place
    steps: tuple[Step, ...]
    times: int = 1
    in_flight: int = 100


class Repeat(Frozen, kw_only=True):
    """Repeats the steps; labels mean those of the latest pass."""

    place: Place
    times: int
    steps: tuple[Step, ...]


class Send(Frozen, kw_only=True):
    """Sends any `body`, the exact text. A valid webhook is judged as one.

    `${player}`, `${balance}`, `${run}` and `${number}` in the body become the player's user_id, its balance,
    RUN, and RUN as a number.
    """

    place: Place
    label: str
    body: bytes
    content_type: str = "application/json"
    http_method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    player: str | None = None
    expect: Expect = NO_EXPECT


class Restart(Frozen, kw_only=True):
    """Calls the `restart` hook."""

    place: Place


class Block(Frozen, kw_only=True):
    """Calls the `block` hook for one player, who stays blocked until the end of the scenario."""

    place: Place
    player: str | None = None


class Wait(Frozen, kw_only=True):
    """Pauses; `--time-scale` shortens it."""

    place: Place
    duration_ns: int


Step = (
    Details
    | Balance
    | Bet
    | Win
    | Refund
    | Resend
    | Round
    | Play
    | Parallel
    | Repeat
    | Send
    | Restart
    | Block
    | Wait
)

DEFAULT_OPENING = Money(100_00)


class PlayerSpec(Frozen):
    """A player of a scenario: the balance at its start, or a player who does not exist."""

    balance: Money = DEFAULT_OPENING
    exists: bool = True
    blocked: bool = False


MAIN_PLAYER = "player"
"""The name of the player of steps without `player:`."""


class Scenario(Frozen, kw_only=True):
    """One test: a scenario, or one row of its `cases`.

    `id` is unique in a run: `path/to/file.yaml`, `…#name` if a file holds several, `…[row]` for a case.
    `place` is where it begins, for a case its row. `source` is the whole file by lines, for the frame that a
    report prints; `used_sources` are those of the files that it uses. `lines` are its first and its last line
    in the file, `row_lines` those of its row. `timeout_ns` is how long it may take. `players` maps a name to
    its spec; `MAIN_PLAYER` is always there. `needs` holds the needs of steps and players and those that the
    author listed.
    """

    id: str
    name: str
    place: Place
    steps: tuple[Step, ...]
    finally_: tuple[Step, ...] = ()
    level: Level = Level.INDUSTRY
    description: str = ""
    tags: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    players: Mapping[str, PlayerSpec] = field(default_factory=lambda: {MAIN_PLAYER: PlayerSpec()})
    policy: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    skip: str | None = None
    xfail: str | None = None
    timeout_ns: int | None = None
    source: tuple[str, ...] = ()
    used_sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lines: tuple[int, int] = (1, 1)
    row_lines: tuple[int, int] | None = None

    def source_of(self, file: str) -> tuple[str, ...]:
        """Return the lines of the file that contains a step of this scenario."""
        return self.source if file == self.place.file else self.used_sources.get(file, ())


def has_burst(steps: Iterable[Step]) -> bool:
    """Return whether calls are sent together somewhere in these steps."""
    for step in steps:
        if isinstance(step, Parallel) or (isinstance(step, Repeat) and has_burst(step.steps)):
            return True
        fault = getattr(step, "fault", None)
        if fault is not None and fault.kind is FaultKind.DUPLICATE:
            return True
    return False


def all_steps(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield the steps, and those within them."""
    for step in steps:
        yield step
        if isinstance(step, Repeat | Parallel):
            yield from all_steps(step.steps)
