"""Check the way to a wallet step by step: name, connection, TLS, answer, JSON, player, speed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from time import monotonic_ns

from simulator.core.findings import Outcome, Severity
from simulator.core.money import CENT, format_money
from simulator.core.profiles import WireProfile
from simulator.core.values import Frozen
from simulator.core.webhooks import Exchange, Method, NoReply, NoReplyKind, Reply, WebhookRequest
from simulator.core.words import NOT_CONNECTED, silence_hint, status_hint
from simulator.errors import EndpointUnreachable
from simulator.judge.replies import read_reply
from simulator.run.profile_fit import fitting_profiles, try_bet
from simulator.scenario.limits import Limits
from simulator.wire.sender import Sender
from simulator.wire.target import Target, is_loopback
from simulator.wire.writing import write

SLOW_NS = 1_000_000_000

CALLS = 3

BODY_SHOWN_BYTES = 160


class Health(StrEnum):
    """The result of a check. `ODD` works, but should be looked at."""

    FINE = "ok"
    ODD = "odd"
    FAILED = "failed"


class Check(Frozen):
    """One check and its result. `hint` says what to do; `reached` whether the wallet could be reached."""

    name: str
    health: Health
    detail: str
    hint: str = ""
    took_ns: int | None = None
    reached: bool = True


def diagnose(
    reach: Callable[[], Target],
    player: str,
    profile: WireProfile,
    *,
    contained: bool,
    bets: bool = False,
    limits: Limits | None = None,
) -> Iterator[Check]:
    """Yield each check as soon as it is known, until one has failed.

    `reach` returns the target (`wire.target.make_target`) and may raise UsageError. Only `user_balance` is
    sent, which moves no money, unless `bets`: a bet of 0.01, refunded at once, then shows whether the profile
    fits, with a transaction id and a game as `limits` says. `contained` is whether this is a container
    (`wire.target.in_container`).
    """
    start = monotonic_ns()
    try:
        target = reach()
    except EndpointUnreachable as error:
        yield Check("name", Health.FAILED, str(error), took_ns=monotonic_ns() - start, reached=False)
        return
    yield Check("name", Health.FINE, _addresses(target), took_ns=monotonic_ns() - start)
    with Sender(target) as sender:
        yield from _connected(sender, target, contained)
        if sender.reach() is None:
            checks = []
            for check in _answers(sender, player, profile):
                checks.append(check)
                yield check
            if bets and all(check.health is Health.FINE for check in checks if check.name != "speed"):
                yield _profile(sender, player, profile, limits or Limits())


def _addresses(target: Target) -> str:
    host = target.endpoint.host
    if target.proxy is not None:
        return f"the proxy {target.proxy.place} resolves {host}"
    return host if target.addresses == (host,) else f"{host} is {', '.join(target.addresses)}"


def _connected(sender: Sender, target: Target, contained: bool) -> Iterator[Check]:
    start = monotonic_ns()
    failure = sender.reach()
    took_ns = monotonic_ns() - start
    tls = target.endpoint.scheme == "https"
    if failure is None:
        yield Check("connection", Health.FINE, "open" + (", with TLS" if tls else ""), took_ns=took_ns)
    elif failure.kind in (NoReplyKind.TLS, NoReplyKind.SCHEME):
        yield Check("connection", Health.FINE, "open", took_ns=took_ns)
        yield Check("tls", Health.FAILED, failure.detail, reached=failure.answered)
    else:
        hint = _connection_hint(target, contained)
        yield Check("connection", Health.FAILED, failure.detail, hint, took_ns, reached=False)


def _connection_hint(target: Target, contained: bool) -> str:
    if target.proxy is not None:
        return "check --proxy, and that the proxy is running"
    if contained and target.addresses and all(is_loopback(address) for address in target.addresses):
        return (
            f"{target.endpoint.host} is this container itself: reach a wallet on the host as "
            "host.docker.internal (on Linux with --add-host host.docker.internal:host-gateway), and one in "
            "another container by its service name"
        )
    return NOT_CONNECTED


def _answers(sender: Sender, player: str, profile: WireProfile) -> Iterator[Check]:
    request = WebhookRequest(Method.BALANCE, player)
    exchange = sender.call(request, write(request, profile))
    if isinstance(exchange.reply, NoReply):
        yield _unanswered(exchange.reply, exchange)
        return
    status = _status(exchange, exchange.reply)
    yield status
    if status.health is Health.FAILED:
        return
    meaning = list(_meaning(exchange, exchange.reply, player, profile))
    yield from meaning
    if any(check.health is Health.FAILED for check in meaning):
        return
    more = [sender.call(request, exchange.wire) for _ in range(CALLS - 1)]
    yield _speed([exchange, *more])


def _unanswered(reply: NoReply, exchange: Exchange) -> Check:
    took_ns = monotonic_ns() - exchange.sent_ns
    hint = silence_hint(reply.kind)
    return Check("answer", Health.FAILED, reply.detail, hint, took_ns, reached=reply.answered)


def _status(exchange: Exchange, reply: Reply) -> Check:
    detail, hint = f"HTTP {reply.status}", status_hint(reply.status)
    if 200 <= reply.status < 300:
        return Check("answer", Health.FINE, detail, took_ns=exchange.latency_ns)
    where = reply.header("location")
    detail += f" to {where}" if where else f": {_shown(reply)}"
    # A refusal in JSON may have any other 4xx, for example for an unknown player; `_meaning` reads it.
    refused = (
        400 <= reply.status < 500 and _is_object(reply) and reply.status not in (401, 403, 405, 407, 419, 429)
    )
    return Check("answer", Health.ODD if refused else Health.FAILED, detail, hint, exchange.latency_ns)


def _meaning(exchange: Exchange, reply: Reply, player: str, profile: WireProfile) -> Iterator[Check]:
    reading = read_reply(exchange.request, reply, profile).for_unknown_player
    broken = [each.message for each in reading.deviations if each.severity is Severity.ERROR]
    if reading.outcome is Outcome.ACCEPTED and reading.balance is not None:
        yield Check("json", Health.ODD if broken else Health.FINE, "; ".join(broken) or "as documented")
        yield Check("player", Health.FINE, f"{player} has {format_money(reading.balance)}")
    elif reading.outcome is Outcome.REFUSED:
        yield Check("json", Health.FINE, "valid JSON (a refusal)")
        hint = "does this player exist? use --player to name one that does"
        yield Check("player", Health.ODD, f"your wallet refused player {player}: {_shown(reply)}", hint)
    else:
        hint = 'expected JSON like {"status":1,"balance":"100.50"}'
        yield Check("json", Health.FAILED, "; ".join(broken) or _shown(reply), hint)


def _profile(sender: Sender, player: str, profile: WireProfile, limits: Limits) -> Check:
    """Check that the wallet reads a bet in this profile, and name the profiles that fit if it does not."""
    trial = try_bet(sender, profile, player, limits)
    if trial.balance is not None and trial.balance < CENT:
        return Check("profile", Health.FINE, f"{profile.name} (no bet was tried: {player} has no money)")
    if trial.fits:
        back = "and refunded" if trial.refunded else "and its refund did not bring it back"
        return Check(
            "profile", Health.FINE, f"{profile.name}: a bet of {format_money(trial.amount)} was taken {back}"
        )
    reply = trial.exchange.reply
    answer = reply.detail if isinstance(reply, NoReply) else _shown(reply)
    names = fitting_profiles(sender, profile.name, player, limits)
    if trial.accepted and not names:
        return Check(
            "profile", Health.FINE, f"{profile.name}: a bet of 0.01 was accepted, and took nothing yet"
        )
    hint = f"your wallet reads the fields of another profile: {' or '.join(names)}" if names else ""
    return Check("profile", Health.ODD, f"a bet of 0.01 as {profile.name} writes it: {answer}", hint)


def _speed(exchanges: list[Exchange]) -> Check:
    times = [each.latency_ns for each in exchanges if each.latency_ns is not None]
    if len(times) < len(exchanges):
        missing = next(each.reply for each in exchanges if isinstance(each.reply, NoReply))
        detail = f"{len(exchanges) - len(times)} of {len(exchanges)} calls got no answer: {missing.detail}"
        return Check("speed", Health.FAILED, detail)
    slowest = max(times)
    detail = f"slowest of {len(times)} calls"
    if slowest > SLOW_NS:
        return Check("speed", Health.ODD, detail, "players wait that long for every spin", slowest)
    return Check("speed", Health.FINE, detail, took_ns=slowest)


def _is_object(reply: Reply) -> bool:
    return reply.body.lstrip()[:1] == b"{"


def _shown(reply: Reply) -> str:
    text = reply.body[:BODY_SHOWN_BYTES].decode("utf-8", "replace").strip()
    return " ".join(text.split()) or "(an empty body)"
