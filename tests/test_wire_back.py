"""Bytes back into webhooks, and the laws of writing: the same webhook comes back, money is never a float."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.money import Money
from simulator.core.profiles import WireProfile
from simulator.core.webhooks import Method, WebhookRequest
from simulator.wire.profiles import BETRONTECH, DRAKON, PROFILES
from simulator.wire.writing import read_request, write

BET = WebhookRequest(Method.BET, "12345", Money(1000), "TXN_ABC123", "SLOT_001")

ANY_TEXT = st.text(st.characters(codec=None), min_size=1, max_size=30)
AMOUNTS = st.integers(0, 10**30).map(Money)
READS = st.builds(WebhookRequest, st.sampled_from([Method.DETAILS, Method.BALANCE]), ANY_TEXT)
MOVES = st.builds(
    WebhookRequest,
    st.sampled_from([Method.BET, Method.WIN]),
    ANY_TEXT,
    AMOUNTS,
    ANY_TEXT,
    st.none() | ANY_TEXT,
)
REFUNDS = st.builds(WebhookRequest, st.just(Method.REFUND), ANY_TEXT, AMOUNTS, ANY_TEXT)


@given(READS | MOVES | REFUNDS, st.sampled_from(list(PROFILES.values())))
def test_what_is_written_reads_back_as_the_same_webhook(
    request_: WebhookRequest, profile: WireProfile
) -> None:
    """For every profile, and whatever stands in the ids."""
    body = write(request_, profile).body
    assert read_request(body, "application/json", profile) == request_


@given(MOVES, st.sampled_from(list(PROFILES.values())))
def test_money_is_never_a_float_on_the_wire(request_: WebhookRequest, profile: WireProfile) -> None:
    """Every amount is written with exactly two decimals: as a string, or as a number with the same digits."""
    numbers: list[str] = []

    def keep(text: str) -> str:
        numbers.append(text)
        return text

    value = json.loads(write(request_, profile).body, parse_float=keep)
    assert request_.amount is not None
    exact = f"{request_.amount // 100}.{request_.amount % 100:02d}"
    if profile is BETRONTECH:
        assert (value["amount"], numbers) == (exact, [])
    else:
        assert exact in numbers
        assert all(len(number.partition(".")[2]) == 2 for number in numbers)


@given(st.binary(max_size=120), st.text(max_size=40), st.sampled_from(list(PROFILES.values())))
def test_no_bytes_break_the_reader_of_requests(body: bytes, content_type: str, profile: WireProfile) -> None:
    """They are a webhook or they are not."""
    assert read_request(body, content_type, profile) is None or body.lstrip().startswith(b"{")


CANONICAL = {
    "method": "transaction_bet",
    "user_id": "12345",
    "amount": "10.00",
    "transaction_id": "TXN_ABC123",
    "game_id": "SLOT_001",
}


def read_changed(**changes: Any) -> WebhookRequest | None:
    """The canonical bet with some fields changed, read; None removes a field."""
    fields = {key: value for key, value in (CANONICAL | changes).items() if value is not None}
    return read_request(json.dumps(fields).encode(), "application/json", BETRONTECH)


def test_order_white_space_and_unknown_fields_do_not_matter() -> None:
    """They are the same webhook."""
    turned = json.dumps(dict(reversed(CANONICAL.items())) | {"some_fake_key": [1]}, indent=2)
    assert read_request(turned.encode(), "application/json; charset=UTF-8", BETRONTECH) == BET
    assert read_request(json.dumps(CANONICAL).encode(), "text/plain", BETRONTECH) == BET


def test_a_bet_without_a_usable_game_is_odd_but_a_webhook() -> None:
    """The ledger allows it once, or its refusal."""
    without = WebhookRequest(Method.BET, "12345", Money(1000), "TXN_ABC123")
    assert read_changed(game_id=None) == without
    assert read_changed(game_id=5) == without


def test_of_a_key_that_stands_twice_the_last_value_counts() -> None:
    """As nearly every parser does."""
    body = json.dumps(CANONICAL)[:-1] + ',"amount":"20.00"}'
    found = read_request(body.encode(), "application/json", BETRONTECH)
    assert found is not None
    assert found.amount == Money(2000)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "transaction_bets"}, {"method": None}, {"method": ["transaction_bet"]},
        {"user_id": None}, {"user_id": 12345}, {"user_id": ""}, {"amount": None}, {"amount": "10"},
        {"amount": "10.0"}, {"amount": 10.5}, {"amount": "-10.00"}, {"amount": " 10.00"},
        {"amount": "10.00\n"},
        {"amount": "1e3"}, {"amount": "10,00"},
        {"amount": "9" * 5000 + ".00"}, {"amount": "\u0661\u0660.00"}, {"transaction_id": None},
        {"transaction_id": ""}, {"transaction_id": 7},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_canonical_is_no_webhook(changes: dict[str, Any]) -> None:
    """Nothing may move then."""
    assert read_changed(**changes) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'"x"',
        b"\xff",
        b"[" * 100_000,
        b'{"a":NaN}',
        json.dumps(CANONICAL).encode("utf-16"),
    ],
)
def test_what_is_no_json_object_is_no_webhook(body: bytes) -> None:
    """Neither are bytes in another encoding."""
    assert read_request(body, "application/json", BETRONTECH) is None


def test_another_charset_makes_other_text_of_the_same_bytes() -> None:
    """What the header declares counts."""
    body = json.dumps(CANONICAL).encode()
    assert read_request(body, "application/json; charset=utf-16", BETRONTECH) is None


@pytest.mark.parametrize("amount", ['"10.00"', "10.005", "-10.00", "1e1", "1e5000", "true"])
def test_the_siblings_amounts_are_numbers_with_at_most_two_decimals(amount: str) -> None:
    """Anything else is no canonical webhook there."""
    body = write(BET, DRAKON).body.replace(b'"bet":10.00', b'"bet":' + amount.encode())
    assert read_request(body, "application/json", DRAKON) is None
    assert read_request(body.replace(amount.encode(), b"10.5"), "", DRAKON) is not None
