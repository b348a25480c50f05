"""What one reply means, as data, and the call that it is read for."""

from __future__ import annotations

from simulator.core.findings import Outcome
from simulator.core.frozen import Frozen
from simulator.core.money import Money
from simulator.core.reading.deviation import Deviation, Deviations
from simulator.core.webhooks import Method, Reply, WebhookRequest
from simulator.core.wire.profile import WireProfile


class Reading(Frozen):
    """What one reply means.

    `balance` is what the ledger judges by: the balance that an accepted call shows. With `must_settle` the
    outcome is unknown and `balance` is what a reply with an odd `status` shows: it proves nothing by itself,
    a balance read at once has to tell accepted from refused. `stated_balance` is any readable balance in the
    reply, a refusal's too (INS-03); it is no evidence. `account_status` is the JSON text of `status` in a
    `user_balance` reply: "1" is active, None is a reply without it.

    The dialect: `money_type` is "string" or "number", as the balance was written; `http_status` is the
    reply's; `error_code` is what the operator calls a refusal, where a field says so.
    """

    outcome: Outcome
    balance: Money | None = None
    deviations: tuple[Deviation, ...] = ()
    must_settle: bool = False
    account_status: str | None = None
    money_type: str | None = None
    http_status: int | None = None
    stated_balance: Money | None = None
    error_code: str | None = None

    @property
    def refusal_http(self) -> str | None:
        """The dialect's knob of that name: "200" or "4xx" for a refusal, else None."""
        if self.outcome is not Outcome.REFUSED or self.http_status is None:
            return None
        return "200" if self.http_status < 300 else "4xx"


class Call(Frozen):
    """One reply on its way through the table. `well_formed` as in `read_reply`."""

    request: WebhookRequest | None
    reply: Reply
    profile: WireProfile
    well_formed: bool
    deviations: Deviations

    @property
    def method(self) -> Method | None:
        """None for bytes that are no canonical webhook; they are read like a method with a balance."""
        return None if self.request is None else self.request.method


ANSWER_RULE = {
    Method.DETAILS: "CON-01",
    Method.BALANCE: "CON-02",
    Method.BET: "CON-03",
    Method.WIN: "CON-04",
    Method.REFUND: "REF-14",
}
"""The rule that a missing answer breaks."""


def answer_rule(request: WebhookRequest | None) -> str:
    """The rule that a missing answer to this call breaks; bytes that are no webhook are BAD-04's."""
    return "BAD-04" if request is None else ANSWER_RULE[request.method]
