"""How a reply is read under a profile that documents another one: no status, or no balance on a refund."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.core.money import Money
from simulator.core.profiles import ReplyFields
from simulator.core.webhooks import Method, WebhookRequest
from simulator.wire.profiles import BETRONTECH
from test_reading import ACCEPTED, BET, ERROR, METHODS_WITH_BALANCE, REFUND, REFUSED, UNKNOWN, read, told

NO_STATUS = replace(BETRONTECH, reply=ReplyFields(status_absent=True))
REFUND_WITHOUT_BALANCE = replace(BETRONTECH, reply=ReplyFields(without_balance=frozenset({Method.REFUND})))


@pytest.mark.parametrize("request_", METHODS_WITH_BALANCE, ids=lambda each: each.method)
@pytest.mark.parametrize("body", ['{"balance":"90.50"}', '{"balance":"90.50","x":1}'], ids=["quick", "slow"])
def test_a_profile_may_document_answers_without_a_status(request_: WebhookRequest, body: str) -> None:
    """Then they are accepted as they are, and nothing is missing."""
    reading = read(body, request_, profile=NO_STATUS)
    assert (reading.outcome, reading.balance, reading.deviations) == (ACCEPTED, Money(9050), ())
    assert (reading.must_settle, reading.account_status, reading.money_type) == (False, None, "string")


@pytest.mark.parametrize(
    ("body", "http"),
    [('{"error":"NO_BALANCE","balance":"3.00"}', 200), ('{"status":0}', 200), ('{"error":"E"}', 400)],
)
def test_without_a_status_an_error_refuses(body: str, http: int) -> None:
    """So does a status that says no although the profile knows of none."""
    assert read(body, http=http, profile=NO_STATUS).outcome is REFUSED


def test_without_a_status_a_balance_is_needed() -> None:
    """An empty object says nothing."""
    reading = read("{}", profile=NO_STATUS)
    assert (reading.outcome, told(reading)) == (UNKNOWN, {("CON-06", "balance-missing", ERROR)})


def test_a_profile_may_document_refunds_without_a_balance() -> None:
    """Of that method alone; one that is there is read as ever."""
    bare = read('{"status":1}', REFUND, profile=REFUND_WITHOUT_BALANCE)
    assert (bare.outcome, bare.balance, bare.deviations) == (ACCEPTED, None, ())
    shown = read('{"status":1,"balance":"90.50"}', REFUND, profile=REFUND_WITHOUT_BALANCE)
    assert (shown.outcome, shown.balance) == (ACCEPTED, Money(9050))
    assert read('{"status":1}', BET, profile=REFUND_WITHOUT_BALANCE).outcome is UNKNOWN
    assert read('{"status":1,"balance":"soon"}', REFUND, profile=REFUND_WITHOUT_BALANCE).outcome is UNKNOWN
