"""Laws of reading: for any bytes, and for any amount."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from simulator.core import json as exact_json
from simulator.core.findings import Outcome, Severity
from simulator.core.money import Money, format_money
from simulator.core.webhooks import Method, NoReply, NoReplyKind, Reply, WebhookRequest
from simulator.judge.replies import read_reply
from simulator.wire.profiles import BETRONTECH, DRAKON

PROFILES = st.sampled_from([BETRONTECH, DRAKON])
REQUESTS = st.none() | st.builds(
    WebhookRequest,
    st.sampled_from(Method),
    st.text(max_size=8),
    st.integers(0, 10**12).map(Money),
    st.text(min_size=1, max_size=8),
    st.none() | st.text(max_size=8),
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, 1, 90.5])
WORDS = st.sampled_from(["1", "ok", "success", "90.50", "1.234,56", "1,234", "12345", "", "NO_BALANCE"])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["status", "balance", "user_id", "email", "name_jogador", "data", "error"]) | st.text(
    max_size=6
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)
BODIES = (
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | OBJECTS.map(lambda value: json.dumps(value).encode())
    | st.tuples(st.sampled_from([b"\xef\xbb\xbf", b"<br>", b"\n", b"["]), OBJECTS).map(
        lambda pair: pair[0] + json.dumps(pair[1]).encode()
    )
)
HEADERS = st.lists(
    st.tuples(st.sampled_from(["Content-Type", "content-type", "Location", "X"]), st.text(max_size=30)),
    max_size=3,
).map(tuple)
REPLIES = st.builds(
    Reply, st.sampled_from([200, 204, 302, 400, 404, 429, 500]) | st.integers(0, 1000), HEADERS, BODIES
)
NO_REPLIES = st.builds(NoReply, st.sampled_from(NoReplyKind), st.text(max_size=40))


def says_yes(body: bytes) -> bool:
    """Whether a JSON parser of another make finds an object with `status` 1 or true in the body."""
    try:
        value: Any = json.loads(body.decode("utf-8-sig"), parse_float=Decimal)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("status") in (1, True)


@given(REQUESTS, REPLIES | NO_REPLIES, PROFILES, st.booleans(), st.booleans())
@example(None, Reply(200, (), b'{"status":1,"balance":"' + b"9" * 5000 + b'.99"}'), BETRONTECH, False, True)
def test_no_reply_breaks_the_reader_and_none_is_accepted_without_a_yes(
    request: WebhookRequest | None,
    reply: Reply | NoReply,
    profile: Any,
    injected: bool,
    well_formed: bool,
) -> None:
    """Whatever the bytes: accepted means a 2xx, a yes, a readable balance; every message can be printed."""
    reading = read_reply(request, reply, profile, injected=injected, well_formed=well_formed)
    for deviation in reading.deviations:
        assert deviation.message.isprintable()
        assert deviation.form.isprintable()
        assert len(deviation.message) < 500
    if request is None or not well_formed:
        assert all(each.severity is not Severity.ERROR for each in reading.deviations)
    if reading.outcome is Outcome.ACCEPTED:
        assert isinstance(reply, Reply)
        assert 200 <= reply.status < 300
        if request is None or request.method.moves_money:
            assert says_yes(reply.body)
        if request is None or request.method is not Method.DETAILS:
            assert isinstance(reading.balance, int)
    if reading.must_settle:
        assert (reading.outcome, reading.balance is None) == (Outcome.UNKNOWN, False)
    if reading.outcome is Outcome.REFUSED:
        assert reading.balance is None


@given(
    st.integers(-(10**300), 10**300).map(Money), st.sampled_from(list(Method)[1:]), PROFILES, st.booleans()
)
@example(Money(10**998), Method.BET, BETRONTECH, True)
@example(Money(0), Method.BALANCE, DRAKON, False)
def test_a_canonical_reply_is_accepted_with_the_exact_balance(
    cents: Money, method: Method, profile: Any, status_first: bool
) -> None:
    """However large the amount, in either order of the keys, by the quick reader and the other."""
    status, balance = '"status":1', f'"balance":"{format_money(cents)}"'
    body = "{" + ",".join([status, balance] if status_first else [balance, status]) + "}"
    reply = Reply(200, (("Content-Type", "application/json"),), body.encode())
    reading = read_reply(WebhookRequest(method, "1"), reply, profile)
    assert (reading.outcome, reading.balance, reading.deviations) == (Outcome.ACCEPTED, cents, ())


@given(st.integers(0, 10**11).map(Money))
def test_a_float_that_a_sloppy_wallet_prints_is_read_as_its_cents(cents: Money) -> None:
    """Every double beside an amount of less than a billion is within the noise of that one cent."""
    for value in (cents / 100, cents / 100 * (1 + 2**-52), cents / 100 * (1 - 2**-53)):
        body = json.dumps({"status": 1, "balance": value}).encode()
        reply = Reply(200, (("Content-Type", "application/json"),), body)
        assert read_reply(None, reply, BETRONTECH).balance == cents


@given(st.decimals(-(10**9), 10**9, places=6))
def test_digits_beyond_the_cent_never_add_a_cent(value: Decimal) -> None:
    """What is read is never more than the balance, but for the noise, and less than a cent below it."""
    reply = Reply(200, (), b'{"status":1,"balance":' + format(value, "f").encode() + b"}")
    reading = read_reply(None, reply, BETRONTECH)
    assert reading.balance is not None
    below = value - Decimal(reading.balance).scaleb(-2)
    assert Decimal("-0.000001") <= below < Decimal("0.01")
    assert (reading.beyond_cents is not None) == (below != 0)


@given(VALUES)
def test_exact_json_writes_what_any_parser_reads_back(value: Any) -> None:
    """Written and read again, every value is the same, its numbers to the digit."""
    exact = exact_json.parse(json.dumps(value)).value
    text = exact_json.write(exact)
    assert text.isascii()
    assert exact_json.parse(text).value == exact
    assert json.loads(text, parse_float=Decimal, parse_int=Decimal) == exact
