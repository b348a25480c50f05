"""Make up sessions: a weighted grammar over calls, ids, amounts, faults, players and races.

A session is steps as data, as a scenario has them. It claims nothing: the ledger knows what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

from simulator.core import steps
from simulator.core.calls import FaultKind, FaultSpec
from simulator.core.findings import Place
from simulator.core.json import JsonValue
from simulator.core.money import CENT, ZERO, AllOf, Amount, Drawn, Money, OfLimit, Written, format_money
from simulator.core.steps import DEFAULT_OPENING, MAIN_PLAYER, PlayerSpec, Step
from simulator.core.values import Frozen
from simulator.scenario.limits import DEFAULT_GAME, GAMES

NOWHERE = Place("explored", 1)
"""The place of a step before its session is written to a file."""


class SessionPlan(Frozen):
    """The players of a session by name, and its steps."""

    players: Mapping[str, PlayerSpec]
    steps: tuple[Step, ...]


class Means(Frozen):
    """What a wallet offers: test players, hooks that restart it and block players, a known limit."""

    players: int = 1
    restart: bool = False
    block: bool = False
    limit: bool = False


def money(cents: int) -> Written:
    """Return an amount as an author writes it."""
    return Written(Money(cents), format_money(Money(cents)))


STEPS_MIN, STEPS_MAX = 3, 12

_FAULT_SHARE = 0.12

_ODD_AMOUNTS: tuple[JsonValue, ...] = (
    "-10.00",
    "-10.00",
    "-1.00",
    "1,00",
    "1,000.00",
    "1.000,50",
    "1e3",
    " 5",
    "5.00 ",
    "0x10",
    "NaN",
    "Infinity",
    "",
    "abc",
    "10.005",
    "+5.00",
    "05.00",
    None,
    True,
    ["1.00"],
)

_LATE = steps.Wait(place=NOWHERE, duration_ns=2_000_000_000)
"""A pause in which a cache that keeps ids for seconds forgets them."""

_LATE_SHARE = 0.06

_EDGES = (1, 29, 57, 99, 110, 240, 435, 841, 1000, 1234)
"""Amounts in cents at which binary fractions and cut cents show."""

_LARGE = (1_000_000, 1_000_001, 2_500_000, 12_345_678, 99_999_999, 100_000_000)

_PADDINGS = (8, 16, 26, 44, 56, 110, 118, 180, 230)
"""How long the common beginning of two ids may be, besides what is unique to the run."""

_RESEMBLING_IDS = (
    ("${run}-abc", "${run}-ABC"),
    ("${number}", "0${number}"),
    ("${number}", "0${number}"),
    ("${run}-end", "${run}-end "),
    ("${run}-end", " ${run}-end"),
    ("${run}-1", "${run}-1.0"),
    ("${run}-1", "${run}-01"),
    ("${run}-a_b", "${run}-a-b"),
    ("${run}-é", "${run}-e"),
    ("${run}-end", "${run}-end\u200b"),
)

_RESEMBLING_PLAYERS = (
    "${wide_player}",
    "${wide_player}",
    "${player}abc",
    "${player}\\u200b",
    "\\ufeff${player}",
    " ${player}",
    "${player} ",
    "00${player}",
    "${player}.0",
    "-${player}",
)

_STRANGE_PLAYERS = ("' OR '1'='1", "'; DROP TABLE players; --", "*", "%", "../admin", "")

_METHODS = ("transaction_bet", "transaction_win", "refund")

_BROKEN_BODIES = (
    '{"method":"transaction_win","user_id":"${player}","amount":"10.00","transaction_id":"${run}-cut","game_id":"SLOT_001"',
    '{"method":"transaction_bet","user_id":"${player}","amount":"3.00","transaction_id":"${run}-comma","game_id":"SLOT_001",}',
    "method=transaction_win&user_id=${player}&amount=10.00&transaction_id=${run}-form&game_id=SLOT_001",
    '[{"method":"transaction_win","user_id":"${player}","amount":"10.00","transaction_id":"${run}-list","game_id":"SLOT_001"}]',
    '{"method":"user_balance"',
    "null",
    "",
)

_FAULTS = (
    FaultSpec(FaultKind.LOST_REPLY),
    FaultSpec(FaultKind.LOST_REPLY),
    FaultSpec(FaultKind.LOST_REPLY),
    FaultSpec(FaultKind.DUPLICATE),
    FaultSpec(FaultKind.DUPLICATE),
    FaultSpec(FaultKind.RESET),
    FaultSpec(FaultKind.TIMEOUT),
    FaultSpec(FaultKind.DELAY, 20_000_000),
    FaultSpec(FaultKind.CHUNKED),
    FaultSpec(FaultKind.SLOW_BODY),
)


class _Draft:
    """A session while it is made up: its steps, and the calls that later steps may name."""

    def __init__(self, rng: Random, means: Means) -> None:
        self.rng = rng
        self.means = means
        self.players = _players(rng, means)
        self.real = [name for name, spec in self.players.items() if spec.exists]
        self.steps: list[Step] = []
        self.bets: list[steps.Bet] = []
        self.wins: list[steps.Win] = []
        self.money_steps: list[str] = []
        self.game_in_play = rng.choice(GAMES)
        self._labels = 0

    def label(self, letter: str) -> str:
        self._labels += 1
        return f"{letter}{self._labels}"

    def player(self) -> str | None:
        """Return the name of a player, mostly the main one, which is left out."""
        names = list(self.players)
        name = self.rng.choice(names) if self.rng.random() < 0.4 else MAIN_PLAYER
        return None if name == MAIN_PLAYER else name

    def game(self) -> str | None:
        if self.rng.random() < 0.3:
            self.game_in_play = self.rng.choice([*GAMES, *GAMES, "NO_SUCH_GAME"])
        return None if self.game_in_play == DEFAULT_GAME else self.game_in_play

    def stake(self) -> Amount:
        roll = self.rng.random()
        if roll < 0.08:
            return AllOf()
        if roll < 0.16:
            return AllOf(CENT if self.rng.random() < 0.6 else Money(1000))
        if roll < 0.18 and self.means.limit:
            return OfLimit(CENT if self.rng.random() < 0.5 else ZERO)
        if roll < 0.21:
            return money(0)
        return self.small()

    def small(self) -> Amount:
        if self.rng.random() < 0.35:
            return money(self.rng.choice(_EDGES))
        return money(self.rng.randint(50, 2000))

    def payout(self) -> Amount:
        roll = self.rng.random()
        if roll < 0.10:
            return money(0)
        if roll < 0.20:
            return money(self.rng.choice(_LARGE))
        return self.small()

    def fault(self) -> FaultSpec | None:
        return self.rng.choice(_FAULTS) if self.rng.random() < _FAULT_SHARE else None

    def add(self, step: Step) -> None:
        self.steps.append(step)
        if isinstance(step, steps.Bet | steps.Win | steps.Refund):
            self.money_steps.append(step.label)
            if "amount" in step.raw or step.omit:
                # Nobody can say what a refund of it should pay.
                return
        if isinstance(step, steps.Bet):
            self.bets.append(step)
        if isinstance(step, steps.Win):
            self.wins.append(step)

    def wait(self) -> None:
        """Let time pass, seldom, before what is late then."""
        if self.rng.random() < _LATE_SHARE:
            self.add(_LATE)

    def bet(self, amount: Amount | None = None) -> steps.Bet:
        return steps.Bet(
            place=NOWHERE,
            label=self.label("b"),
            amount=self.stake() if amount is None else amount,
            game=self.game(),
            player=self.player(),
        )

    def win(self, amount: Amount | None = None) -> steps.Win:
        return steps.Win(
            place=NOWHERE,
            label=self.label("w"),
            amount=self.payout() if amount is None else amount,
            game=self.game(),
            player=self.player(),
        )

    def refund(self, bet: steps.Bet | steps.Win) -> steps.Refund:
        return steps.Refund(place=NOWHERE, label=self.label("r"), of=bet.label, player=bet.player)


def _players(rng: Random, means: Means) -> dict[str, PlayerSpec]:
    roll = rng.random()
    if roll < 0.6:
        balance = DEFAULT_OPENING
    elif roll < 0.95:
        balance = Money(rng.choice((0, 1000, 5050, 10_001, 99_999)))
    else:
        balance = Money(rng.choice((1_234_567, 99_999_000)))
    players = {MAIN_PLAYER: PlayerSpec(balance)}
    if means.players > 1 and rng.random() < 0.55:
        players["other"] = PlayerSpec(Money(rng.choice((6000, 3100))))
    if rng.random() < 0.12:
        players["ghost"] = PlayerSpec(exists=False)
    return players


# --- what may come next -----------------------------------------------------------------------------


def _bet(draft: _Draft) -> None:
    draft.add(replace(draft.bet(), fault=draft.fault()))


def _win(draft: _Draft) -> None:
    draft.add(replace(draft.win(), fault=draft.fault()))


def _late_win(draft: _Draft) -> None:
    """Settle an earlier bet, perhaps after bets in another game."""
    rng = draft.rng
    if not draft.bets:
        return
    bet = rng.choice(draft.bets[-4:])
    other_game = rng.choice([each for each in GAMES if each != (bet.game or DEFAULT_GAME)])
    for _ in range(rng.choice((0, 1, 3))):
        draft.add(replace(draft.bet(money(100)), game=other_game, player=bet.player))
    draft.wait()
    draft.add(replace(draft.win(), game=bet.game, player=bet.player))


def _refund(draft: _Draft) -> None:
    """Refund an earlier bet: as it is, another amount of it, for another player, or one nobody made."""
    rng = draft.rng
    named: Sequence[steps.Bet | steps.Win] = draft.bets if rng.random() < 0.85 else draft.wins
    if not named or rng.random() < 0.06:
        amount = draft.small()
        unknown = f"unknown-{draft.label('x')}"
        draft.add(
            steps.Refund(
                place=NOWHERE,
                label=draft.label("r"),
                transaction_id=unknown,
                amount=amount,
                player=draft.player(),
            )
        )
        return
    refund = draft.refund(rng.choice(named[-4:]))
    roll = rng.random()
    if roll < 0.18:
        refund = replace(refund, amount=money(rng.choice((100, 200, 50_000))))
    elif roll < 0.36 and len(draft.players) > 1:
        others = [name for name in draft.players if name != (refund.player or MAIN_PLAYER)]
        other = rng.choice(others)
        refund = replace(refund, player=None if other == MAIN_PLAYER else other)
    draft.add(replace(refund, fault=draft.fault()))


def _early_refund(draft: _Draft) -> None:
    """Let a refund overtake its bet."""
    bet = replace(draft.bet(draft.small()), fault=None)
    draft.add(draft.refund(bet))
    draft.wait()
    draft.add(bet)


def _resend(draft: _Draft) -> None:
    """Send an earlier call again: the same, with another amount, or for another player."""
    rng = draft.rng
    if not draft.money_steps:
        return
    step = steps.Resend(place=NOWHERE, of=rng.choice(draft.money_steps[-6:]), fault=draft.fault())
    roll = rng.random()
    if roll < 0.15:
        step = replace(step, amount=draft.small())
    elif roll < 0.30 and len(draft.players) > 1:
        step = replace(step, player=rng.choice(list(draft.players)))
    elif roll < 0.45:
        step = replace(step, times=rng.randint(2, 3))
    draft.wait()
    draft.add(step)


def _read(draft: _Draft) -> None:
    player = draft.player()
    draft.add(
        steps.Details(place=NOWHERE, player=player)
        if draft.rng.random() < 0.15
        else steps.Balance(place=NOWHERE, player=player)
    )


def _rounds(draft: _Draft) -> None:
    win = draft.payout() if draft.rng.random() < 0.5 else None
    player = draft.rng.choice(draft.real)
    draft.add(
        steps.Round(
            place=NOWHERE,
            bet=money(draft.rng.choice((10, 25, 100))),
            win=win,
            spins=draft.rng.choice((1, 2, 5)),
            game=draft.game(),
            player=None if player == MAIN_PLAYER else player,
        )
    )


def _many(draft: _Draft) -> None:
    """Repeat one or two small calls, so that what only counts up is met."""
    small: list[Step] = [replace(draft.bet(money(draft.rng.choice((1, 10, 20)))), player=None)]
    if draft.rng.random() < 0.5:
        small.append(replace(draft.win(money(draft.rng.choice((1, 10)))), player=None))
    draft.add(steps.Repeat(place=NOWHERE, times=draft.rng.choice((5, 10, 25, 60)), steps=tuple(small)))


def _odd_amount(draft: _Draft) -> None:
    step = draft.bet(money(1000)) if draft.rng.random() < 0.5 else draft.win(money(1000))
    draft.add(replace(step, raw={"amount": draft.rng.choice(_ODD_AMOUNTS)}))


def _missing_field(draft: _Draft) -> None:
    field = draft.rng.choice(("transaction_id", "transaction_id", "amount", "user_id", "game_id"))
    step = draft.bet(money(100)) if draft.rng.random() < 0.5 else draft.win(money(100))
    draft.add(replace(step, omit=frozenset({field})))


def _resembling_ids(draft: _Draft) -> None:
    """Make two calls whose ids resemble one another, or are one id for calls of two kinds or games."""
    rng = draft.rng
    amount = money(rng.choice((300, 700)))
    roll = rng.random()
    if roll < 0.35:
        first = second = f"${{run}}-{draft.label('i')}"
    elif roll < 0.65:
        padding = rng.choice("xyz") * rng.choice(_PADDINGS)
        first, second = f"${{run}}-{padding}-a", f"${{run}}-{padding}-b"
    else:
        first, second = rng.choice(_RESEMBLING_IDS)
    one = replace(draft.bet(amount), player=None, raw={"transaction_id": first})
    other: steps.Bet | steps.Win = draft.bet(amount) if rng.random() < 0.6 else draft.win(amount)
    other = replace(other, raw={"transaction_id": second})
    if first != second:
        other = replace(other, player=None)
    elif rng.random() < 0.5:
        other = replace(other, game=rng.choice(GAMES))
    draft.add(one)
    draft.add(other)


def _resembling_player(draft: _Draft) -> None:
    player = draft.rng.choice((*_RESEMBLING_PLAYERS, *_STRANGE_PLAYERS))
    method = draft.rng.choice(_METHODS[:2])
    body = (
        f'{{"method":"{method}","user_id":"{player}","amount":"1.00",'
        f'"transaction_id":"${{run}}-{draft.label("p")}","game_id":"SLOT_001"}}'
    )
    draft.add(steps.Send(place=NOWHERE, label=draft.label("s"), body=body.encode()))


def _broken_body(draft: _Draft) -> None:
    body = draft.rng.choice(_BROKEN_BODIES)
    draft.add(steps.Send(place=NOWHERE, label=draft.label("s"), body=body.encode()))


def _unknown_method(draft: _Draft) -> None:
    """Name a bet in a call of a method that there is not."""
    name = f"${{run}}-{draft.label('m')}"
    draft.add(replace(draft.bet(money(500)), player=None, raw={"transaction_id": name}))
    method = draft.rng.choice(("transaction_cancel", "rollback", "TRANSACTION_WIN", "transaction_bonus", ""))
    body = (
        f'{{"method":"{method}","user_id":"${{player}}","amount":"5.00",'
        f'"transaction_id":"{name}","game_id":"SLOT_001"}}'
    )
    draft.add(steps.Send(place=NOWHERE, label=draft.label("s"), body=body.encode()))


def _block(draft: _Draft) -> None:
    """Block the player, who may have a bet open, and go on with what is owed or forbidden then."""
    if not draft.means.block:
        return
    rng = draft.rng
    bet = replace(draft.bet(draft.small()), player=None)
    draft.add(bet)
    draft.add(steps.Block(place=NOWHERE))
    roll = rng.random()
    if roll < 0.4:
        draft.add(replace(draft.win(draft.small()), player=None, game=bet.game))
    elif roll < 0.7:
        draft.add(draft.refund(bet))
    else:
        draft.add(replace(draft.bet(draft.small()), player=None))


def _restart(draft: _Draft) -> None:
    if draft.means.restart:
        draft.add(steps.Restart(place=NOWHERE))


# --- calls that are sent together -------------------------------------------------------------------

_LITTLE = Drawn(Money(50), Money(300))


def _race(draft: _Draft) -> None:
    """Send calls of one player together: different ones, one call several times, or a bet and its refund."""
    rng = draft.rng
    make = rng.choice(
        (
            _race_of_bets,
            _race_of_many,
            _race_of_repeats,
            _race_of_refunds,
            _race_with_refund,
            _race_over_balance,
        )
    )
    make(draft)


def _together(draft: _Draft, *at_once: Step, times: int = 1) -> None:
    draft.add(steps.Parallel(place=NOWHERE, steps=at_once, times=times))


def _race_of_bets(draft: _Draft) -> None:
    make: Callable[[Amount], steps.Bet | steps.Win] = draft.bet if draft.rng.random() < 0.5 else draft.win
    step = replace(make(_LITTLE), player=None)
    _together(draft, step, times=draft.rng.choice((2, 5, 10, 20)))


def _race_of_many(draft: _Draft) -> None:
    bet, win = replace(draft.bet(_LITTLE), player=None), replace(draft.win(_LITTLE), player=None)
    raced: list[Step] = [bet, win]
    others = [name for name in draft.real if name != MAIN_PLAYER]
    if others:
        raced.append(replace(draft.bet(_LITTLE), player=others[0]))
    if draft.rng.random() < 0.3:
        raced.append(steps.Balance(place=NOWHERE))
    _together(draft, *raced, times=draft.rng.choice((2, 5, 10)))


def _race_of_repeats(draft: _Draft) -> None:
    step: steps.Bet | steps.Win | steps.Refund = (
        draft.bet(draft.small()) if draft.rng.random() < 0.5 else draft.win(draft.small())
    )
    if draft.rng.random() < 0.35:
        bet = replace(draft.bet(draft.small()), player=None)
        draft.add(bet)
        step = draft.refund(bet)
    step = replace(step, player=None)
    draft.money_steps.append(step.label)
    _together(draft, step, steps.Resend(place=NOWHERE, of=step.label, times=draft.rng.choice((1, 4, 9))))


def _race_of_refunds(draft: _Draft) -> None:
    bets = [
        replace(draft.bet(money(100 + 37 * index)), player=None) for index in range(draft.rng.choice((2, 4)))
    ]
    for bet in bets:
        draft.add(bet)
    _together(draft, *map(draft.refund, bets))


def _race_with_refund(draft: _Draft) -> None:
    bet = replace(draft.bet(draft.small()), player=None)
    refund = draft.refund(bet)
    race = steps.Parallel(place=NOWHERE, steps=(bet, refund))
    draft.add(steps.Repeat(place=NOWHERE, times=draft.rng.choice((1, 5)), steps=(race, draft.refund(bet))))


def _race_over_balance(draft: _Draft) -> None:
    bet = replace(draft.bet(AllOf()), player=None)
    draft.add(bet)
    draft.add(replace(draft.win(money(1000)), player=None))
    bets = [replace(draft.bet(money(600)), player=None) for _ in range(2)]
    _together(draft, *bets)


# --- the grammar ------------------------------------------------------------------------------------

PRODUCTIONS: tuple[tuple[float, Callable[[_Draft], None]], ...] = (
    (10, _bet),
    (8, _win),
    (2, _late_win),
    (8, _refund),
    (3, _early_refund),
    (9, _resend),
    (3, _read),
    (2, _rounds),
    (1, _many),
    (3, _odd_amount),
    (1.5, _missing_field),
    (4, _resembling_ids),
    (2, _resembling_player),
    (1, _broken_body),
    (1, _unknown_method),
    (1, _block),
    (0.7, _restart),
    (3, _race),
)


def make_session(rng: Random, means: Means) -> SessionPlan:
    """Return a session that the wallet's means can play."""
    draft = _Draft(rng, means)
    length = rng.randint(STEPS_MIN, STEPS_MAX)
    weights = [weight for weight, _ in PRODUCTIONS]
    makers = [make for _, make in PRODUCTIONS]
    while len(draft.steps) < length:
        rng.choices(makers, weights)[0](draft)
    return SessionPlan(draft.players, tuple(draft.steps))
