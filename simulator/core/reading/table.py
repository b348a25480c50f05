"""How a reply is read: the one table of the specification (restated API, §3), by HTTP status.

The rows of a 2xx stand in `success`, those of a refusal in `refusal`. Whether a balance is right is the
ledger's question.
"""

from __future__ import annotations

from simulator.core.findings import Outcome
from simulator.core.money import Money
from simulator.core.reading.body import declares_json
from simulator.core.reading.deviation import Deviations, shown
from simulator.core.reading.leaks import note_inside
from simulator.core.reading.meaning import Call, Reading, answer_rule
from simulator.core.reading.refusal import read_refusal
from simulator.core.reading.success import read_success
from simulator.core.webhooks import Method, NoReply, NoReplyKind, Reply, WebhookRequest
from simulator.core.wire.profile import MoneyForm, WireProfile, ordinary_reply

BUSY = frozenset({408, 425, 429})
"""Statuses that say "not now": whether the call had its effect is open."""


def read_reply(
    request: WebhookRequest | None,
    reply: Reply | NoReply,
    profile: WireProfile,
    *,
    injected: bool = False,
    well_formed: bool = True,
) -> Reading:
    """Read one reply; never raises, whatever the bytes.

    `request` is None for bytes that are no canonical webhook. `injected`: a fault of ours disturbed the
    call, so a missing or broken answer is nobody's deviation. `well_formed`: False for a call that the
    operator has every reason to refuse; nothing in the reply's form is then worse than a warning.
    """
    well_formed = well_formed and request is not None
    if isinstance(reply, NoReply):
        return _read_no_reply(request, reply, injected, well_formed)
    status = reply.status
    if status == 200:
        ordinary = _read_ordinary(request, reply, profile)
        if ordinary is not None:
            return ordinary
    call = Call(request, reply, profile, well_formed, Deviations(well_formed))
    if 200 <= status < 300:
        return read_success(call)
    if 400 <= status < 500 and status not in BUSY:
        return read_refusal(call)
    return _read_no_answer(call, injected)


def _read_ordinary(request: WebhookRequest | None, reply: Reply, profile: WireProfile) -> Reading | None:
    """The accepted reply as documented, without a JSON parser: nearly every reply of a right wallet."""
    found = ordinary_reply(profile).fullmatch(reply.body)
    method = None if request is None else request.method
    if found is None or method is Method.DETAILS or not declares_json(reply.headers):
        return None
    last = found.lastindex or 2
    balance = Money(int(found[last - 1] + found[last][1:].ljust(2, b"0")))
    as_number = last > 4 or profile.reply.money is MoneyForm.NUMBER
    return Reading(
        Outcome.ACCEPTED,
        balance,
        account_status="1" if method is Method.BALANCE else None,
        money_type="number" if as_number else "string",
        http_status=200,
        stated_balance=balance,
    )


def _read_no_reply(
    request: WebhookRequest | None, reply: NoReply, injected: bool, well_formed: bool
) -> Reading:
    deviations = Deviations(well_formed)
    if not injected and reply.kind not in (NoReplyKind.INJECTED, NoReplyKind.STALE):
        deviations.error(answer_rule(request), f"no-reply-{reply.kind}", f"no answer: {shown(reply.detail)}")
    return Reading(Outcome.UNKNOWN, deviations=tuple(deviations.found))


def _read_no_answer(call: Call, injected: bool) -> Reading:
    """3xx, 408, 425, 429, 5xx and statuses that do not exist: the documented answer is missing."""
    status, rule = call.reply.status, answer_rule(call.request)
    if injected:
        return Reading(Outcome.UNKNOWN, http_status=status)
    if 300 <= status < 400:
        where = call.reply.header("location")
        to = f" to {shown(where)}" if where else ""
        call.deviations.warning(
            "CON-10", f"redirect-{status}", f"HTTP {status}{to}; redirects are not followed"
        )
    elif status in BUSY:
        call.deviations.warning(
            rule,
            f"http-{status}",
            f"HTTP {status}: whether the call had its effect is open; expected an answer",
        )
    else:
        call.deviations.error(rule, f"http-{status}", f"HTTP {status} instead of the documented answer")
        note_inside(call.reply.body, call.deviations)
    return Reading(Outcome.UNKNOWN, deviations=tuple(call.deviations.found), http_status=status)
