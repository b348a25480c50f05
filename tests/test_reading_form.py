"""How a reply may be written: each form of a balance, of a body and of a header, and what a reply leaks."""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulator.core.calls import Reading
from simulator.core.findings import Outcome, Severity
from simulator.core.money import Money
from simulator.core.profiles import MAX_MONEY_DIGITS, MoneyForm, ReplyFields
from simulator.core.webhooks import Method, Reply, WebhookRequest
from simulator.judge.reading import SHOWN_CHARACTERS
from simulator.judge.replies import read_reply
from simulator.wire.profiles import BETRONTECH

ERROR, WARNING = Severity.ERROR, Severity.WARNING
BET = WebhookRequest(Method.BET, "12345", Money(1000), "TXN_ABC123", "SLOT_001")
DETAILS = WebhookRequest(Method.DETAILS, "12345")
JSON = (("Content-Type", "application/json"),)
NUMBER = (("CON-06", "balance-number", WARNING),)


def read(
    body: str | bytes,
    headers: tuple[tuple[str, str], ...] = JSON,
    request: WebhookRequest = BET,
    http: int = 200,
) -> Reading:
    """The reading of one reply."""
    reply = Reply(http, headers, body.encode() if isinstance(body, str) else body)
    return read_reply(request, reply, BETRONTECH)


def told(reading: Reading) -> set[tuple[str, str, Severity]]:
    """Rule, form and severity of everything that was noticed."""
    return {(each.rule, each.form, each.severity) for each in reading.deviations}


# --- balances --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "cents", "expected"),
    [
        # canonical
        ('"-5.00"', -500, ()),
        ('"-0.00"', 0, ()),
        ('"1234567.89"', 123456789, ()),
        # numbers: any decimal parser reads the right value
        ("90.50", 9050, NUMBER),
        ("90.5", 9050, NUMBER),
        ("90", 9000, NUMBER),
        ("-5", -500, NUMBER),
        ("9007199254740993.01", 900719925474099301, NUMBER),
        ("90.5000", 9050, (*NUMBER, ("MON-04", "balance-many-decimals", WARNING))),
        ("1e2", 10000, (*NUMBER, ("MON-04", "balance-exponent", WARNING))),
        # float noise: the cents are used, the form is an error
        ("99.96000000000001", 9996, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ("99.95999999999999", 9996, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ("-99.95999999999999", -9996, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ("1.1102230246251565e-16", 0, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ('"99.96000000000001"', 9996, (("MON-04", "balance-noise", ERROR),)),
        ("99.960001", 9996, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ("99.959999", 9996, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        # real digits below the cent are read downwards
        ("99.965", 9996, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ("99.9600011", 9996, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ("99.9599989", 9995, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ("0.99995", 99, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ("-0.005", -1, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ("-99.965", -9997, (*NUMBER, ("MON-04", "balance-noise", ERROR))),
        ('"10.0060"', 1000, (("MON-04", "balance-noise", ERROR),)),
        ('"0.005"', 0, (("MON-04", "balance-noise", ERROR),)),
        # fewer and more than two decimals
        ('"90.5"', 9050, (("CON-06", "balance-few-decimals", WARNING),)),
        ('"90"', 9000, (("CON-06", "balance-few-decimals", WARNING),)),
        ('"90.5000"', 9050, (("MON-04", "balance-many-decimals", WARNING),)),
        ('"0.500"', 50, (("MON-04", "balance-many-decimals", WARNING),)),
        ('"1234.500"', 123450, (("MON-04", "balance-many-decimals", WARNING),)),
        # separators that cannot mean two things
        ('"90,50"', 9050, (("MON-05", "balance-separators", ERROR),)),
        ('"90,5"', 9050, (("MON-05", "balance-separators", ERROR),)),
        ('"1.234,56"', 123456, (("MON-05", "balance-separators", ERROR),)),
        ('"1,234.56"', 123456, (("MON-05", "balance-separators", ERROR),)),
        ('"-1.234,56"', -123456, (("MON-05", "balance-separators", ERROR),)),
        ('"1.234.567,89"', 123456789, (("MON-05", "balance-separators", ERROR),)),
        ('"1,234,567.89"', 123456789, (("MON-05", "balance-separators", ERROR),)),
        ('"1,234,567"', 123456700, (("MON-05", "balance-separators", ERROR),)),
        ('"1 234.56"', 123456, (("MON-05", "balance-separators", ERROR),)),
        ('"1\u00a0234,56"', 123456, (("MON-05", "balance-separators", ERROR),)),
        ('"1\'234.56"', 123456, (("MON-05", "balance-separators", ERROR),)),
    ],
)
def test_a_readable_balance_is_exact_and_its_form_is_told(
    written: str, cents: int, expected: tuple[tuple[str, str, Severity], ...]
) -> None:
    """Its value in cents is used, and each form is one deviation."""
    reading = read('{"status":1,"balance":' + written + "}")
    assert (reading.outcome, reading.balance) == (Outcome.ACCEPTED, Money(cents))
    assert told(reading) == set(expected)
    assert reading.money_type == ("string" if written.startswith('"') else "number")
    digits = ("MON-04", "balance-noise", ERROR) in expected
    assert reading.beyond_cents == (str(Decimal(written.strip('"'))) if digits else None)


def test_the_digits_beyond_a_cent_are_named() -> None:
    """In the finding, and in the reading of a refusal, whose form is not judged."""
    reading = read('{"status":1,"balance":10.0060}')
    assert [each.message for each in reading.deviations if each.rule == "MON-04"] == [
        "the balance has digits beyond the cent: 10.0060; read as 10.00"
    ]
    refusal = read('{"status":0,"error":"NO_BALANCE","balance":10.0060}')
    assert (refusal.beyond_cents, refusal.stated_balance, refusal.deviations) == ("10.0060", Money(1000), ())


@pytest.mark.parametrize(
    "written",
    [
        '"1,234"', '"1.234"', '"90.500"', '"90,500"', '"0,123"', '"1.23.45"', '"1,2,3"', '"1,234.567"',
        '"12,34,567.89"', '"1.234.56"', '"1,234,56"', '"99.965"', '""', '" "', '" 90.50"',
        '"90.50 "', '"90.50\\n"', '"+90.50"', '"--5.00"', '".50"', '"90."', '"1e2"', '"NaN"', '"Infinity"',
        '"0x10"', '"₺90.50"', '"90.50 TRY"', '"\\u0669.\\u0665\\u0660"', '"\\ud800"', "true", "false", "[]",
        "{}", '["90.50"]', "1e-99999", "1e99999", "-1e99999",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_unreadable(written: str) -> None:
    """Ambiguous thousands too: a guess would be a false alarm or a miss."""
    reading = read('{"status":1,"balance":' + written + "}")
    assert (reading.outcome, reading.balance, reading.money_type) == (Outcome.UNKNOWN, None, None)
    assert told(reading) == {("CON-06", "balance-unreadable", ERROR)}
    reading.deviations[0].message.encode("utf-8")


@pytest.mark.parametrize("digits", [18, 19, 300, MAX_MONEY_DIGITS - 3])
def test_huge_amounts_are_exact(digits: int) -> None:
    """In every form, beyond what a float or 64 bits hold."""
    whole = "9" * digits
    for written in (f'"{whole}.99"', f"{whole}.99"):
        assert read('{"status":1,"balance":' + written + "}").balance == int(whole + "99")


def test_amounts_of_absurd_length_are_unreadable_and_harmless() -> None:
    """Python itself refuses to print an integer of that size."""
    for written in ('"' + "9" * 100_000 + '.99"', "9" * 100_000, "0." + "9" * 100_000, "-" + "9" * 5000):
        reading = read('{"status":1,"balance":' + written + "}")
        assert (reading.outcome, reading.balance) == (Outcome.UNKNOWN, None)
        assert len(reading.deviations[0].message) < 300


def test_a_profile_may_document_numbers() -> None:
    """Then a string is what deviates, and the reading is the same."""
    reply = ReplyFields(money=MoneyForm.NUMBER)
    for body, expected in (
        (b'{"status":1,"balance":90.50}', set()),
        (b'{"status":1,"balance":90.50,"x":1}', set()),
        (b'{"status":1,"balance":"90.50"}', {("CON-06", "balance-string", WARNING)}),
    ):
        profile = type(BETRONTECH)("numbers", BETRONTECH.fields, BETRONTECH.methods, reply=reply)
        reading = read_reply(BET, Reply(200, JSON, body), profile)
        assert (reading.outcome, reading.balance, told(reading)) == (Outcome.ACCEPTED, Money(9050), expected)


# --- bodies and headers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "Application/JSON",
        "application/problem+json",
    ],
)
def test_every_way_to_say_json_is_fine(value: str) -> None:
    """Case, charset and suffix do not matter, nor does the case of the header's name."""
    assert read('{"status":1,"balance":"1.00"}', (("CONTENT-TYPE", value),)).deviations == ()


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ((), "content-type-missing"),
        ((("Content-Type", ""),), "content-type"),
        ((("Content-Type", "text/html; charset=utf-8"),), "content-type"),
        ((("Content-Type", "text/plain"),), "content-type"),
        ((("Content-Type", "application/jsonx"),), "content-type"),
        ((*JSON, ("Content-Encoding", "utf-8")), "content-encoding"),
        ((("content-encoding", "br"), *JSON), "content-encoding"),
        ((("Content-Type", "application/json; charset=iso-8859-9"),), "charset"),
    ],
)
def test_a_wrong_content_type_is_a_warning(headers: tuple[tuple[str, str], ...], form: str) -> None:
    """The body is read all the same."""
    reading = read('{"status":1,"balance":"1.00"}', headers)
    assert (reading.outcome, reading.balance) == (Outcome.ACCEPTED, Money(100))
    assert told(reading) == {("CON-08", form, WARNING)}


@pytest.mark.parametrize("charset", ["iso-8859-9", "windows-1254"])
def test_a_body_in_a_charset_that_it_states_is_read(charset: str) -> None:
    """Turkish letters make no error text unreadable; those of a charset that is not stated do."""
    body = '{"status":0,"error":"Geçersiz işlem"}'.encode(charset)
    reading = read(body, (("Content-Type", f"application/json; charset={charset}"),))
    assert reading.outcome is Outcome.REFUSED
    assert told(reading) == {("CON-08", "charset", WARNING)}
    assert read(body).outcome is Outcome.UNKNOWN


def test_a_body_that_is_packed_in_an_unknown_way_is_told_as_that() -> None:
    """Not as text that is no JSON: the header says what to switch off."""
    reading = read(b"\x8b\x02\x80{packed}", (*JSON, ("Content-Encoding", "br")))
    assert (reading.outcome, told(reading)) == (Outcome.UNKNOWN, {("CON-08", "content-encoding", ERROR)})
    assert (
        "br, which cannot be read; calls ask for Accept-Encoding: identity" in reading.deviations[0].message
    )


def test_a_byte_order_mark_is_a_warning() -> None:
    """It is skipped, and the JSON behind it is read."""
    reading = read(b'\xef\xbb\xbf{"status":1,"balance":"1.00"}')
    assert (reading.outcome, told(reading)) == (Outcome.ACCEPTED, {("CON-08", "bom", WARNING)})


def test_keys_that_stand_twice_matter_when_they_disagree() -> None:
    """The last one counts. An error for status and balance, else a warning; equal values are nothing."""
    reading = read('{"status":1,"balance":"1.00","balance":"2.00"}')
    assert (reading.balance, told(reading)) == (Money(200), {("CON-08", "twin-keys", ERROR)})
    other = read('{"status":1,"balance":"1.00","x":1,"x":2}')
    assert (other.outcome, told(other)) == (Outcome.ACCEPTED, {("CON-08", "twin-keys", WARNING)})
    assert read('{"status":1,"status":1,"balance":"1.00"}').deviations == ()


def test_a_wrapper_is_told_as_such() -> None:
    """The fields are there, a floor too deep; one finding, not three."""
    for body in (
        '{"data":{"status":1,"balance":"1.00"}}',
        '{"status":1,"data":{"balance":"1.00"}}',
        '{"status":"success","result":{"status":1,"balance":"1.00"}}',
    ):
        reading = read(body)
        assert (reading.outcome, reading.balance) == (Outcome.UNKNOWN, None)
        assert ("CON-09", "wrapped", ERROR) in told(reading)
        assert not {"balance-missing", "status-missing"} & {each.form for each in reading.deviations}
    assert read('{"status":1,"balance":"1.00","data":{"balance":"1.00"}}').deviations == ()


def test_a_redirects_message_names_where_it_leads() -> None:
    """A login page, most of the time."""
    reading = read("", (("Location", "https://shop.example/login\x1b[2J"),), http=302)
    assert "https://shop.example/login" in reading.deviations[0].message
    assert "\x1b" not in reading.deviations[0].message


def test_foreign_text_in_a_message_is_short_and_harmless() -> None:
    """No escape sequence, no line break, no lone surrogate; letters of any language stay."""
    message = read("Bakiye yetersiz ğüş \x1b[31m\r\n\u202e" + "x" * 500).deviations[0].message
    assert "Bakiye yetersiz ğüş" in message
    assert message.isprintable()
    assert len(message) < 3 * SHOWN_CHARACTERS


# --- leaks -----------------------------------------------------------------------------------------


def details(more: str) -> Reading:
    """The reading of details with one more field."""
    return read('{"user_id":"12345","email":"a@b.c","name_jogador":"A",' + more + "}", request=DETAILS)


@pytest.mark.parametrize(
    "field",
    [
        '"password":"x"', '"passwordHash":"x"', '"senha":"x"', '"sifre":"x"', '"remember_token":"x"',
        '"cpf":"1"', '"tc_kimlik":"1"', '"document":"1"', '"iban":"TR1"', '"user":{"api_key":"k"}',
        '"more":[{"secret":"s"}]', '"p":"$2y$10$abcdefghijklmnopqrstuv"', '"jwt":"eyJhbGciOi.eyJzdWIi.sig"',
    ],
)  # fmt: skip
def test_secrets_in_details_are_a_warning(field: str) -> None:
    """Under any of the names that operators use, at any depth, or told by the value's own form."""
    reading = details(field)
    assert (reading.outcome, told(reading)) == (Outcome.ACCEPTED, {("SEC-09", "secrets", WARNING)})


@pytest.mark.parametrize(
    "field",
    [
        '"password":null',
        '"token":""',
        '"has_password":true',
        '"compass":"n"',
        '"shipping":"x"',
        '"phone":"1"',
    ],
)
def test_what_only_sounds_like_a_secret_is_not_one(field: str) -> None:
    """An empty field tells nothing; a name is matched by whole words."""
    assert details(field).deviations == ()


@pytest.mark.parametrize(
    "text",
    [
        'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in bet',
        "SQLSTATE[40001]: Serialization failure",
        "You have an error in your SQL syntax near 'x'",
        "#0 /var/www/html/index.php(12): bet()",
        "Error: x\n    at bet (/srv/wallet.js:10:5)",
        "java.lang.NullPointerException\n\tat com.casino.Wallet.bet(Wallet.java:42)",
        "INSERT INTO bets VALUES (1)",
        "goroutine 7 [running]:",
    ],
)
def test_the_operators_inside_in_an_error_answer_is_a_warning(text: str) -> None:
    """In a 5xx, a refusal and a body that is no JSON alike."""
    leak = ("SEC-10", "inside", WARNING)
    assert leak in told(read(text, http=500))
    assert leak in told(read(text, http=400))
    assert leak in told(read(text))


def test_an_ordinary_error_answer_leaks_nothing() -> None:
    """Words such as select and update are no query."""
    body = '{"status":0,"error":"INVALID","message":"please select a game, then update your app"}'
    assert read(body).deviations == ()
    assert {each.rule for each in read("<h1>Internal Server Error</h1>", http=500).deviations} == {"CON-03"}
