"""Read the histories of many players from one stream of lines, and judge each.

`core.call_lines` reads a line. A player's segment goes from one opening line to the next. It is judged as
soon as it is complete, so that memory holds no more than the segments in progress. Players of different
agents are different players, and their ids are independent of each other.

Where players share ids, a right wallet may take the second player's call for a repeat of the first's, or
apply it for each player, but it always does the same. So every call is taken to count, unless only the other
reading explains a player's calls and nothing in the whole file shows that such calls count.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from simulator.core.call_lines import BadLine, read_line
from simulator.core.calls import FOREVER, Call, CallForm, Deviation, KnownAs, Opening, Operation, Player
from simulator.core.findings import Outcome, Phase
from simulator.core.money import ZERO, Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, NoReply, NoReplyKind
from simulator.history.check import Consistency, HistoryVerdict, MoneyVerdict, check_history, settled_history
from simulator.law.likeness import resembles
from simulator.law.rules import rule_of, words_of
from simulator.law.situations import Situation

_NOTHING_EXPLAINS = 3

_WARNING = 1

_UNDECIDED = 2

_SERVER_ERROR = 500

_OPENINGS_MAX = 256

_NOBODYS = frozenset({NoReplyKind.UNKNOWN, NoReplyKind.INJECTED, NoReplyKind.STALE})
"""Missing answers that say nothing about the wallet."""


class Places(Frozen):
    """Turns the number of a line, counted through all files, into its place.

    `files` holds the number of each file's first line and its name, in order.
    """

    files: tuple[tuple[int, str], ...]

    def of(self, number: int) -> str:
        """Return the place as ``file:line``."""
        return f"{self._file(number)[1]}:{self.line(number)}"

    def line(self, number: int) -> int:
        """Return the number of the line in its own file."""
        return number - self._file(number)[0] + 1

    def _file(self, number: int) -> tuple[int, str]:
        return self.files[bisect_right(self.files, number, key=lambda each: each[0]) - 1]


@dataclass(frozen=True, slots=True)
class JudgedHistory:
    """The verdict on one segment of `calls` calls, which began at `place` with the balance `opening`.

    `shared` counts the calls that the wallet was allowed to ignore because another player used their ids.
    `others_ids` are the ids of calls that another player had used before, `strangers` what other players'
    calls with ids of these asked for. `rule` is that of the situation, where more is known of it than its
    name; `line` is the number of the first line that shows it. `agent` is the player's agent, if the lines
    name one. `unanswered` is the first call that the wallet did not answer as documented, with its line, and
    `missing` what a run says of it. `hostile` are the calls in between that are no webhook. `phase` is
    PREFLIGHT for calls that a run sent before its scenarios. `unreadable` are the reads at the end that were
    answered without an amount, the call before them first. `number` is that of the line at `place`; it and
    other numbers of lines count through all files: `places` knows their lines in each.
    """

    player: str
    place: str
    calls: int
    verdict: HistoryVerdict
    opening: Money
    operations: tuple[Operation, ...]
    others_ids: frozenset[str] = frozenset()
    strangers: tuple[tuple[Method, Money | None], ...] = ()
    shared: int = 0
    rule: str = ""
    line: int | None = None
    agent: str = ""
    unanswered: tuple[int, Call] | None = None
    missing: tuple[int, Deviation] | None = None
    phase: Phase = Phase.STEP
    hostile: tuple[Call, ...] = ()
    unreadable: tuple[Call, ...] = ()
    number: int = 0
    places: Places | None = None

    def line_of(self, number: int | None) -> int | None:
        """Return a line's number in its own file."""
        return number if number is None or self.places is None else self.places.line(number)

    def place_of(self, number: int | None) -> str:
        """Return the place of a line as ``file:line``; that of the history for None."""
        return self.place if number is None or self.places is None else self.places.of(number)

    @property
    def rank(self) -> int:
        """Return 0 for consistent, 1 for tier 2 (a warning), 2 for undecided, 3 for tier 3 (an error).

        It is 1 if only the money is proven right, and 2 if an effect may be lost all the same.
        """
        return _rank(self.verdict)


@dataclass(slots=True)
class _Segment:
    opening: Money | None
    number: int
    scenario: str | None = None
    operations: list[Operation] = field(default_factory=list)
    hostile: list[Call] = field(default_factory=list)
    unanswered: tuple[int, Call] | None = None
    phase: Phase = Phase.PREFLIGHT
    latest: Call | None = None
    unreadable: list[Call] = field(default_factory=list)

    def note(self, call: Call) -> None:
        """Note the latest call that is no read, and the reads after it that show no amount."""
        if call.form.request is None or call.request.method.moves_money:
            self.latest = call
        elif call.shows_no_amount and self.latest is not None:
            self.unreadable.append(call)
        if call.balance is not None:
            self.unreadable.clear()


@dataclass(slots=True)
class _Unknown:
    """Calls of a player whom their sender knew not to exist; `accepted` is the first that was accepted."""

    number: int
    calls: int = 0
    accepted: Call | None = None
    unanswered: tuple[int, Call] | None = None

    def add(self, call: Call) -> None:
        self.calls += 1
        if self.accepted is None and call.outcome is Outcome.ACCEPTED and call.request.method.moves_money:
            self.accepted = call
        if self.unanswered is None and _is_unanswered(call):
            self.unanswered = call.number, call


@dataclass(slots=True)
class _Use:
    """When a player first sent an id, and when a call with it was first accepted (FOREVER: never).

    `method` and `amount` are what the latest of them asked for.
    """

    player: Player
    sent: int
    accepted: int
    method: Method
    amount: Money | None


class Histories:
    """Reads lines and yields verdicts. `places` tells where a line is from; a name is that of the one file.

    `others` are players who exist, but whose lines may not be among these.
    """

    def __init__(self, places: Places | str, others: Collection[Player] = ()) -> None:
        self._others_named = others
        self._places = Places(((1, places),)) if isinstance(places, str) else places
        self._segments: dict[Player, _Segment] = {}
        self._unknown: dict[Player, _Unknown] = {}
        self._users: dict[tuple[str, Method], dict[str, _Use | dict[Player, _Use]]] = {}
        """Who used an id, by agent and method. Nearly all ids have one user."""
        self._counts_per_player: set[str] = set()
        """The agents whose wallet applies an id for each player that uses it."""
        self._open: list[tuple[JudgedHistory, JudgedHistory]] = []

    @property
    def players(self) -> int:
        """Return how many players have an opening line, or are known not to exist."""
        return len({*self._segments, *self._unknown})

    def judge(self, lines: Iterable[str]) -> Iterator[JudgedHistory]:
        """Yield a verdict for each segment with a call as it ends; those with doubtful shared ids last.

        Raises BadLine.
        """
        return self.judge_numbered(enumerate(lines, 1))

    def judge_numbered(self, lines: Iterable[tuple[int, str]]) -> Iterator[JudgedHistory]:
        """Yield the same for lines with their numbers, not all of which need to be there."""
        for number, text in lines:
            place = self._places.of(number)
            match read_line(text, place):
                case Opening(player=user, agent=agent, balance=balance, scenario_id=scenario):
                    player = (agent or "", user)
                    yield from self._end(player)
                    self._segments[player] = _Segment(balance, number, scenario)
                case Call() as call if call.form.request is None:
                    self._add_hostile(replace(call, number=number))
                case Call() as call:
                    self._add(replace(call, number=number))
        for player, unknown in self._unknown.items():
            yield self._of_unknown(player, unknown)
        for player in list(self._segments):
            yield from self._end(player)
        for strict, lenient in self._open:
            yield strict if strict.agent in self._counts_per_player else lenient

    def _add(self, call: Call) -> None:
        operation, agent = Operation.of(call, call.number), call.why.agent or ""
        player = (agent, operation.player)
        if operation.account is KnownAs.UNKNOWN:
            # A player who does not exist has no balance, and needs no opening.
            self._unknown.setdefault(player, _Unknown(call.number)).add(call)
            return
        barred = operation.account is not None and operation.method is Method.BET
        if barred and operation.form is CallForm.CANONICAL:
            # Its refusal is right, and no order of the calls needs to explain it.
            operation = replace(operation, form=CallForm.OPTIONAL)
        segment = self._segments.get(player)
        if segment is None:
            if call.why.purpose:
                # The stream of a run also holds what it sends before a scenario opens a player.
                return
            found = f'found a call of "{operation.player}"'
            place = self._places.of(call.number)
            raise BadLine(f"{place}: player: expected an opening line before it, {found}")
        segment.operations.append(operation)
        segment.note(call)
        if call.why.purpose != Phase.PREFLIGHT:
            segment.phase = Phase.STEP
        if segment.unanswered is None and _is_unanswered(call):
            segment.unanswered = call.number, call
        if operation.transaction_id is not None and operation.outcome is not Outcome.REFUSED:
            use = self._use(player, operation)
            use.method, use.amount = operation.method, operation.amount
            if operation.outcome is Outcome.ACCEPTED:
                use.accepted = min(use.accepted, operation.ends_ns)

    def _use(self, player: Player, operation: Operation) -> _Use:
        """Return what is known of the player's use of the operation's id, which may be its first."""
        method, id_ = _key(operation)
        ids = self._users.setdefault((player[0], method), {})
        users = ids.get(id_)
        if isinstance(users, _Use) and users.player == player:
            return users
        new = _Use(player, operation.sent_ns, FOREVER, operation.method, operation.amount)
        if users is None:
            ids[id_] = new
            return new
        if isinstance(users, _Use):
            users = ids[id_] = {users.player: users}
        return users.setdefault(player, new)

    def _add_hostile(self, call: Call) -> None:
        """Keep bytes that are no webhook for each player whose balance they must not have moved."""
        for (agent, _), segment in self._segments.items():
            if agent == (call.why.agent or "") and segment.scenario == call.why.scenario_id:
                segment.hostile.append(call)
                segment.note(call)

    def _of_unknown(self, player: Player, unknown: _Unknown) -> JudgedHistory:
        """Return the verdict on the calls of a player who does not exist: none must be accepted."""
        agent, user = player
        call = unknown.accepted
        if call is None:
            verdict = HistoryVerdict(Consistency.CONSISTENT, MoneyVerdict.RIGHT, 1)
        else:
            known = (other for of, other in (*self._segments, *self._others_named) if of == agent)
            alike = any(resembles(user, other) for other in known)
            situation = Situation.SAME_PLAYER_ID if alike else Situation.UNKNOWN_PLAYER_ACCEPTED
            title = words_of(situation).title
            explanation = f"{title[:1].upper()}{title[1:]}: {call.request.method.noun} accepted."
            verdict = HistoryVerdict(
                Consistency.INCONSISTENT, MoneyVerdict.WRONG, _NOTHING_EXPLAINS, situation, explanation
            )
        return JudgedHistory(
            *(user, self._places.of(unknown.number), unknown.calls, verdict, ZERO, ()),
            number=unknown.number,
            places=self._places,
            agent=agent,
            unanswered=unknown.unanswered,
            line=None if call is None else call.number,
            rule="" if call is None else rule_of(situation, (), call.request.method),
        )

    def _end(self, player: Player) -> Iterator[JudgedHistory]:
        segment = self._segments.get(player)
        if segment is None or not segment.operations:
            return
        operations, segment.operations = segment.operations, []
        hostile, segment.hostile = segment.hostile, []
        unanswered, segment.unanswered = segment.unanswered, None
        before = [segment.latest] if segment.latest is not None and segment.unreadable else []
        unreadable, segment.unreadable = (*before, *segment.unreadable), []
        agent, user = player
        opening, operations, verdict = _judged(segment.opening, operations)
        shared = {each.index for each in operations if self._is_shared(agent, each)}
        judged = JudgedHistory(
            user,
            self._places.of(segment.number),
            len(operations),
            verdict,
            opening,
            tuple(operations),
            frozenset(each.transaction_id or "" for each in operations if self._is_second(agent, each)),
            tuple((use.method, use.amount) for each in operations for use in self._others(agent, each)),
            agent=agent,
            unanswered=unanswered,
            phase=segment.phase,
            hostile=tuple(hostile),
            unreadable=unreadable,
            number=segment.number,
            places=self._places,
        )
        if not shared or agent in self._counts_per_player:
            yield judged
        elif judged.rank < _UNDECIDED or judged.verdict.doubt is not None:
            if self._is_proof(agent, opening, operations, shared):
                self._counts_per_player.add(agent)
            yield judged
        else:
            verdict = check_history(opening, operations, foreign=shared)
            lenient = replace(judged, verdict=verdict, shared=len(shared))
            if lenient.rank < judged.rank:
                self._open.append((judged, lenient))
            else:
                yield judged

    def _is_proof(self, agent: str, opening: Money, operations: list[Operation], shared: set[int]) -> bool:
        """Return whether no order explains the segment without the shared calls that surely came second."""
        ignored = [
            replace(each, form=CallForm.MALFORMED)
            if each.index in shared and self._is_second(agent, each)
            else each
            for each in operations
        ]
        if ignored == operations:
            return False
        verdict = check_history(opening, ignored, foreign=shared)
        return verdict.tier == _NOTHING_EXPLAINS

    def _is_shared(self, agent: str, operation: Operation) -> bool:
        """Return whether another player's call with that id was sent before this one was over."""
        return any(use.sent <= operation.ends_ns for use in self._others(agent, operation))

    def _is_second(self, agent: str, operation: Operation) -> bool:
        """Return whether another player's call with that id was accepted before this one was sent."""
        return any(use.accepted < operation.sent_ns for use in self._others(agent, operation))

    def _others(self, agent: str, operation: Operation) -> Iterator[_Use]:
        if operation.transaction_id is not None and operation.method.moves_money:
            method, id_ = _key(operation)
            users = self._users.get((agent, method), {}).get(id_)
            uses = users.values() if isinstance(users, dict) else filter(None, (users,))
            yield from (use for use in uses if use.player != (agent, operation.player))


def _judged(
    opening: Money | None, operations: list[Operation]
) -> tuple[Money, list[Operation], HistoryVerdict]:
    """Judge a history; of the balances that an unknown opening may have had, the best verdict counts."""
    if opening is not None:
        operations, verdict = settled_history(opening, operations)
        return opening, operations, _doubted(verdict)
    best: tuple[Money, list[Operation], HistoryVerdict] | None = None
    for each in _possible_openings(operations):
        found = (each, *settled_history(each, operations))
        if best is None or _rank(found[2]) < _rank(best[2]):
            best = found
        if _rank(found[2]) == 0:
            break
    return best or (ZERO, operations, HistoryVerdict(Consistency.CONSISTENT, MoneyVerdict.UNPROVEN, 1))


def _doubted(verdict: HistoryVerdict) -> HistoryVerdict:
    """Return the verdict, without the claim that the money is right where a lost effect could be hidden."""
    if verdict.doubt is not None:
        sentence = (
            "An order explains every answer, but only if calls without an answer took effect: "
            f"{verdict.doubt.name} may have been lost all the same. Repeats of those calls, or balance reads "
            "between them, would tell."
        )
        return replace(verdict, money=MoneyVerdict.UNPROVEN, explanation=sentence)
    if verdict.tier in (1, 2) or verdict.money is not MoneyVerdict.RIGHT:
        return verdict
    if not verdict.proven:
        return replace(verdict, money=MoneyVerdict.UNPROVEN)
    if verdict.tier is not None:
        return verdict
    return replace(verdict, explanation=f"{_PROVEN} {verdict.explanation}")


_PROVEN = "The money is right: the balance at the end is the sum of all effects. The answers are undecided."


def _rank(verdict: HistoryVerdict) -> int:
    if verdict.doubt is not None:
        return _UNDECIDED
    if verdict.tier is None and verdict.proven:
        return _WARNING
    if verdict.verdict is Consistency.CONSISTENT:
        return 0
    return {2: 1, None: _UNDECIDED, _NOTHING_EXPLAINS: 3}[verdict.tier]


def _possible_openings(operations: list[Operation]) -> list[Money]:
    """Return the balances from which the first answer with a balance can have come, the likeliest first.

    Each call before it may have had its effect or not. There are none without such an answer, or with too
    many calls before it.
    """
    in_order = sorted(operations, key=lambda each: (each.sent_ns, each.index))
    shown = (each for each in in_order if each.balance is not None and each.answered_ns is not None)
    first = next((each for each in shown if each.is_read or each.outcome is Outcome.ACCEPTED), None)
    if first is None or first.balance is None or first.answered_ns is None:
        return []
    befores = [first.balance - _effect(first)]
    if not first.is_read:
        befores.append(first.balance)
    for each in in_order:
        if each is first or each.sent_ns > first.answered_ns or each.outcome is Outcome.REFUSED:
            continue
        befores = list(dict.fromkeys([*(before - _effect(each) for before in befores), *befores]))
        if len(befores) > _OPENINGS_MAX:
            return []
    return [Money(before) for before in befores if before >= 0]


def _effect(operation: Operation) -> int:
    """Return how a call moves the balance if it is applied."""
    if operation.amount is None or not operation.method.moves_money:
        return 0
    return -operation.amount if operation.method is Method.BET else operation.amount


def _is_unanswered(call: Call) -> bool:
    """Return whether the record shows that the answer is missing, and that no fault of ours is why."""
    if call.outcome is not Outcome.UNKNOWN or call.exchange.fault is not None:
        return False
    reply = call.exchange.reply
    if isinstance(reply, NoReply):
        return reply.kind not in _NOBODYS
    return reply.status >= _SERVER_ERROR


def _key(operation: Operation) -> tuple[Method, str]:
    """Return what makes two players' calls the same call to a wallet; a refund has the key of its bet."""
    method = Method.WIN if operation.method is Method.WIN else Method.BET
    return method, str(operation.transaction_id)
