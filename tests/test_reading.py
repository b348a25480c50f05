"""How a reply is read: one table, row by row, and methods with their own rules."""

from __future__ import annotations

import pytest

from simulator.core.calls import Reading
from simulator.core.findings import Outcome, Severity
from simulator.core.money import Money
from simulator.core.profiles import WireProfile
from simulator.core.webhooks import Method, NoReply, NoReplyKind, Reply, WebhookRequest
from simulator.judge.replies import read_reply
from simulator.wire.profiles import BETRONTECH, DRAKON

ACCEPTED, REFUSED, UNKNOWN = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN
ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

BET = WebhookRequest(Method.BET, "12345", Money(1000), "TXN_ABC123", "SLOT_001")
WIN = WebhookRequest(Method.WIN, "12345", Money(5000), "TXN_WIN456", "SLOT_001")
REFUND = WebhookRequest(Method.REFUND, "12345", Money(1000), "TXN_ABC123")
BALANCE = WebhookRequest(Method.BALANCE, "12345")
DETAILS = WebhookRequest(Method.DETAILS, "12345")
METHODS_WITH_BALANCE = [BALANCE, BET, WIN, REFUND]


def read(
    body: str | bytes,
    request: WebhookRequest | None = BET,
    *,
    http: int = 200,
    content_type: str | None = "application/json",
    profile: WireProfile = BETRONTECH,
    injected: bool = False,
    well_formed: bool = True,
) -> Reading:
    """The reading of one reply."""
    headers = () if content_type is None else (("Date", "now"), ("content-type", content_type))
    reply = Reply(http, headers, body.encode() if isinstance(body, str) else body)
    return read_reply(request, reply, profile, injected=injected, well_formed=well_formed)


def told(reading: Reading) -> set[tuple[str, str, Severity]]:
    """Rule, form and severity of everything that was noticed."""
    return {(each.rule, each.form, each.severity) for each in reading.deviations}


# --- a 2xx: accepted -------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", METHODS_WITH_BALANCE, ids=lambda each: each.method)
@pytest.mark.parametrize("http", [200, 201, 299])
def test_the_documented_reply_is_accepted_with_nothing_to_remark_on(
    request_: WebhookRequest, http: int
) -> None:
    """`status` 1 and a canonical balance, at any 2xx."""
    reading = read('{"status":1,"balance":"90.50"}', request_, http=http)
    assert (reading.outcome, reading.balance, reading.deviations) == (ACCEPTED, Money(9050), ())
    assert not reading.must_settle
    assert (reading.money_type, reading.http_status, reading.refusal_http) == ("string", http, None)


@pytest.mark.parametrize(
    "body",
    [
        '{"balance":"90.50","status":1}',
        '{ "status" : 1 ,\r\n\t"balance" : "90.50" }\n',
        '{"status":1,"balance":"90.50","currency":"TRY"}',
        '{"status":1,"balance":"0090.50"}',
        '{"\\u0073tatus":1,"balance":"90.5\\u0030"}',
    ],
)
def test_order_white_space_and_more_fields_do_not_matter(body: str) -> None:
    """They are the same JSON."""
    reading = read(body)
    assert (reading.outcome, reading.balance, reading.deviations) == (ACCEPTED, Money(9050), ())


def test_white_space_that_json_does_not_know_makes_a_body_unreadable() -> None:
    """The quick reader knows JSON's white space, not a pattern's: a form feed is no part of it."""
    assert read('{"status":1,\f"balance":"90.50"}').outcome is UNKNOWN


def test_status_true_is_accepted_with_a_warning() -> None:
    """Any parser reads what is meant."""
    reading = read('{"status":true,"balance":"90.50"}')
    assert (reading.outcome, reading.balance) == (ACCEPTED, Money(9050))
    assert told(reading) == {("CON-07", "status-true", WARNING)}


def test_status_one_with_decimals_is_accepted_with_a_warning() -> None:
    """1.0 is the number 1."""
    reading = read('{"status":1.0,"balance":"90.50"}')
    assert reading.outcome is ACCEPTED
    assert told(reading) == {("CON-07", "status-decimal", WARNING)}


# --- a 2xx: a balance read has to settle it --------------------------------------------------------


WORDS_FOR_ONE = ["1", "1.0", "01", "001.00", "true", "True", "TRUE", "success", "SUCCESS", "ok", "Ok", " 1 "]


@pytest.mark.parametrize("request_", [BET, WIN, REFUND], ids=lambda each: each.method)
@pytest.mark.parametrize("word", WORDS_FOR_ONE)
def test_a_status_that_is_a_word_for_one_waits_for_a_balance_read(
    word: str, request_: WebhookRequest
) -> None:
    """Unknown until then: wallets say "success" and do nothing. The form is one error of CON-07."""
    reading = read(f'{{"status":"{word}","balance":"90.50"}}', request_)
    assert (reading.outcome, reading.balance, reading.must_settle) == (UNKNOWN, Money(9050), True)
    assert reading.says_yes
    assert told(reading) == {("CON-07", "status-text", ERROR)}


@pytest.mark.parametrize("request_", [BET, WIN, REFUND], ids=lambda each: each.method)
@pytest.mark.parametrize("fields", ['"status":null,', "", '"error":null,', '"error":"",', '"error":"none",'])
def test_an_answer_without_a_status_waits_for_a_balance_read(fields: str, request_: WebhookRequest) -> None:
    """The field is documented, so its lack is an error: of one rule, whatever was called."""
    reading = read("{" + fields + '"balance":"90.50"}', request_)
    assert (reading.outcome, reading.balance, reading.must_settle) == (UNKNOWN, Money(9050), True)
    assert not reading.says_yes
    assert told(reading) == {("CON-02", "status-missing", ERROR)}


@pytest.mark.parametrize("status", ["1", "true", '"success"'])
@pytest.mark.parametrize("error", ['"error":"SOMETHING"', '"error_code":"E7"', '"error":true', '"error":7'])
def test_a_success_with_an_error_beside_it_is_remarked_on(status: str, error: str) -> None:
    """It counts as its status says; a client that looks at the error first reads the opposite."""
    reading = read('{"status":' + status + ',"balance":"90.50",' + error + "}")
    assert (reading.outcome is ACCEPTED, reading.must_settle) == (status[0] != '"', status[0] == '"')
    assert not reading.says_yes
    assert ("CON-15", "success-with-error", WARNING) in told(reading)


def test_a_success_with_an_error_and_no_balance_is_a_refusal() -> None:
    """Nothing in it says what was moved; that its status says yes is the mistake."""
    reading = read('{"status":1,"error":"INVALID_USER"}')
    assert reading.outcome is REFUSED
    assert told(reading) == {("CON-15", "success-with-error", ERROR)}


@pytest.mark.parametrize("error", ["null", '""', '"0"', '"none"', '"OK"', "false", "0", "{}", "[]"])
def test_an_error_field_that_names_no_error_is_nothing(error: str) -> None:
    """Wallets with one shape for all answers send it empty."""
    reading = read('{"status":1,"balance":"90.50","error":' + error + "}")
    assert (reading.outcome, reading.deviations) == (ACCEPTED, ())


@pytest.mark.parametrize("balance", ["", ',"balance":null', ',"balance":"soon"', ',"balance":[]'])
def test_status_one_without_a_readable_balance_is_unknown(balance: str) -> None:
    """Nothing to settle it by in the reply itself; the form is an error."""
    reading = read('{"status":1' + balance + "}")
    assert (reading.outcome, reading.balance, reading.must_settle) == (UNKNOWN, None, False)
    assert {each.severity for each in reading.deviations} == {ERROR}


@pytest.mark.parametrize("body", ["{}", '{"ok":1}', '{"status":null}', '{"message":"hello"}'])
def test_a_2xx_without_status_and_balance_is_unknown(body: str) -> None:
    """Neither yes nor no was said."""
    reading = read(body)
    assert (reading.outcome, reading.balance, reading.must_settle) == (UNKNOWN, None, False)
    assert ("CON-02", "status-missing", ERROR) in told(reading)


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["0", "false", '"error"', '"fail"', "2", "-1", '"0"', '""', "200", "[]"])
def test_any_other_status_of_a_2xx_refuses(status: str) -> None:
    """The balance beside it is stated, and is no evidence."""
    reading = read('{"status":' + status + ',"error":"NO_BALANCE","balance":"3.00"}')
    assert (reading.outcome, reading.balance, reading.deviations) == (REFUSED, None, ())
    assert (reading.stated_balance, reading.error_code, reading.refusal_http) == (
        Money(300),
        "NO_BALANCE",
        "200",
    )


@pytest.mark.parametrize(
    "body",
    [
        '{"error":"NO_BALANCE"}',
        '{"error":"NO_BALANCE","balance":"3.00"}',
        '{"status":null,"error_code":"E1","balance":3}',
        '{"error":{"code":"NO_BALANCE"}}',
        '{"error":true,"reason":"no money"}',
    ],
)
def test_a_2xx_without_a_status_refuses_by_its_error(body: str) -> None:
    """A wallet whose answers carry no status says no in the only way that is left to it."""
    reading = read(body)
    assert (reading.outcome, reading.balance, reading.must_settle) == (REFUSED, None, False)
    assert (reading.deviations, reading.says_no, reading.error_code is None) == ((), True, False)


@pytest.mark.parametrize("http", [400, 401, 402, 403, 404, 405, 409, 412, 415, 422, 451, 499])
def test_a_4xx_refuses_in_json(http: int) -> None:
    """The HTTP status alone decides; the dialect is told."""
    reading = read('{"status":0,"error":"NO_BALANCE"}', http=http)
    assert (reading.outcome, reading.deviations, reading.refusal_http) == (REFUSED, (), "4xx")


@pytest.mark.parametrize("body", ["insufficient funds", "", "<html>no</html>", "[1"])
def test_a_4xx_in_text_refuses_with_a_note(body: str) -> None:
    """No rule of the reference is broken: it documents no refusal."""
    reading = read(body, http=400, content_type="text/plain")
    assert reading.outcome is REFUSED
    assert told(reading) == {("CON-15", "refusal-text", NOTE)}


def test_a_refusal_without_a_code_is_a_warning() -> None:
    """A provider cannot tell why (Hub88, VegasLounge)."""
    assert told(read('{"status":0,"message":"saldo insuficiente"}')) == {
        ("CON-15", "refusal-unnamed", WARNING)
    }


def test_a_4xx_that_says_yes_is_a_refusal_with_a_warning() -> None:
    """The HTTP status wins, and the contradiction is told."""
    reading = read('{"status":1,"balance":"90.50"}', http=409)
    assert (reading.outcome, reading.balance) == (REFUSED, None)
    assert told(reading) == {("CON-15", "refusal-says-yes", WARNING)}


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ('"error":"NO_BALANCE"', "NO_BALANCE"),
        ('"error_code":"E1"', "E1"),
        ('"code":102', "102"),
        ('"error":{"code":"DEEP"}', "DEEP"),
    ],
)
def test_a_refusal_is_named_by_the_fields_operators_use(field: str, code: str) -> None:
    """What the operator calls it, for reports."""
    assert read('{"status":0,' + field + "}").error_code == code


def test_the_form_of_a_refusals_balance_is_nobodys_deviation() -> None:
    """It is stated for a reader, not evidence."""
    reading = read('{"status":0,"error":"NO_BALANCE","balance":3}')
    assert (reading.stated_balance, reading.money_type, reading.deviations) == (Money(300), "number", ())


# --- no answer -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ("", "empty-body"),
        ("  \n", "empty-body"),
        ("<html><body>It works</body></html>", "html"),
        ("<!DOCTYPE html><p>{}</p>", "html"),
        ('<br />\n<b>Notice</b>: x in y\n{"status":1,"balance":"90.50"}', "text-before-json"),
        ('PHP Warning: x\n{"status":1,"balance":"90.50"}', "text-before-json"),
        ('{"status":1,"balance":"90.50"}<!-- 3 ms -->', "not-json"),
        ("OK", "not-json"),
        ('{"status":1,"balance":"90.50"', "not-json"),
        ('{"status":1,"balance":NaN}', "not-json"),
        ('{"status":1,"balance":Infinity}', "not-json"),
        ('{"status":1,"balance":1e99999999999999999999}', "not-json"),
        ("[" * 200_000, "not-json"),
        ('{"a":' * 200_000, "not-json"),
        ("[]", "not-an-object"),
        ("null", "not-an-object"),
        ("1", "not-an-object"),
        ('"ok"', "not-an-object"),
    ],
)
def test_a_2xx_that_is_no_json_object_is_unknown(body: str, form: str) -> None:
    """Even when a balance could be fished out of it: BetronTech would not either."""
    reading = read(body)
    assert (reading.outcome, reading.balance) == (UNKNOWN, None)
    assert told(reading) == {("CON-08", form, ERROR)}


@pytest.mark.parametrize(
    "body",
    [
        '{"status":1,"balance":"1.00"}'.encode("utf-16"),
        '{"status":1,"balance":"90.50","ad":"ş"}'.encode("cp1254"),
    ],
)
def test_bytes_that_are_not_utf8_are_not_json(body: bytes) -> None:
    """RFC 8259: JSON between systems is UTF-8."""
    assert (read(body).outcome, told(read(body))) == (UNKNOWN, {("CON-08", "not-json", ERROR)})


@pytest.mark.parametrize("http", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_unknown_and_a_warning(http: int) -> None:
    """Redirects are not followed, so whether anything happened is open."""
    reading = read("", http=http)
    assert (reading.outcome, told(reading)) == (UNKNOWN, {("CON-10", f"redirect-{http}", WARNING)})


@pytest.mark.parametrize("http", [408, 425, 429])
def test_not_now_is_unknown_and_a_warning(http: int) -> None:
    """The three 4xx that do not refuse."""
    reading = read('{"status":0,"error":"LATER"}', http=http)
    assert (reading.outcome, told(reading)) == (UNKNOWN, {("CON-03", f"http-{http}", WARNING)})


@pytest.mark.parametrize(
    ("request_", "rule"),
    [(DETAILS, "CON-01"), (BALANCE, "CON-02"), (BET, "CON-03"), (WIN, "CON-04"), (REFUND, "REF-14")],
)
@pytest.mark.parametrize("http", [500, 501, 599, 199, 999])
def test_a_5xx_is_unknown_and_an_error(request_: WebhookRequest, rule: str, http: int) -> None:
    """The documented answer of that method is missing; the body does not help."""
    reading = read('{"status":1,"balance":"90.50"}', request_, http=http)
    assert (reading.outcome, reading.balance) == (UNKNOWN, None)
    assert told(reading) == {(rule, f"http-{http}", ERROR)}


def test_a_5xx_to_a_malformed_call_is_a_warning() -> None:
    """It should have been refused in so many words."""
    assert told(read("", http=500, well_formed=False)) == {("CON-03", "http-500", WARNING)}
    assert told(read("", None, http=500)) == {("BAD-04", "http-500", WARNING)}


@pytest.mark.parametrize("http", [502, 503, 504, 520, 530])
@pytest.mark.parametrize("request_", [BALANCE, BET, REFUND])
def test_the_error_of_a_gateway_has_one_rule_and_one_cause_whatever_was_called(
    request_: WebhookRequest, http: int
) -> None:
    """The wallet never answered, so that no check of its money is broken."""
    (told_,) = read("<html>Bad Gateway</html>", request_, http=http).deviations
    assert (told_.rule, told_.cause, told_.severity) == ("CON-18", "no-answer", ERROR)


@pytest.mark.parametrize("kind", sorted(set(NoReplyKind) - {NoReplyKind.INJECTED, NoReplyKind.STALE}))
def test_no_reply_is_unknown_and_an_error(kind: NoReplyKind) -> None:
    """Timeout, reset, oversized and their like, on a well-formed call."""
    reading = read_reply(REFUND, NoReply(kind, "gone"), BETRONTECH)
    assert (reading.outcome, reading.http_status) == (UNKNOWN, None)
    assert told(reading) == {("CON-18", f"no-reply-{kind}", ERROR)}
    malformed = read_reply(REFUND, NoReply(kind, "gone"), BETRONTECH, well_formed=False)
    assert told(malformed) == {("CON-18", f"no-reply-{kind}", WARNING)}


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (NoReplyKind.CLOSED, "no-answer"),
        (NoReplyKind.RESET, "no-answer"),
        (NoReplyKind.CONNECT, "no-answer"),
        (NoReplyKind.TIMEOUT, "no-answer:timeout"),
        (NoReplyKind.CUT, "no-answer:cut"),
    ],
)
def test_a_closed_connection_and_a_gateways_error_are_one_cause(kind: NoReplyKind, cause: str) -> None:
    """A wallet that is away shows both; that it is slow or answers by halves is another matter."""
    (told_,) = read_reply(BET, NoReply(kind, "gone"), BETRONTECH).deviations
    assert told_.cause == cause


def test_what_our_own_fault_did_is_nobodys_deviation() -> None:
    """Unknown, and nothing said, whatever is missing."""
    for reading in (
        read("", http=500, injected=True),
        read("", http=302, injected=True),
        read("", http=429, injected=True),
        read_reply(BET, NoReply(NoReplyKind.TIMEOUT, "cut"), BETRONTECH, injected=True),
        read_reply(BET, NoReply(NoReplyKind.INJECTED, "cut"), BETRONTECH),
    ):
        assert (reading.outcome, reading.deviations) == (UNKNOWN, ())


def test_a_whole_answer_is_read_though_a_fault_was_injected() -> None:
    """A delayed or chunked call is answered as ever."""
    reading = read('{"status":1,"balance":"90.50"}', injected=True)
    assert (reading.outcome, reading.balance) == (ACCEPTED, Money(9050))


def test_nothing_in_the_answer_to_a_malformed_call_is_an_error() -> None:
    """The operator has every reason to refuse it, in any form."""
    for body in ("garbage", "{}", '{"status":"1","balance":"1,00"}', "[]"):
        for reading in (read(body, well_formed=False), read(body, None)):
            assert reading.deviations
            assert ERROR not in {each.severity for each in reading.deviations}
    assert read("no", None, http=400).deviations == ()


@pytest.mark.parametrize(
    ("http", "body"),
    [
        (429, ""),
        (429, '{"message":"slow down"}'),
        (200, '{"status":0,"error":"RATE_LIMIT_EXCEEDED"}'),
        (200, '{"error":"Rate limit reached"}'),
        (403, '{"error":"too many requests"}'),
        (400, "Too Many Attempts."),
    ],
)
def test_a_wallet_that_limits_calls_is_recognised(http: int, body: str) -> None:
    """By the HTTP status, or by the words of its refusal; whoever sends may wait and try again."""
    reading = read(body, http=http)
    assert (reading.busy, reading.retry_after_s, reading.balance) == (True, None, None)
    assert reading.outcome is UNKNOWN


def test_a_balance_read_that_meets_the_limit_is_no_evidence() -> None:
    """The 0.00 beside it is no balance of the player."""
    reading = read('{"status":0,"error":"RATE_LIMIT","balance":"0.00"}', BALANCE)
    assert (reading.outcome, reading.balance, reading.busy) == (UNKNOWN, None, True)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("30", 30),
        (" 0 ", 0),
        ("Sat, 28 Nov 2026 10:00:30 GMT", None),
        ("99999999999999999999", 10**6),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("\u0663", None),
    ],
)
def test_how_long_to_wait_is_told_in_seconds(retry_after: str, seconds: int | None) -> None:
    """A date is left alone: reading a reply asks no clock."""
    reading = read_reply(BET, Reply(429, (("Retry-After", retry_after),), b""), BETRONTECH)
    assert (reading.busy, reading.retry_after_s) == (True, seconds)


@pytest.mark.parametrize("http", [400, 408, 425, 500, 503])
def test_no_other_missing_answer_asks_to_wait(http: int) -> None:
    """They have causes of their own."""
    assert not read("", http=http).busy


# --- user_balance ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["0", "false", '"blocked"', "2"])
def test_a_balance_read_is_evidence_whatever_its_status_says(status: str) -> None:
    """There `status` is the account's."""
    reading = read('{"status":' + status + ',"balance":"90.50"}', BALANCE)
    assert (reading.outcome, reading.balance, reading.deviations) == (ACCEPTED, Money(9050), ())
    assert reading.account_status == status


@pytest.mark.parametrize(
    "body",
    [
        '{"status":0,"error":"INVALID_USER","balance":"0.00"}',
        '{"status":false,"balance":0}',
        '{"error":"INVALID_USER","balance":"0.00"}',
        '{"status":"error","balance":"0"}',
    ],
)
def test_a_no_beside_a_balance_of_nothing_refuses_a_player_who_is_not_known(body: str) -> None:
    """Who exists is for the referee to know: for a known player the same reply is evidence."""
    reading = read(body, BALANCE)
    assert (reading.outcome, reading.balance, reading.deviations) == (ACCEPTED, Money(0), ())
    unknown = reading.for_unknown_player
    assert (unknown.outcome, unknown.balance, unknown.stated_balance) == (REFUSED, None, Money(0))


@pytest.mark.parametrize(
    "body",
    ['{"status":1,"balance":"0.00"}', '{"status":0,"balance":"0.01"}', '{"status":0,"error":"NO_USER"}'],
)
def test_other_answers_mean_the_same_for_a_player_who_is_not_known(body: str) -> None:
    """A yes, and a balance that somebody must have."""
    reading = read(body, BALANCE)
    assert reading.for_unknown_player is reading


def test_an_active_account_reads_as_one() -> None:
    """By the quick reader and the slow one alike; other methods have no account status."""
    assert read('{"status":1,"balance":"90.50"}', BALANCE).account_status == "1"
    assert read('{"status":1,"balance":"90.50","x":0}', BALANCE).account_status == "1"
    assert read('{"status":1,"balance":"90.50"}', BET).account_status is None


def test_a_balance_read_without_status_is_evidence_and_a_form_error() -> None:
    """The field is documented."""
    reading = read('{"balance":"90.50"}', BALANCE)
    assert (reading.outcome, reading.balance, reading.must_settle) == (ACCEPTED, Money(9050), False)
    assert told(reading) == {("CON-02", "status-missing", ERROR)}


@pytest.mark.parametrize("word", WORDS_FOR_ONE)
def test_a_balance_read_with_a_word_for_one_is_evidence_and_a_form_error(word: str) -> None:
    """A read has nothing to settle."""
    reading = read(f'{{"status":"{word}","balance":"90.50"}}', BALANCE)
    assert (reading.outcome, reading.balance, reading.must_settle) == (ACCEPTED, Money(9050), False)
    assert told(reading) == {("CON-07", "status-text", ERROR)}


def test_a_balance_read_with_nothing_to_read_is_refused_or_unknown() -> None:
    """A no is a refusal; a yes without a balance proves nothing."""
    assert read('{"status":0,"error":"INVALID_USER"}', BALANCE).outcome is REFUSED
    assert read('{"status":0,"error":"INVALID_USER","balance":null}', BALANCE).deviations == ()
    assert read('{"status":1}', BALANCE).outcome is UNKNOWN
    assert told(read('{"status":1}', BALANCE)) == {("CON-02", "balance-missing", ERROR)}


# --- account_details -------------------------------------------------------------------------------

PLAYER = '"user_id":"12345","email":"kullanici@email.com","name_jogador":"Kullanici Adi"'


def test_documented_details_are_accepted() -> None:
    """No status, no balance."""
    reading = read("{" + PLAYER + "}", DETAILS)
    assert (reading.outcome, reading.balance, reading.deviations) == (ACCEPTED, None, ())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"user_id":"12345","email":"a@b.c"}', ("details-no-name_jogador", ERROR)),
        ('{"user_id":"12345","name_jogador":"A"}', ("details-no-email", ERROR)),
        ('{"user_id":12345,"email":"a@b.c","name_jogador":"A"}', ("details-id-number", WARNING)),
        ('{"user_id":"12345","email":null,"name_jogador":"A"}', ("details-odd-email", WARNING)),
        ('{"user_id":"99","email":"a@b.c","name_jogador":"A"}', ("details-other-player", ERROR)),
        ('{"user_id":99,"email":"a@b.c","name_jogador":"A"}', ("details-other-player", ERROR)),
        ('{"user_id":true,"email":"a@b.c","name_jogador":"A"}', ("details-other-player", ERROR)),
    ],
)
def test_each_detail_that_deviates_is_told(body: str, expected: tuple[str, Severity]) -> None:
    """The reply names a player, so it is accepted."""
    reading = read(body, DETAILS)
    assert reading.outcome is ACCEPTED
    assert told(reading) == {("CON-01", *expected)}


def test_details_of_nobody() -> None:
    """A no is a refusal, an empty object is unknown."""
    assert read('{"status":false,"error":"INVALID_USER"}', DETAILS).outcome is REFUSED
    assert read('{"error":"INVALID_USER"}', DETAILS).outcome is REFUSED
    assert read("{}", DETAILS).outcome is UNKNOWN
    assert told(read('{"user_id":null}', DETAILS)) == {("CON-01", "details-nobody", ERROR)}
    wrapped = read('{"status":true,"data":{' + PLAYER + "}}", DETAILS)
    assert (wrapped.outcome, told(wrapped)) == (UNKNOWN, {("CON-09", "wrapped", ERROR)})


def test_the_quick_reader_does_not_take_a_balance_for_details() -> None:
    """`account_details` answered as if it were `user_balance`."""
    assert read('{"status":1,"balance":"90.50"}', DETAILS).outcome is UNKNOWN


# --- the sibling dialect ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["1", "true"])
@pytest.mark.parametrize(
    ("balance", "cents", "kind"),
    [
        ('"90.50"', 9050, "string"),
        ("90.50", 9050, "number"),
        ("90.5", 9050, "number"),
        ("90", 9000, "number"),
        ("0", 0, "number"),
        ("0.07", 7, "number"),
    ],
)
def test_the_sibling_dialect_documents_numbers_and_true(
    status: str, balance: str, cents: int, kind: str
) -> None:
    """What is a warning for BetronTech is nothing to remark on there, in either order of the keys."""
    for body in (f'{{"status":{status},"balance":{balance}}}', f'{{"balance":{balance},"status":{status}}}'):
        reading = read(body, profile=DRAKON)
        assert (reading.outcome, reading.balance, reading.deviations) == (ACCEPTED, Money(cents), ())
        assert reading.money_type == kind


def test_the_sibling_dialects_details_name_no_player() -> None:
    """A name or an address is all there is."""
    reading = read(
        '{"email":"a@b.c","name_jogador":"A","date":"2026-01-01T00:00:00Z"}', DETAILS, profile=DRAKON
    )
    assert (reading.outcome, reading.deviations) == (ACCEPTED, ())
    assert read('{"status":false,"error":"INVALID_USER"}', DETAILS, profile=DRAKON).outcome is REFUSED


def test_a_number_with_a_leading_zero_is_not_json_there_either() -> None:
    """The quick reader accepts no JSON that a parser would refuse."""
    assert read('{"status":1,"balance":007}', profile=DRAKON).outcome is UNKNOWN
