"""Requests on the wire: the documented bytes, the sibling's fields, and back again."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from simulator.core.json import NotJson, parse
from simulator.core.json import write as write_json
from simulator.core.money import Money
from simulator.core.webhooks import Method, WebhookRequest
from simulator.errors import ExitCode, UsageError
from simulator.wire.profiles import BETRONTECH, DRAKON, profile_named
from simulator.wire.writing import OpenRound, write

BET = WebhookRequest(Method.BET, "12345", Money(1000), "TXN_ABC123", "SLOT_001")
WIN = WebhookRequest(Method.WIN, "12345", Money(5000), "TXN_WIN456", "SLOT_001")
REFUND = WebhookRequest(Method.REFUND, "12345", Money(1000), "TXN_ABC123")


def members(body: bytes) -> list[tuple[str, Any]]:
    """The members of a JSON object in order, numbers as their text."""
    found: list[tuple[str, Any]] = json.loads(body, object_pairs_hook=list, parse_float=str, parse_int=str)
    return found


# --- the bytes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (WebhookRequest(Method.DETAILS, "12345"), {"method": "account_details", "user_id": "12345"}),
        (WebhookRequest(Method.BALANCE, "12345"), {"method": "user_balance", "user_id": "12345"}),
        (
            BET,
            {
                "method": "transaction_bet",
                "user_id": "12345",
                "amount": "10.00",
                "transaction_id": "TXN_ABC123",
                "game_id": "SLOT_001",
            },
        ),
        (
            WIN,
            {
                "method": "transaction_win",
                "user_id": "12345",
                "amount": "50.00",
                "transaction_id": "TXN_WIN456",
                "game_id": "SLOT_001",
            },
        ),
        (
            REFUND,
            {"method": "refund", "user_id": "12345", "amount": "10.00", "transaction_id": "TXN_ABC123"},
        ),
    ],
    ids=lambda each: each.method if isinstance(each, WebhookRequest) else "",
)
def test_each_webhook_has_the_references_fields_in_the_references_order(
    request_: WebhookRequest, expected: dict[str, str]
) -> None:
    """Compact JSON; the examples of the reference."""
    wire = write(request_, BETRONTECH)
    assert wire.body == json.dumps(expected, separators=(",", ":")).encode()
    assert (wire.content_type, wire.http_method, wire.headers) == ("application/json", "POST", ())


def test_the_sibling_names_its_amounts_and_writes_numbers() -> None:
    """Bet and win both stand in a win; a refund names the bet's round and game."""
    who = [("user_id", "12345")]
    place = [("session_id", "simulator"), ("round_id", "TXN_ABC123"), ("game", "SLOT_001")]
    of_bet = OpenRound("TXN_ABC123", Money(1000), "SLOT_001")
    assert members(write(BET, DRAKON).body) == [
        ("method", "transaction_bet"), *who, ("transaction_id", "TXN_ABC123"), *place, ("bet", "10.00"),
    ]  # fmt: skip
    assert members(write(WIN, DRAKON, open_round=of_bet).body) == [
        ("method", "transaction_win"), *who, ("transaction_id", "TXN_WIN456"), *place,
        ("bet", "10.00"), ("win", "50.00"),
    ]  # fmt: skip
    assert members(write(REFUND, DRAKON, open_round=of_bet).body) == [
        ("method", "refund"), *who, ("transaction_id", "TXN_ABC123"), *place, ("amount", "10.00"),
    ]  # fmt: skip
    assert (
        write(WebhookRequest(Method.BALANCE, "1"), DRAKON).body == b'{"method":"user_balance","user_id":"1"}'
    )
    assert DRAKON.path == "/drakon_api"


def test_the_siblings_win_without_a_bet_is_a_round_of_its_own() -> None:
    """Nothing was staked; and a bet never joins the round before it."""
    win = dict(members(write(WIN, DRAKON).body))
    assert (win["round_id"], win["bet"], win["win"]) == ("TXN_WIN456", "0.00", "50.00")
    bet = dict(members(write(BET, DRAKON, open_round=OpenRound("OLDER", Money(1))).body))
    assert bet["round_id"] == "TXN_ABC123"


def test_the_siblings_refund_has_a_game_even_when_the_bet_is_unknown() -> None:
    """Its operators require the field; the round is named after the bet's id, which the refund carries."""
    refund = dict(members(write(REFUND, DRAKON).body))
    assert (refund["game"], refund["round_id"]) == ("SLOT_001", "TXN_ABC123")
    other = write(REFUND, DRAKON, open_round=OpenRound("TXN_ABC123", Money(1000), "SLOT_007"))
    assert dict(members(other.body))["game"] == "SLOT_007"


def test_a_field_that_is_none_is_left_out() -> None:
    """A step without game_id."""
    bare = WebhookRequest(Method.BET, "1", Money(1), "t")
    assert [name for name, _ in members(write(bare, BETRONTECH).body)] == [
        "method",
        "user_id",
        "amount",
        "transaction_id",
    ]


def test_raw_and_omit_speak_the_references_names_in_every_profile() -> None:
    """Scenarios run unchanged against any dialect; a name of the wire itself works too."""
    for profile, name in ((BETRONTECH, "amount"), (DRAKON, "bet")):
        odd = dict(members(write(BET, profile, raw={"amount": Decimal("10.005")}).body))
        assert odd[name] == "10.005"
        assert name not in dict(members(write(BET, profile, omit=frozenset({"amount"})).body))
    assert dict(members(write(BET, DRAKON, raw={"bet": "x"}).body))["bet"] == "x"
    assert dict(members(write(BET, BETRONTECH, raw={"some_fake_key": None}).body))["some_fake_key"] is None
    assert b"12345" not in write(BET, BETRONTECH, omit=frozenset({"user_id"})).body


def test_raw_numbers_keep_their_digits() -> None:
    """No detour over a float."""
    for text in ("10.50", "0.10", "9007199254740993.01", "1E+3", "10"):
        assert f'"amount":{text},'.encode() in write(BET, BETRONTECH, raw={"amount": Decimal(text)}).body


def test_ids_of_any_kind_are_valid_json_and_valid_utf8() -> None:
    """Quotes, emoji, NUL and lone surrogates too."""
    for text in ('a"b\\c', "ş😀", "\x00\x1f", "\ud800", "%s %d", "</script>"):
        body = write(WebhookRequest(Method.BET, text, Money(1), text, text), BETRONTECH).body
        assert json.loads(body.decode("utf-8"))["transaction_id"] == text


# --- profiles by name ------------------------------------------------------------------------------


def test_profiles_are_found_by_name_and_a_misspelt_one_names_the_right_one() -> None:
    """A usage error: exit 4."""
    assert profile_named("betrontech") is BETRONTECH
    assert profile_named("drakon") is DRAKON
    with pytest.raises(
        UsageError, match=r'"dragon" is not known; there are betrontech, drakon; .*"drakon"'
    ) as raised:
        profile_named("dragon")
    assert raised.value.exit_code is ExitCode.USAGE


# --- exact JSON ------------------------------------------------------------------------------------


def test_json_numbers_keep_their_digits_both_ways() -> None:
    """Integers too, however long."""
    for text in ("0.10", "9007199254740993.01", "1" * 5000, "-0.0"):
        assert write_json(parse(text).value) == text


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", "-Infinity", "01", "1.", "", "{'a':1}", "[1,]", "1e9999999999999999999"]
)
def test_what_json_does_not_know_is_refused(text: str) -> None:
    """With a sentence that says why."""
    with pytest.raises(NotJson, match=r"\w+"):
        parse(text)
    with pytest.raises(ValueError, match="not a JSON number"):
        write_json(Decimal("NaN"))
