"""A `send` written in the reference's names reaches an operator of any dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.scenario.profile_file import load_profile
from simulator.wire.profiles import BETRONTECH, DRAKON
from simulator.wire.writing import read_request, spoken, write

RENAMED = load_profile(
    "name: renamed\nmethods: {transaction_bet: debit}\n"
    "rename: {method: action, user_id: who}\nextra: {site: 7}\n",
    "renamed.yaml",
)
BET = (
    b'{ "method":"transaction_bet", "user_id":"1",\n"amount" : "10.50","transaction_id":"t","game_id":"g" }\n'
)


def test_the_references_own_profile_says_it_as_written() -> None:
    """Byte for byte."""
    for body in (BET, b"", b"garbage", b'{"method":1}', b"\xff"):
        assert spoken(body, BETRONTECH) is body


def test_a_bet_is_put_in_the_dialects_words_and_keeps_its_text() -> None:
    """White space and order are what such a send is about."""
    assert spoken(BET, DRAKON) == (
        b'{ "method":"transaction_bet", "user_id":"1",\n"bet" : 10.50,"transaction_id":"t","game":"g" '
        b',"session_id":"simulator","round_id":"t"}\n'
    )
    assert spoken(BET, RENAMED) == (
        b'{ "action":"debit", "who":"1",\n"amount" : "10.50","transaction_id":"t","game_id":"g" ,"site":7}\n'
    )


def test_a_win_has_its_bet_and_a_refund_its_game() -> None:
    """Fields that the dialect requires, and the reference does not know."""
    win = json.loads(spoken(BET.replace(b"transaction_bet", b"transaction_win"), DRAKON))
    assert (win["bet"], win["win"]) == (0, 10.5)
    refund = json.loads(
        spoken(b'{"method":"refund","user_id":"1","amount":"1.00","transaction_id":"t"}', DRAKON)
    )
    assert (refund["amount"], refund["game"], refund["round_id"]) == (1, "SLOT_001", "t")


def test_a_key_that_stands_twice_stays_twice() -> None:
    """Unknown fields, nested ones and odd values are not touched."""
    body = b'{"method":"transaction_bet","amount":"1.00","amount":"ten","x":{"amount":"1.00"},"user_id":null}'
    assert json.loads(spoken(body, DRAKON), object_pairs_hook=list) == [
        ("method", "transaction_bet"),
        ("bet", 1.0),
        ("bet", "ten"),
        ("x", [("amount", "1.00")]),
        ("user_id", None),
        ("session_id", "simulator"),
    ]


def test_an_unknown_method_is_the_only_thing_wrong_with_it() -> None:
    """It is told in the words of a bet."""
    said = json.loads(spoken(b'{"method":"transaction_foo","user_id":"1","amount":"1.00"}', RENAMED))
    assert said == {"action": "transaction_foo", "who": "1", "amount": "1.00"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'[{"amount":"1.00"}]',
        b'{"amount":"1.00"',
        b'{"amount":NaN}',
        b"\xff",
        b'{"a":' * 100_000,
        b'{"method":"transaction_bet","user_id":"1","bet":5,"transaction_id":"t"}',
    ],
)
def test_what_is_no_object_or_speaks_the_dialect_is_sent_as_it_stands(body: bytes) -> None:
    """Nobody's names, or the right ones already."""
    assert spoken(body, DRAKON) is body


REQUESTS = st.builds(
    WebhookRequest,
    st.sampled_from([Method.BET, Method.WIN]),
    st.text(min_size=1, max_size=9),
    st.integers(0, 10**12).map(Money),
    st.text(min_size=1, max_size=9),
    st.none() | st.text(max_size=9),
)


@given(REQUESTS, st.sampled_from([DRAKON, RENAMED]), st.integers(0, 3))
def test_what_is_said_in_another_dialect_is_the_same_webhook(
    request_: WebhookRequest, profile: Any, indent: int
) -> None:
    """However it is laid out."""
    body = json.dumps(json.loads(write(request_, BETRONTECH).body), indent=indent or None).encode()
    assert read_request(spoken(body, profile), "", profile) == request_


@given(
    st.dictionaries(
        st.text(max_size=9) | st.sampled_from(["method", "amount", "user_id"]), st.text(max_size=9)
    )
)
def test_any_object_stays_json(value: dict[str, str]) -> None:
    """With as many members as before, or more."""
    assert len(json.loads(spoken(json.dumps(value).encode(), RENAMED))) >= len(value) - 1
