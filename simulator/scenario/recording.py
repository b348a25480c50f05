"""Write recorded calls as scenario files, which play the same calls again.

The console's export and `betrontech-sim record` come from here. Ids are made anew by the scenario format's
own means: labels, and `${run}` where the form of an id is the point. Nothing is expected of the answers,
since the ledger knows what is right: a right wallet passes, and a wallet that went wrong fails again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import count
from unicodedata import normalize

from simulator.core import steps
from simulator.core.calls import NOT_KEPT, Call, CallForm, FaultKind, FaultSpec, KnownAs
from simulator.core.findings import Outcome, Place
from simulator.core.json import JsonValue
from simulator.core.money import Money, Written, format_money
from simulator.core.profiles import Source, WireProfile, field_names
from simulator.core.steps import DEFAULT_OPENING, MAIN_PLAYER, PlayerSpec, Step
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, WebhookRequest
from simulator.scenario.formatting import tidied
from simulator.scenario.limits import DEFAULT_GAME
from simulator.scenario.shapes import COLUMN_PATTERN
from simulator.scenario.writing import scenario_text
from simulator.wire.forms import ORDINARY_ID
from simulator.wire.profiles import BETRONTECH
from simulator.wire.writing import read_request

NOWHERE = Place("recorded", 1)
"""The place of a step before it is written to a file."""

OF_THE_RUN = frozenset({"probe", "preflight", "adjust", "restore", "settle", "alone"})
"""The purposes of calls that a run makes by itself, so that no step stands for them."""

ASSUMED = "The record does not hold the balance before the first call: {balance} is assumed."

LEFT_OUT = "Left out, since a scenario file cannot hold their bytes: {count} of the recorded calls."


class Recorded(Frozen):
    """The calls of one scenario to be, oldest first, and the balances of its players before them, if known.

    `otherwise` is the balance of players whose balance is not known, None to assume one. `profile` is the one
    in which the bytes are written. `pauses`: what was waited between calls is waited again.
    """

    name: str
    calls: Sequence[Call]
    openings: Mapping[str, Money] = field(default_factory=dict)
    otherwise: Money | None = None
    profile: WireProfile = BETRONTECH
    pauses: bool = False


def player_record(
    agent: str, user_id: str, calls: Sequence[Call], opening: Money | None, profile: WireProfile = BETRONTECH
) -> Recorded:
    """Return the record of one player, who belongs to an agent unless that is empty."""
    of = f" of {agent}" if agent else ""
    count = sum(is_of_a_step(call) for call in calls)
    who = f"Player {user_id}" if user_id else "No player"
    name = f"{who}{of}, {count} recorded {'call' if count == 1 else 'calls'}"
    return Recorded(name, calls, {} if opening is None else {user_id: opening}, None, profile)


def is_of_a_step(call: Call) -> bool:
    """Return whether a step stands for the call: a run makes the others by itself."""
    return call.why.purpose not in OF_THE_RUN


def recorded_text(records: Iterable[Recorded]) -> str:
    """Return a file with one scenario for each record that holds calls to play again."""
    names: Counter[str] = Counter()
    documents = []
    for record in records:
        names[record.name] += 1
        name = record.name if names[record.name] == 1 else f"{record.name} ({names[record.name]})"
        documents.append(_document(record, name))
    return tidied("---\n".join(documents), "the record")


def _document(record: Recorded, name: str) -> str:
    made = _Steps(record)
    played = made.steps() or [steps.Balance(place=NOWHERE)]
    players, assumed = _players(record, made.names)
    comment = [ASSUMED.format(balance=format_money(balance)) for balance in assumed]
    if made.left_out:
        comment.append(LEFT_OUT.format(count=made.left_out))
    # What looks like a column in a name would have to be one.
    return scenario_text(name.replace("${", "$ {"), played, players, comment)


# --- players --------------------------------------------------------------------------------------


def _players(record: Recorded, names: Mapping[str, str | None]) -> tuple[dict[str, PlayerSpec], list[Money]]:
    """Return the players, and the balances that are only assumed."""
    specs: dict[str, PlayerSpec] = {}
    assumed = []
    for user_id, name in (names or {"": None}).items():
        own = [call for call in record.calls if call.player == user_id]
        account = own[0].why.account if own else None
        if account is KnownAs.UNKNOWN:
            specs[name or MAIN_PLAYER] = PlayerSpec(exists=False)
            continue
        balance = record.openings.get(user_id, _first_read(own))
        balance = record.otherwise if balance is None else balance
        if balance is None:
            balance = next(
                (told for call in own if (told := balance_before(call)) is not None), DEFAULT_OPENING
            )
            if own:
                assumed.append(balance)
        specs[name or MAIN_PLAYER] = PlayerSpec(balance, blocked=account is KnownAs.BLOCKED)
    return specs, assumed


def _first_read(calls: Sequence[Call]) -> Money | None:
    """Return the balance that the first call reads: those before any other call may have moved money."""
    first = next((call for call in calls if call.request.method is not Method.DETAILS), None)
    return first.balance if first is not None and first.request.method is Method.BALANCE else None


def balance_before(call: Call) -> Money | None:
    """Return the balance before a call, by its answer, or None if that shows no balance."""
    if call.balance is None:
        return None
    before, request = int(call.balance), call.request
    if call.outcome is Outcome.ACCEPTED and request.amount is not None:
        before += request.amount if request.method is Method.BET else -request.amount
    return Money(max(0, before))


# --- steps ----------------------------------------------------------------------------------------

_LETTERS = {Method.BET: "b", Method.WIN: "w", Method.REFUND: "r"}

_REPEATED = frozenset(FaultKind) - {FaultKind.DELAY}
"""The faults that a step can repeat; the length of a delay is not recorded."""

_PAUSE_NS_MIN, _PAUSE_NS_MAX = 250_000_000, 60_000_000_000
"""A shorter pause is the time that a call takes; nobody waits for a longer one."""

_COLUMN = re.compile(COLUMN_PATTERN)


class _Sent(Frozen):
    """A money call that has a step: its label, and what was sent."""

    label: str
    request: WebhookRequest


class _Steps:
    """Makes the steps of one record. `names` maps user ids to players; None is the main one."""

    def __init__(self, record: Recorded) -> None:
        self._calls = sorted(filter(is_of_a_step, record.calls), key=lambda call: call.exchange.sent_ns)
        self._profile = record.profile
        self._pauses = record.pauses
        self.names = _names(self._calls)
        self.left_out = 0
        self._own_form = _ids_in_own_form(self._calls)
        self._own_ids = _OwnIds()
        self._bets: dict[str, str] = {}
        self._stakes: dict[str, Money | None] = {}
        self._sent: dict[tuple[Method, str], _Sent] = {}
        self._counts: Counter[Method] = Counter()
        self._blocked: set[str] = set()
        # A refund may overtake its bet, so that bets get their labels first.
        for call in self._calls:
            request = call.request
            id_ = request.transaction_id
            if request.method is Method.BET and id_ is not None and id_ not in self._bets and _is_typed(call):
                self._bets[id_] = self._label(Method.BET)
                self._stakes[id_] = request.amount

    def steps(self) -> list[Step]:
        """Return the steps; calls that overlap are sent together."""
        made: list[Step] = []
        ended_ns: int | None = None
        for together in _overlapping(_pairs_as_one(self._calls)):
            pause_ns = together[0].exchange.sent_ns - ended_ns if self._pauses and ended_ns is not None else 0
            if pause_ns >= _PAUSE_NS_MIN:
                whole = min(pause_ns, _PAUSE_NS_MAX) // 10_000_000 * 10_000_000
                made.append(steps.Wait(place=NOWHERE, duration_ns=whole))
            ended_ns = max(each.exchange.answered_ns or each.exchange.sent_ns for each in together)
            found = [step for call in together for step in self._steps_of(call)]
            blocks = [step for step in found if isinstance(step, steps.Block)]
            calls = [step for step in found if not isinstance(step, steps.Block)]
            made += blocks
            if len(calls) > 1:
                in_flight = min(_most_at_once(together), len(calls))
                made.append(steps.Parallel(place=NOWHERE, steps=tuple(calls), in_flight=max(2, in_flight)))
            else:
                made += calls
        return made

    def _steps_of(self, call: Call) -> Iterator[Step]:
        player = call.player
        if call.why.account is KnownAs.BLOCKED and player is not None and player not in self._blocked:
            self._blocked.add(player)
            if any(each.player == player and each.why.account is None for each in self._calls):
                yield steps.Block(place=NOWHERE, player=self.names.get(player))
        step = self._step(call)
        if step is None:
            self.left_out += 1
        else:
            yield step

    def _step(self, call: Call) -> Step | None:
        """Return the step of a call, None where a file cannot hold it."""
        request = call.request
        if not _is_typed(call):
            return self._send(call)
        player = self.names.get(request.player)
        if request.method is Method.DETAILS:
            return steps.Details(place=NOWHERE, player=player)
        if request.method is Method.BALANCE:
            return steps.Balance(place=NOWHERE, player=player)
        if _COLUMN.search(f"{request.game_id} {request.transaction_id}"):
            return None
        again = self._again(call)
        return again or (self._refund(call) if request.method is Method.REFUND else self._bet_or_win(call))

    def _again(self, call: Call) -> Step | None:
        """Return the step of a call that was sent before, None for a new one."""
        request = call.request
        sent = self._sent.get((request.method, request.transaction_id or ""))
        if sent is None or sent.request.game_id != request.game_id:
            return None
        return steps.Resend(
            place=NOWHERE,
            of=sent.label,
            amount=None if request.amount == sent.request.amount else _written(request.amount),
            player=None
            if request.player == sent.request.player
            else self.names[request.player] or MAIN_PLAYER,
            fault=_fault(call),
        )

    def _bet_or_win(self, call: Call) -> Step:
        request, id_ = call.request, call.request.transaction_id or ""
        first = (request.method, id_) not in self._sent
        label = self._bets[id_] if request.method is Method.BET and first else self._label(request.method)
        raw: dict[str, JsonValue] = {"transaction_id": self._own_ids.of(id_)} if id_ in self._own_form else {}
        body = call.exchange.wire.body
        omits_game = request.game_id is None and b"}" in body
        if omits_game and field_names(self._profile, request.method)[Source.GAME].encode() in body:
            raw["game_id"], omits_game = None, False
        self._sent.setdefault((request.method, id_), _Sent(label, request))
        kind: type[steps.Bet | steps.Win] = steps.Bet if request.method is Method.BET else steps.Win
        return kind(
            place=NOWHERE,
            label=label,
            amount=_written(request.amount),
            game=None if request.game_id == DEFAULT_GAME else request.game_id,
            player=self.names[request.player],
            fault=_fault(call),
            raw=raw,
            omit=frozenset({"game_id"}) if omits_game else frozenset(),
        )

    def _refund(self, call: Call) -> Step:
        request, id_ = call.request, call.request.transaction_id or ""
        label = self._label(Method.REFUND)
        won = self._sent.get((Method.WIN, id_))
        of = self._bets.get(id_) or (won.label if won else None)
        unseen = self._own_ids.of(id_) if id_ in self._own_form else f"unseen-{label}"
        same = of is not None and id_ in self._stakes and request.amount == self._stakes[id_]
        self._sent[Method.REFUND, id_] = _Sent(label, request)
        return steps.Refund(
            place=NOWHERE,
            label=label,
            of=of,
            transaction_id=None if of else unseen,
            amount=None if same else _written(request.amount),
            player=self.names[request.player],
            fault=_fault(call),
        )

    def _send(self, call: Call) -> Step | None:
        """Return a step with the bytes of a call that no other step writes; ids and player are made anew."""
        wire = call.exchange.wire
        try:
            body = wire.body.decode("utf-8")
        except UnicodeDecodeError:
            return None
        if wire is NOT_KEPT or _COLUMN.search(body):
            return None
        keys = field_names(self._profile, Method.BET)
        body = _replaced(body, keys[Source.PLAYER], lambda id_, _: "${player}" if id_ in self.names else None)
        body = _replaced(body, keys[Source.TRANSACTION], self._own_ids.of_json)
        return steps.Send(
            place=NOWHERE,
            label="@",
            body=body.encode(),
            content_type=wire.content_type,
            http_method=wire.http_method,
            player=self.names.get(call.player or ""),
        )

    def _label(self, method: Method) -> str:
        self._counts[method] += 1
        return f"{_LETTERS[method]}{self._counts[method]}"


_LONG_ID = 40

_RUN_LENGTH = 8
"""So long is what the beginning of an own id becomes, or shorter."""


class _OwnIds:
    """Ids that only the run has in which they are sent: each of the same form, and different ones stay so."""

    def __init__(self) -> None:
        self._by_id: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, id_: str, form: str = "") -> str:
        """Return what stands for an id; `form` is an id of the form that it shall have, if not its own."""
        if id_ not in self._by_id:
            own = next(each for each in _in_its_form(form or id_) if each not in self._taken)
            self._by_id[id_] = own
            self._taken.add(own)
        return self._by_id[id_]

    def of_json(self, id_: str, is_number: bool) -> str | None:
        """Return what stands for an id in a body, None for an empty one."""
        if is_number and len(id_) < len("1000"):
            # It stays a number, which has no zeros in front.
            return self.of(f"the number {id_}", f"1{id_:0>3}")
        return self.of(id_) if id_ else None


def _in_its_form(id_: str) -> Iterator[str]:
    """Yield ids of the same form, the one that resembles it most first."""
    if re.fullmatch(r"\d{4,}", id_, re.ASCII):
        zeros = id_[: len(id_) - len(id_.lstrip("0"))]
        yield from (f"{zeros}${{number}}{(int(id_[-3:]) + more) % 1000:03}" for more in range(1000))
        yield from (f"{zeros}${{number}}{more}" for more in count(1000))
    # A long one keeps its length, which may be the point.
    yield f"${{run}}-{id_ if len(id_) <= _LONG_ID else id_[_RUN_LENGTH:]}"
    yield from (f"${{run}}-{id_}{more}" for more in count())


def _replaced(body: str, key: str, new: Callable[[str, bool], str | None]) -> str:
    """Return a JSON text with new values of one key. `new` gets a value, and whether it is a number."""
    written = rf'("{re.escape(key)}"\s*:\s*)(?:"([^"\\]*)"|(\d+)(?=\s*[,}}]))'

    def replaced(found: re.Match[str]) -> str:
        text, number = found[2], found[3]
        value = new(text or "", False) if number is None else new(number, True)
        if value is None:
            return found[0]
        return f"{found[1]}{value}" if number is not None else f'{found[1]}"{value}"'

    return re.sub(written, replaced, body)


def _is_typed(call: Call) -> bool:
    """Return whether a step of its own kind writes the call as it was."""
    request = call.request
    if call.form.request is None or call.form.kind is CallForm.MALFORMED or _is_odd_stranger(call):
        return False
    if call.form.kind is CallForm.ODD:
        # What was written by hand may be as ordinary as any.
        wire = call.exchange.wire
        return (
            wire.http_method == "POST" and read_request(wire.body, wire.content_type, BETRONTECH) == request
        )
    return not request.method.moves_money or None not in (request.amount, request.transaction_id)


def _is_odd_stranger(call: Call) -> bool:
    """Return whether the form of a user id that nobody has is the point, as in an attack."""
    return (
        call.why.account is KnownAs.UNKNOWN
        and call.player is not None
        and ORDINARY_ID.fullmatch(call.player) is None
    )


def _names(calls: Sequence[Call]) -> dict[str, str | None]:
    """Return a name for each user id; None is the main player."""
    ids = dict.fromkeys(
        call.player for call in calls if call.player is not None and not _is_odd_stranger(call)
    )
    return {id_: None if number == 0 else f"player{number + 1}" for number, id_ in enumerate(ids)}


_AS_IT_IS: frozenset[object] = frozenset({"the form", "of the id"})

_SAME_BEGINNING = 24
"""Ids that are alike for so many characters are one id where a column is too short."""


def _resembling(ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the ids by what a careless wallet would make of them: without case, accents, blanks, zeros."""
    alike: dict[str, list[str]] = {}
    for id_ in ids:
        letters = "".join(each for each in normalize("NFKD", id_).casefold() if each.isalnum())
        alike.setdefault(letters.lstrip("0")[:_SAME_BEGINNING], []).append(id_)
    return alike


def _ids_in_own_form(calls: Iterable[Call]) -> set[str]:
    """Return the ids that labels cannot stand for.

    Their form may be the point, bets and wins may share them, or bytes that are no ordinary webhook.
    """
    used: dict[str, set[object]] = {}
    for call in calls:
        request = call.request
        if request.transaction_id is None or not request.method.moves_money:
            continue
        kinds = used.setdefault(request.transaction_id, set())
        if request.method is Method.REFUND and not kinds:
            # It may overtake a win; the label of a bet serves a refund that overtakes the bet.
            kinds.add(Method.WIN)
        if not _is_typed(call) or ORDINARY_ID.fullmatch(request.transaction_id) is None:
            kinds |= _AS_IT_IS
        elif request.method is not Method.REFUND:
            kinds.add((request.method, request.game_id))
            if request.method is Method.BET:
                kinds.discard(Method.WIN)
    for alike in _resembling(used).values():
        if len(alike) > 1:
            for id_ in alike:
                used[id_] |= _AS_IT_IS
    return {id_ for id_, kinds in used.items() if len(kinds) > 1}


def _written(amount: Money | None) -> Written:
    assert amount is not None
    return Written(amount, format_money(amount))


def _fault(call: Call) -> FaultSpec | None:
    fault = call.exchange.fault
    return FaultSpec(FaultKind(fault)) if fault in _REPEATED else None


def _pairs_as_one(calls: Iterable[Call]) -> Iterator[Call]:
    """Yield the calls without the second of each pair that was sent at once."""
    doubled = False
    for call in calls:
        twice = call.exchange.fault == FaultKind.DUPLICATE
        second = doubled and twice
        doubled = twice and not second
        if not second:
            yield call


def _overlapping(calls: Iterable[Call]) -> Iterator[list[Call]]:
    """Yield the calls in groups: one was sent before another of its group was answered."""
    group: list[Call] = []
    ends_ns = 0
    for call in calls:
        exchange = call.exchange
        if group and exchange.sent_ns >= ends_ns:
            yield group
            group = []
        ends_ns = max(ends_ns if group else exchange.sent_ns, exchange.answered_ns or exchange.sent_ns)
        group.append(call)
    if group:
        yield group


def _most_at_once(calls: Sequence[Call]) -> int:
    """Return how many calls were under way at the same moment, at most."""
    moments = sorted(
        (at, change)
        for call in calls
        for at, change in (
            (call.exchange.sent_ns, 1),
            (call.exchange.answered_ns or call.exchange.sent_ns, -1),
        )
    )
    now = most = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most
