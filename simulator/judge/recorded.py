"""Name the first mistake of one player in recorded calls, as a run or the server would have named it.

The checker (`history`) says whether the whole history is right. The referee judges the calls in the order of
sending and names what each call did; calls that overlap are judged together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from simulator.core.calls import Call, Deviation, Operation, Reading, Why, recorded_call
from simulator.core.findings import Finding, Outcome, Severity
from simulator.core.json import parse
from simulator.core.money import Money
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, NoReply, Reply
from simulator.history.check import Consistency, HistoryVerdict, MoneyVerdict
from simulator.history.files import JudgedHistory
from simulator.judge.findings import Findings
from simulator.judge.reading import means_two_amounts
from simulator.judge.referee import Referee
from simulator.judge.replies import missing_answer
from simulator.judge.rulings import Asking, ReadBalance, Ruling
from simulator.law.rules import rule_of, words_of
from simulator.law.situations import Situation

_EFFECTS_FROM_OUTSIDE = (Situation.BALANCE_READ_WRONG.value, Situation.BET_NOT_TAKEN.value)
"""The situations of a player's calls after another player's call has changed the balance."""

_NOTHING_EXPLAINS = 3

_WRONG = HistoryVerdict(Consistency.INCONSISTENT, MoneyVerdict.WRONG, _NOTHING_EXPLAINS)
"""The tier of a history that no order explains."""


_Group = list[Operation]
"""Calls that overlap, or one call alone."""


class Named(Frozen):
    """The first mistake, and the index of the call that showed it.

    `alone`: no other call was in flight at that time.
    """

    finding: Finding
    index: int
    alone: bool


def as_played(judged: JudgedHistory) -> JudgedHistory:
    """Return a verdict, of an inconsistent history by the name that the mistake would have had in play.

    A missing answer is named, too. What only calls at once can do is the checker's to explain. The calls are
    left out of it: they are many.
    """
    bare = replace(
        judged, operations=(), hostile=(), unanswered=None, unreadable=(), missing=_missing(judged)
    )
    # An order explains an accepted bet of a blocked player, or one beyond a limit, too.
    barred = any(each.account is not None for each in judged.operations)
    if judged.verdict.tier != _NOTHING_EXPLAINS and judged.unreadable:
        return _destroyed(judged, bare)
    if judged.verdict.tier != _NOTHING_EXPLAINS and not barred:
        return bare
    named = first_mistake(judged.opening, judged.operations, judged.others_ids, judged.hostile)
    if named is None or named.finding.cause not in set(Situation):
        return bare
    finding = named.finding
    if judged.verdict.tier != _NOTHING_EXPLAINS:
        if finding.cause not in (Situation.BLOCKED_PLAYER_WRONG.value, Situation.LIMIT_IGNORED.value):
            return bare
        judged = replace(judged, verdict=_WRONG)
    situation = _of_a_stranger(finding, judged.strangers) or Situation(finding.cause)
    verdict = replace(judged.verdict, situation=situation)
    if named.alone:
        title = finding.message if situation.value == finding.cause else words_of(situation).title
        words = (title, finding.label, finding.trail)
        sentence = ": ".join(filter(None, words[:2])) + (f" ({words[2]})" if words[2] else "")
        verdict = replace(verdict, explanation=f"{sentence[:1].upper()}{sentence[1:]}.")
    rule = finding.rule if situation.value == finding.cause else rule_of(situation)
    return replace(bare, verdict=verdict, rule=rule, line=named.index)


_SERVER_ERROR = 500

_READS_MIN = 2

_FAILED_READS_MIN = 3
"""How many reads in a row must show no amount; servers fail now and then, so HTTP 500 needs one more."""


def _destroyed(judged: JudgedHistory, bare: JudgedHistory) -> JudgedHistory:
    """Return the verdict on a player whose last reads show no amount of money any more after a call."""
    call, *reads = judged.unreadable
    replies = [read.exchange.reply for read in reads]
    failed = any(isinstance(reply, Reply) and reply.status >= _SERVER_ERROR for reply in replies)
    if len(reads) < (_FAILED_READS_MIN if failed else _READS_MIN) or any(map(_may_be_money, replies)):
        return bare
    finding = Findings().destroyed(call, judged.player, None, reads[0], "")
    situation = Situation(finding.cause)
    sentence = f"{finding.message[:1].upper()}{finding.message[1:]}: {finding.label}."
    verdict = replace(_WRONG, situation=situation, explanation=sentence)
    return replace(bare, verdict=verdict, rule=finding.rule, line=call.number)


def _may_be_money(reply: Reply | NoReply) -> bool:
    """Return whether a reply has a text such as "1.234", which is an amount, but may be one of two."""
    try:
        value = parse(reply.body.decode()).value if isinstance(reply, Reply) else None
    except ValueError:
        return False
    return isinstance(value, dict) and any(map(means_two_amounts, value.values()))


def _of_a_stranger(finding: Finding, strangers: Iterable[tuple[Method, Money | None]]) -> Situation | None:
    """Return what another player's call did, where a read shows what no call of this player explains."""
    if finding.cause not in _EFFECTS_FROM_OUTSIDE or finding.found is None or not finding.expected:
        return None
    gap = abs(finding.found - finding.expected[0])
    for method, amount in strangers:
        if amount == gap:
            refunded = method is Method.REFUND
            return Situation.FOREIGN_REFUND_MOVED if refunded else Situation.SAME_ID_OTHER_PLAYER_MOVED
    return None


def _missing(judged: JudgedHistory) -> tuple[int, Deviation] | None:
    """Return the first answer that a record shows to be missing: its line, and what a run says of it.

    It says nothing about the money: the verdict counts the call as unknown.
    """
    if judged.unanswered is None:
        return None
    line, call = judged.unanswered
    deviation = missing_answer(call.form.request, call.exchange.reply)
    return None if deviation is None else (line, deviation)


def first_mistake(
    opening: Money,
    operations: Sequence[Operation],
    others_ids: Collection[str] = (),
    hostile: Sequence[Call] = (),
) -> Named | None:
    """Return the first wrong money of one player's calls; None where every call by itself was right.

    `others_ids` are the transaction ids of these calls that another player used, too; `hostile` are calls in
    between that are no webhook.
    """
    if not operations:
        return None
    player = operations[0].player
    referee = Referee(Findings())
    referee.open(player, opening)
    referee.ledger.share(frozenset(others_ids))
    groups = deque(_in_order(list(_groups(operations)), hostile))
    while groups:
        group = groups.popleft()
        if isinstance(group, Call):
            ruling, index, alone = _driven(referee.hostile(group, [player]), groups), group.number, True
        else:
            ruling, index, alone = _ruling(referee, group, groups), group[0].index, len(group) == 1
        if ruling.accused:
            money = [each for each in ruling.findings if each.severity is Severity.ERROR]
            return Named((money or ruling.findings)[-1], index, alone)
    return None


def _in_order(groups: list[_Group], hostile: Sequence[Call]) -> list[_Group | Call]:
    """Return all by their time. Bytes that overlap with calls are left out: nothing shows their effect."""
    spans = [(group[0].sent_ns, max(each.answered_ns or each.sent_ns for each in group)) for group in groups]
    timed: list[tuple[int, _Group | Call]] = [(group[0].sent_ns, group) for group in groups]
    for call in hostile:
        sent, over = call.exchange.sent_ns, call.exchange.answered_ns or call.exchange.sent_ns
        if not any(begin <= over and sent <= end for begin, end in spans):
            timed.append((sent, call))
    return [each for _, each in sorted(timed, key=lambda item: item[0])]


def _ruling(referee: Referee, group: _Group, rest: deque[_Group | Call]) -> Ruling:
    call = group[0]
    if len(group) > 1:
        return _driven(referee.burst(call.player, group, _call(call)), rest)
    if call.method is Method.BALANCE:
        return _driven(referee.read(_call(call)), rest)
    return _driven(referee.call(_call(call)), rest)


def _driven(asking: Asking, rest: deque[_Group | Call]) -> Ruling:
    """Give the referee the next reads in the record, or None if a call comes first."""
    try:
        wanted = next(asking)
        while True:
            # A record holds no more calls than it does, and the policy says so.
            assert isinstance(wanted, ReadBalance)
            wanted = asking.send(_next_read(rest, wanted.until))
    except StopIteration as ended:
        ruling: Ruling = ended.value
        return ruling


def _next_read(rest: deque[_Group | Call], until: Collection[Money]) -> Call | None:
    """Take the next read from the record; with `until`, all up to the one that shows such a balance."""
    found = None
    for place, read in enumerate(_reads(rest)):
        if not until or read.balance in until:
            found = place, read
            break
    if found is None:
        return None
    for _ in range(found[0] + 1):
        rest.popleft()
    return _call(found[1])


def _reads(rest: Iterable[_Group | Call]) -> Iterator[Operation]:
    """Return the reads that come before the next call that may move money."""
    for group in rest:
        if isinstance(group, Call) or len(group) > 1 or group[0].method is not Method.BALANCE:
            return
        yield group[0]


def _groups(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Return the calls in the order of sending, those that overlap together.

    A call without an answer ends at once.
    """
    group: list[Operation] = []
    until = 0
    for operation in sorted(operations, key=lambda each: (each.sent_ns, each.index)):
        if group and operation.sent_ns > until:
            yield group
            group = []
        group.append(operation)
        over = operation.sent_ns if operation.answered_ns is None else operation.answered_ns
        until = over if len(group) == 1 else max(until, over)
    if group:
        yield group


def _call(operation: Operation) -> Call:
    answered = operation.answered_ns is not None
    reading = Reading(
        operation.outcome if answered else Outcome.UNKNOWN,
        operation.balance if answered else None,
        must_settle=operation.must_settle,
        stated_balance=operation.stated_balance,
        says_yes=operation.says_yes,
    )
    why = Why(None, "", operation.label, account=operation.account)
    return recorded_call(operation.request, reading, why, operation.form, number=operation.index)
