"""What a wallet takes: the limits within which scenarios are played, and what they prevent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from simulator.core.money import CENT, AllOf, Amount, Drawn, Money, Written, format_money
from simulator.core.steps import (
    Bet,
    Expect,
    Expected,
    Play,
    Refund,
    Round,
    Scenario,
    Send,
    Step,
    Win,
    all_steps,
)
from simulator.core.values import Frozen
from simulator.core.webhooks import IdFormat, Method, WebhookRequest

DEFAULT_GAME = "SLOT_001"

GAMES = (DEFAULT_GAME, "SLOT_002", "SLOT_003")
"""The games that every right wallet is supposed to have."""


class _LimitSettings(Protocol):
    """What the settings of a run tell of a wallet's limits."""

    @property
    def min_bet(self) -> Money | None: ...
    @property
    def max_win(self) -> Money | None: ...
    @property
    def transaction_id_format(self) -> IdFormat: ...
    @property
    def games(self) -> tuple[str, ...]: ...


class Limits(Frozen):
    """The smallest bet, the largest win, the form of transaction ids and the games that a wallet takes.

    `games` stand for those that scenarios name, one by one; none means that the wallet knows these.
    `found`: the run itself has found the smallest bet, and `bet_step` where bets are multiples of that.
    """

    min_bet: Money | None = None
    max_win: Money | None = None
    ids: IdFormat = IdFormat()
    games: tuple[str, ...] = ()
    found: bool = False
    bet_step: Money = CENT

    @classmethod
    def of(cls, settings: _LimitSettings) -> Limits:
        """Return the limits that the settings tell."""
        return cls(settings.min_bet, settings.max_win, settings.transaction_id_format, settings.games)

    def game(self, name: str | None = None) -> str:
        """Return the wallet's id of a game that a scenario names; the first one where it names none."""
        return dict(zip(GAMES, self.games, strict=False)).get(name or DEFAULT_GAME, name or DEFAULT_GAME)

    @property
    def known_games(self) -> frozenset[str]:
        """Return the games that a right wallet knows."""
        return frozenset(self.games or GAMES)

    def within(self, low: int, high: int) -> tuple[int, int]:
        """Return the part of a range that may be bet and won; all of it where there is none."""
        least = self.next_bet(max(low, self.min_bet or low))
        most = min(high, self.max_win or high)
        most -= most % self.bet_step
        return (least, most) if least <= most else (low, high)

    def next_bet(self, amount: int) -> Money:
        """Return the smallest multiple of the step that is no smaller than an amount."""
        return Money(amount + -amount % self.bet_step)

    def lets_refuse(self, request: WebhookRequest) -> bool:
        """Return whether a bet is none of the step, or a call is about a game that a wallet may not know."""
        off = request.method is Method.BET and (request.amount or 0) % self.bet_step != 0
        return off or (request.method is not Method.REFUND and request.game_id not in self.known_games)

    def prevents(self, scenario: Scenario) -> str:
        """Return why a scenario cannot be played within the limits, or nothing."""
        for step in all_steps((*scenario.steps, *scenario.finally_)):
            if getattr(step, "expect", Expect()).outcome is Expected.REFUSED:
                continue
            for text in _ids_of(step):
                if _is_pointed(text) and not self.ids.admits(_sample(text)):
                    return f'needs the id "{text}": --transaction-id-format is {self.ids}'
            game = getattr(step, "game", None)
            if self.games and game in GAMES[len(self.games) :]:
                return (
                    f"needs {GAMES.index(game) + 1} games, only {len(self.games)} given; add another --game"
                )
            bet, win = _amounts(step)
            least, most = _written(bet, scenario), _written(win, scenario)
            if self.min_bet is not None and least is not None and 0 < least < self.min_bet:
                told = "your wallet takes none under" if self.found else "--min-bet is"
                return f"needs a bet of {format_money(least)}: {told} {format_money(self.min_bet)}"
            if least is not None and self._is_between_steps(bet, least):
                each = format_money(self.bet_step)
                return f"needs a bet of {format_money(least)}: your wallet takes multiples of {each}"
            if self.max_win is not None and most is not None and most > self.max_win:
                return f"needs a win of {format_money(most)}: --max-win is {format_money(self.max_win)}"
        return ""

    def _is_between_steps(self, bet: Amount | None, stated: Money) -> bool:
        """Return whether a bet is no multiple of the step, and none can be drawn."""
        match bet:
            case Drawn(low=low, high=high):
                return self.next_bet(low) > high
            case AllOf(plus=plus):
                return (stated + plus) % self.bet_step != 0
        return stated % self.bet_step != 0


def won_by(scenario: Scenario) -> Money:
    """Return the sum of the wins that a scenario states, as far as they are to be accepted."""
    steps = (
        step
        for step in all_steps((*scenario.steps, *scenario.finally_))
        if getattr(step, "expect", Expect()).outcome is not Expected.REFUSED
    )
    return Money(sum(_written(_amounts(step)[1], scenario) or 0 for step in steps))


# --- transaction ids that an author wrote ---------------------------------------------------------

OWN_ID = r'("transaction_id"\s*:\s*")([^"\\]*)(")'
"""A transaction id within a body."""

OWN_GAME = r'("game_id"\s*:\s*")([^"\\]+)(")'
"""A game id within a body."""

_PLAIN_ID = r"[a-z0-9-]{1,40}"

_POINTED_ID = r"[A-Za-zÀ-ÿ0-9_. -]+"


def _ids_of(step: Step) -> Iterator[str]:
    """Yield the transaction ids that the author wrote."""
    match step:
        case Refund(transaction_id=str(text)):
            yield f"${{run}}-{text}"
        case Send(body=body):
            yield from (found[2] for found in re.finditer(OWN_ID, body.decode("utf-8", "replace")))
    written = getattr(step, "raw", {}).get("transaction_id")
    if isinstance(written, str):
        yield written


def is_plain_id(text: str) -> bool:
    """Return whether an id only has to be unique in the run, so that it may be written in any form."""
    return "${run}" in text and re.fullmatch(_PLAIN_ID, text.replace("${run}", "")) is not None


def _is_pointed(text: str) -> bool:
    """Return whether the form of an id is the point of a step, and a wallet may not just refuse it."""
    sample = _sample(text)
    return text != "${id}" and not is_plain_id(text) and re.fullmatch(_POINTED_ID, sample) is not None


def _sample(text: str) -> str:
    return text.replace("${run}", "0a1b2c3d").replace("${number}", "1" * 13)


def _amounts(step: Step) -> tuple[Amount | None, Amount | None]:
    """Return the bet and the win of a step."""
    match step:
        case Bet():
            return step.amount, None
        case Win():
            return None, step.amount
        case Round():
            return step.bet, step.win
        case Play():
            return step.stake, None
    return None, None


def _written(amount: Amount | None, scenario: Scenario) -> Money | None:
    """Return the money of an amount if the file states it; `all` is at most the starting balance."""
    match amount:
        case Written(money=money):
            return money
        case Drawn(high=high):
            return Money(high)
        case AllOf():
            return max(spec.balance for spec in scenario.players.values())
    return None
