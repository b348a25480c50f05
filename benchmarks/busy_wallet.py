"""Generate histories of a busy wallet: many calls of one player in flight at all times."""

from __future__ import annotations

import random
from dataclasses import dataclass
from heapq import heappop, heappush

from simulator.core.calls import Operation
from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.webhooks import Method

OPENING = Money(1_000_000_00)


@dataclass(frozen=True)
class Traffic:
    """What the calls are: `wins`, `refunds`, `repeats`, `lost`, `reads` are shares of all; the rest are bets.

    `then_read` is the share of answers that show a later balance, after up to about `lag_max` more effects.
    The first effect of a call from the number `overwrites` on is overwritten by the next one.
    """

    calls: int
    in_flight: int = 64
    amounts: tuple[int, int] = (1, 9999)
    wins: float = 0.45
    refunds: float = 0.03
    repeats: float = 0.01
    lost: float = 0.005
    reads: float = 0.03
    opening: Money = OPENING
    then_read: float = 0.0
    lag_max: int = 4
    seed: int = 1
    overwrites: int | None = None


@dataclass
class _Flight:
    number: int
    sent: int
    method: Method
    id_: str
    amount: int
    answer: tuple[Outcome, int] | None = None


def history(traffic: Traffic) -> list[Operation]:
    """Return calls to a right wallet in sending order; `then_read`: some answers show a later balance."""
    return _Busy(traffic).run()


class _Busy:
    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.chance = random.Random(traffic.seed)
        self.balance = int(traffic.opening)
        self.answers: dict[tuple[Method, str], int] = {}
        self.bets: list[tuple[str, int]] = []
        self.sent: list[tuple[Method, str, int]] = []
        self.overwrites = traffic.overwrites
        self.overwritten: int | None = None

    def run(self) -> list[Operation]:
        """Keep `in_flight` calls in flight: each takes effect and is answered at random moments."""
        traffic, now, made = self.traffic, 0, 0
        moments: list[tuple[int, int, str, _Flight]] = []
        done: list[Operation] = []
        flying = 0
        while len(done) < traffic.calls:
            while flying < traffic.in_flight and made < traffic.calls:
                now += 1
                flight = self._next(made, now)
                made, flying = made + 1, flying + 1
                effect = now + self.chance.randrange(1, 4 * traffic.in_flight)
                heappush(moments, (effect, made, "effect", flight))
            now, tie, kind, flight = heappop(moments)
            if kind == "effect":
                flight.answer = self._effect(flight)
                late = self.chance.random() < traffic.then_read
                wait = self.chance.randrange(1, 4 * traffic.lag_max + 1)
                heappush(moments, (now + (wait if late else 0), tie, "read", flight))
            elif kind == "read":
                assert flight.answer is not None
                if flight.answer[0] is Outcome.ACCEPTED and traffic.then_read:
                    flight.answer = (Outcome.ACCEPTED, self.balance)
                heappush(moments, (now + self.chance.randrange(1, 64), tie, "answer", flight))
            else:
                done.append(self._told(flight, now))
                flying -= 1
        return sorted(done, key=lambda each: each.sent_ns)

    def _next(self, number: int, now: int) -> _Flight:
        draw = self.chance.random()
        traffic = self.traffic
        amount = self.chance.randint(*traffic.amounts)
        if draw < traffic.reads:
            return _Flight(number, now, Method.BALANCE, "", 0)
        draw -= traffic.reads
        if draw < traffic.repeats and self.sent:
            return _Flight(number, now, *self.chance.choice(self.sent[-100:]))
        draw -= traffic.repeats
        if draw < traffic.refunds and self.bets:
            id_, stake = self.bets.pop(self.chance.randrange(len(self.bets)))
            return _Flight(number, now, Method.REFUND, id_, stake)
        draw -= traffic.refunds
        method = Method.WIN if draw < traffic.wins else Method.BET
        self.sent.append((method, f"{method.noun}{number}", amount))
        return _Flight(number, now, *self.sent[-1])

    def _effect(self, flight: _Flight) -> tuple[Outcome, int]:
        key = (flight.method, flight.id_)
        if flight.method is Method.BALANCE:
            return Outcome.ACCEPTED, self.balance
        if key in self.answers:
            return Outcome.ACCEPTED, self.answers[key]
        if flight.method is Method.BET:
            if flight.amount > self.balance:
                return Outcome.REFUSED, 0
            self.bets.append((flight.id_, flight.amount))
        before = self.balance
        self.balance += flight.amount if flight.method is not Method.BET else -flight.amount
        shown = self.answers[key] = self.balance
        if self.overwrites is not None and flight.number >= self.overwrites:
            self.overwrites, self.overwritten, self.balance = None, flight.number, before
        return Outcome.ACCEPTED, shown

    def _told(self, flight: _Flight, now: int) -> Operation:
        assert flight.answer is not None
        outcome, balance = flight.answer
        lost = flight.method is not Method.BALANCE and self.chance.random() < self.traffic.lost
        lost = lost and flight.number != self.overwritten
        read = flight.method is Method.BALANCE
        return Operation(
            index=flight.number,
            player="p",
            method=flight.method,
            transaction_id=flight.id_ or None,
            amount=None if read else Money(flight.amount),
            game_id="g",
            sent_ns=flight.sent,
            answered_ns=None if lost else now,
            outcome=Outcome.UNKNOWN if lost else outcome,
            balance=None if lost or outcome is Outcome.REFUSED else Money(balance),
        )
