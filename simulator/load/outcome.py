"""What a load has shown: causes, broken thresholds, whether each call is accounted for, the exit code."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.core.calls import Operation
from simulator.core.findings import Severity
from simulator.core.values import Frozen
from simulator.core.webhooks import Method
from simulator.errors import ExitCode
from simulator.history.files import JudgedHistory
from simulator.law.rules import rule_of, words_of
from simulator.load.figures import Figures
from simulator.load.launch import LoadResult
from simulator.report.text import plural

_SEVERITIES = (Severity.WARNING, Severity.WARNING, Severity.WARNING, Severity.ERROR)


class Thresholds(Frozen):
    """What fails a load besides wrong money; None leaves it unchecked."""

    p95_ms: int | None = None
    p99_ms: int | None = None
    error_share: float | None = None


class CollidedCall(Frozen):
    """One of the calls that contradict each other. `at_s` counts from the beginning of the load, if known."""

    name: str
    transaction_id: str | None
    at_s: float | None
    took_ms: float | None


class Collision(Frozen):
    """What one player's history shows: the calls that contradict each other, sent by that worker."""

    player: str
    worker: str
    explanation: str
    lanes: tuple[str, ...]
    calls: tuple[CollidedCall, ...]


class LoadCause(Frozen):
    """One cause of what histories showed. The first of its `collisions` shows it most plainly."""

    rank: int
    cause: str
    rule: str
    title: str
    why: str
    collisions: tuple[Collision, ...]

    @property
    def severity(self) -> str:
        """Return error, warning, or inconclusive."""
        return "inconclusive" if self.rank == UNDECIDED else _SEVERITIES[self.rank].value

    @property
    def shown(self) -> Collision:
        """Return the collision to explain it by."""
        return self.collisions[0]

    @property
    def players(self) -> tuple[str, ...]:
        """Return the players that show it, each once."""
        return tuple(sorted({each.player for each in self.collisions}))


UNDECIDED = 2

MONEY_CALLS = frozenset({Method.BET.noun, Method.WIN.noun, Method.REFUND.noun})


class LoadOutcome(Frozen, kw_only=True):
    """The exit code with its reason, and what is behind it."""

    code: ExitCode
    why: str
    broken: tuple[str, ...] = ()
    causes: tuple[LoadCause, ...] = ()
    sent: int = 0
    recorded: int = 0
    judged: int = 0

    @property
    def headline(self) -> str:
        """Return the outcome in a few words."""
        return _HEADLINES[self.code]


_HEADLINES = {
    ExitCode.PASSED: "The money is right under load",
    ExitCode.FOUND: "Your wallet failed under load",
    ExitCode.INTERRUPTED: "The load was interrupted",
    ExitCode.INCONCLUSIVE: "The load proves nothing",
    ExitCode.UNREACHABLE: "The wallet did not answer",
}


def outcome_of(result: LoadResult, thresholds: Thresholds, *, strict: bool) -> LoadOutcome:
    """Return the outcome; `strict` counts warnings as errors."""
    if result.found is None or result.figures is None:
        if result.interrupted:
            return LoadOutcome(code=ExitCode.INTERRUPTED, why="interrupted before the load began")
        code = ExitCode.UNREACHABLE if result.unreachable else ExitCode.INCONCLUSIVE
        return LoadOutcome(code=code, why=result.why)
    broken = tuple(_broken(result, thresholds))
    sent = sum(each.recorded if each.sent is None else each.sent for each in result.workers)
    recorded = sum(each.recorded for each in result.workers)
    judged = result.found.calls - result.closing_reads
    code, why = _code(
        result, broken, strict=strict, accounted=sent == recorded == judged + result.figures.details
    )
    return LoadOutcome(
        code=code,
        why=why,
        broken=broken,
        causes=tuple(_causes(result)),
        sent=sent,
        recorded=recorded,
        judged=judged,
    )


def _code(
    result: LoadResult, broken: tuple[str, ...], *, strict: bool, accounted: bool
) -> tuple[ExitCode, str]:
    found, figures = result.found, result.figures
    assert found is not None
    assert figures is not None
    if found.ranks[3]:
        return ExitCode.FOUND, "your wallet got money wrong under load"
    if strict and (found.ranks[1] or any(each.missing for each in found.kept)):
        return ExitCode.FOUND, "warnings count as errors (--strict)"
    if broken:
        return ExitCode.FOUND, "; ".join(broken)
    if result.interrupted:
        return ExitCode.INTERRUPTED, "interrupted; nothing wrong was found in what was recorded"
    killed = [each.name for each in result.workers if each.killed]
    # What killed workers did not read was read here.
    unread = [player for player in figures.unread if figures.clocks[player][0] not in killed]
    doubts = {
        "no bet, win or refund was sent": not any(noun in MONEY_CALLS for noun, _, _ in figures.by_method),
        f"the balance of {plural(len(unread), 'player')} could not be read at the end": bool(unread),
        "not every history could be decided": bool(found.ranks[UNDECIDED]),
        f"{', '.join(killed)} ended early, so the load was smaller than asked for": bool(killed),
        "not every call is accounted for": not accounted,
        "some users had no player left": any(each.without_players for each in result.workers),
    }
    for doubt, holds in doubts.items():
        if holds:
            return ExitCode.INCONCLUSIVE, doubt
    return ExitCode.PASSED, "the money is right, and the load kept its thresholds"


def _broken(result: LoadResult, thresholds: Thresholds) -> Iterator[str]:
    figures = result.figures
    assert figures is not None
    taken = figures.latencies
    for name, most_ms, found_ms in (
        ("p95", thresholds.p95_ms, taken.p95_ms if taken else None),
        ("p99", thresholds.p99_ms, taken.p99_ms if taken else None),
    ):
        if most_ms is not None and found_ms is None:
            yield f"there was no answer, --max-{name} allows {most_ms:,} ms"
        elif most_ms is not None and found_ms is not None and found_ms > most_ms:
            yield f"{name} is {found_ms:,.1f} ms, --max-{name} allows {most_ms:,} ms"
    if thresholds.error_share is not None and figures.error_share > thresholds.error_share:
        yield (
            f"{figures.error_share:.2%} of the calls got no usable answer, --max-errors allows "
            f"{thresholds.error_share:.2%}"
        )


def _causes(result: LoadResult) -> Iterator[LoadCause]:
    """Yield the causes: those of errors first, and then those that most players show."""
    assert result.found is not None
    by_cause: dict[tuple[int, str, str], list[JudgedHistory]] = {}
    for each in result.found.kept:
        by_cause.setdefault((each.rank, *_named(each)), []).append(each)
    for (rank, cause, rule), histories in sorted(
        by_cause.items(), key=lambda item: (-_URGENCY[item[0][0]], -len(item[1]))
    ):
        histories.sort(key=_plainness)
        situation = histories[0].verdict.situation if rank else None
        words = None if situation is None else words_of(situation)
        yield LoadCause(
            rank=rank,
            cause=cause,
            rule=rule,
            title=words.title if words else _TITLES[rank],
            why=words.why if words else "",
            collisions=tuple(_collision(each, result.figures) for each in histories),
        )


COLLIDED_MAX = 20


def _plainness(judged: JudgedHistory) -> tuple[bool, int, int]:
    """Return how plainly a history shows its cause: best with few calls, but with two of them at least."""
    calls = len(judged.verdict.core)
    return calls < 2, calls, judged.calls


_URGENCY = (0, 1, 2, 3)

_TITLES = (
    "a call got no answer as documented",
    "the money is right; answers come from a later read or are undecided",
    "undecided",
    "inconsistent",
)


def _named(judged: JudgedHistory) -> tuple[str, str]:
    """Return the code of the cause of a history, and its rule."""
    situation = judged.verdict.situation
    if judged.rank and situation is not None:
        return situation.value, judged.rule or rule_of(situation)
    if not judged.rank and judged.missing is not None:
        return judged.missing[1].cause, judged.missing[1].rule
    return "", ""


def _collision(judged: JudgedHistory, figures: Figures | None) -> Collision:
    worker, start_ns = figures.clocks.get(judged.player, ("", None)) if figures else ("", None)
    missing = None if judged.rank else judged.missing
    return Collision(
        judged.player,
        worker,
        judged.verdict.explanation if missing is None else missing[1].message,
        judged.verdict.lanes,
        tuple(_collided(each, start_ns) for each in judged.verdict.core[:COLLIDED_MAX]),
    )


def _collided(operation: Operation, start_ns: int | None) -> CollidedCall:
    took_ns = None if operation.answered_ns is None else operation.answered_ns - operation.sent_ns
    return CollidedCall(
        operation.name,
        operation.transaction_id,
        None if start_ns is None else (operation.sent_ns - start_ns) / 1e9,
        None if took_ns is None else took_ns / 1e6,
    )
