"""What one reply means, as data, and the call that it is read for."""

from __future__ import annotations

import re
from decimal import Decimal

from simulator.core.calls import Deviation
from simulator.core.findings import Severity
from simulator.core.json import JsonValue, NotJson, parse, write
from simulator.core.money import Money, format_money
from simulator.core.profiles import MAX_MONEY_DIGITS, MoneyForm, WireProfile
from simulator.core.values import Frozen
from simulator.core.webhooks import Method, Reply, WebhookRequest
from simulator.law.rules import rule_of
from simulator.law.situations import Situation


class RepliedCall(Frozen):
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


def answer_rule(request: WebhookRequest | None) -> str:
    """Return the rule that a missing answer to this call breaks; None is for bytes that are no webhook."""
    return rule_of(Situation.NO_ANSWER, (), None if request is None else request.method)


# --- balance --------------------------------------------------------------------------------------
# What amount a reply's balance is, and what is wrong with how it is written.
# Readable: the canonical text, a JSON number, one or no decimal, separators that cannot mean two things,
# and a number that is nearest to one cent (99.96000000000001). Anything else is nobody's amount.

_CANONICAL = re.compile(r"-?\d+\.\d{2}", re.ASCII)

_PLAIN = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)

# "1.234" may be 1,234 or 1.23: a group of three after up to three digits that do not begin with 0.
_AMBIGUOUS = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)

_GROUP = r"-?[1-9]\d{0,2}(?:([.,' \u00a0\u202f\u2019])\d{3})(?:\1\d{3})*"

# Compiled when a reply first is so, and kept by `re`: large patterns for what few wallets write.
_GROUPED = f"(?a:{_GROUP})"

_GROUPED_WITH_DECIMALS = rf"(?a:{_GROUP}(?!\1)[.,]\d{{1,2}})"

_DECIMAL_COMMA = re.compile(r"-?\d+,\d{1,2}", re.ASCII)

_NOT_A_DIGIT = re.compile(r"[^\d-]", re.ASCII)


def expected(form: MoneyForm) -> str:
    """How the profile documents a balance, in words."""
    return "a number like 90.50" if form is MoneyForm.NUMBER else 'a string with two decimals, like "90.50"'


class ReadAmount(Frozen):
    """An amount in cents. `exact` is False when digits beyond the cents were dropped."""

    money: Money
    exact: bool = True


def read_balance(value: JsonValue, form: MoneyForm, deviations: Deviations) -> Money | None:
    """The amount that a reply's balance means, None when it means none; the deviations are noted.

    `form` is how the profile documents balances. None for a missing balance (JSON null) notes nothing.
    """
    if isinstance(value, Decimal):
        return _read_number(value, form, deviations)
    if isinstance(value, str):
        return _read_text(value, form, deviations)
    if value is not None:
        deviations.error(
            "CON-06", "balance-unreadable", f"the balance is {shown_json(value)}, expected {expected(form)}"
        )
    return None


def _read_number(value: Decimal, form: MoneyForm, deviations: Deviations) -> Money | None:
    amount = cents_of(value)
    if amount is None:
        _unreadable(value, form, deviations)
        return None
    if form is MoneyForm.STRING:
        deviations.warning(
            "CON-06",
            "balance-number",
            f"the balance is the number {shown_json(value)}, expected {expected(form)}",
        )
    if not amount.exact:
        _note_noise(value, amount, deviations)
    else:
        _note_digits(value, deviations)
    return amount.money


def _note_digits(value: Decimal, deviations: Deviations) -> None:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or -2 <= exponent <= 0:
        return
    if exponent > 0:
        deviations.warning("MON-04", "balance-exponent", f"the balance has an exponent: {shown_json(value)}")
    else:
        _note_many_decimals(value, deviations)


def _note_many_decimals(value: Decimal | str, deviations: Deviations) -> None:
    deviations.warning(
        "MON-04", "balance-many-decimals", f"the balance has more than two decimals: {shown_json(value)}"
    )


def _read_text(value: str, form: MoneyForm, deviations: Deviations) -> Money | None:
    if len(value) > MAX_MONEY_DIGITS:
        _unreadable(value, form, deviations)
        return None
    if form is MoneyForm.NUMBER:
        deviations.warning(
            "CON-06",
            "balance-string",
            f"the balance is the string {shown_json(value)}, expected a JSON number",
        )
    if _CANONICAL.fullmatch(value):
        return Money(int(value[:-3] + value[-2:]))
    if _AMBIGUOUS.fullmatch(value):
        _unreadable(value, form, deviations, " (thousands or decimals?)")
        return None
    if _PLAIN.fullmatch(value):
        return _read_plain(value, form, deviations)
    separated = _without_separators(value)
    if separated is None:
        _unreadable(value, form, deviations)
        return None
    deviations.error(
        "MON-05",
        "balance-separators",
        f"the balance is written for people, {shown_json(value)}; expected {expected(form)}",
    )
    return separated


def _read_plain(value: str, form: MoneyForm, deviations: Deviations) -> Money | None:
    amount = cents_of(Decimal(value))
    if amount is None:
        _unreadable(value, form, deviations)
        return None
    decimals = len(value.partition(".")[2])
    if not amount.exact:
        _note_noise(value, amount, deviations)
    elif decimals < 2:
        deviations.warning(
            "CON-06",
            "balance-few-decimals",
            f"the balance has fewer than two decimals: {shown_json(value)}, expected {expected(form)}",
        )
    else:
        _note_many_decimals(value, deviations)
    return amount.money


def _without_separators(value: str) -> Money | None:
    if _DECIMAL_COMMA.fullmatch(value) or re.fullmatch(_GROUPED_WITH_DECIMALS, value):
        decimals = re.split(r"[.,]", value)[-1]
        units = _NOT_A_DIGIT.sub("", value[: -len(decimals) - 1])
        return Money(int(units + decimals.ljust(2, "0")))
    if re.fullmatch(_GROUPED, value):
        return Money(int(_NOT_A_DIGIT.sub("", value) + "00"))
    return None


def cents_of(value: Decimal) -> ReadAmount | None:
    """The one nearest cent of a number; None for half a cent, and for what is too large to be an amount."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or len(digits) > MAX_MONEY_DIGITS or abs(exponent) > MAX_MONEY_DIGITS:
        return None
    number = int("".join(map(str, digits)))
    if exponent >= -2:
        cents, rest, unit = number * 10 ** (exponent + 2), 0, 1
    else:
        unit = 10 ** (-2 - exponent)
        cents, rest = divmod(number, unit)
    if rest * 2 == unit:
        return None
    cents += rest * 2 > unit
    return ReadAmount(Money(-cents if sign else cents), exact=rest == 0)


def _note_noise(value: Decimal | str, amount: ReadAmount, deviations: Deviations) -> None:
    deviations.error(
        "MON-04",
        "balance-noise",
        f"the balance has digits beyond the cents: {shown_json(value)}, read as {format_money(amount.money)}",
    )


def _unreadable(value: Decimal | str, form: MoneyForm, deviations: Deviations, why: str = "") -> None:
    deviations.error(
        "CON-06",
        "balance-unreadable",
        f"the balance {shown_json(value)} is no amount{why}; expected {expected(form)}",
    )


# --- body -----------------------------------------------------------------------------------------
# The JSON in a reply's body, and what stands in its way: BOM, notices, HTML, charsets, twin keys.

_BOM = b"\xef\xbb\xbf"

_JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json", re.ASCII | re.IGNORECASE)

_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.ASCII | re.IGNORECASE)

_HTML = re.compile(r"\s*<(?:!doctype|html|head|body|br|b>|div|pre|script|!--|\?xml)", re.IGNORECASE)

_UTF8_NAMES = frozenset({"utf-8", "utf8", "us-ascii"})


def declares_json(headers: tuple[tuple[str, str], ...]) -> bool:
    """Whether the reply's content type is the plain one, so that there is nothing to remark on."""
    for name, value in headers:
        if name == "Content-Type" or name.lower() == "content-type":
            return value == "application/json" or _content_type_remark(value) is None
    return False


def note_content_type(reply: Reply, deviations: Deviations) -> None:
    """CON-08 of a body that is JSON: what its header says of it."""
    value = reply.header("content-type")
    remark = ("content-type-missing", "there is no Content-Type header") if value is None else None
    remark = remark or _content_type_remark(value or "")
    if remark is not None:
        form, what = remark
        deviations.warning("CON-08", form, f"{what}; expected application/json")


def _content_type_remark(value: str) -> tuple[str, str] | None:
    kind, _, parameters = value.partition(";")
    if _JSON_TYPE.fullmatch(kind.strip()) is None:
        return "content-type", f"the Content-Type is {shown(value)}"
    charset = _CHARSET.search(parameters)
    if charset is not None and charset[1].lower() not in _UTF8_NAMES:
        return "charset", f"the charset is {shown(charset[1])}, JSON is UTF-8"
    return None


def json_of(call: RepliedCall) -> JsonValue:
    """The JSON value of a body; a BOM before it and keys that stand twice are noted.

    Raises NotJson for what no JSON parser reads.
    """
    body = call.reply.body
    if body.startswith(_BOM):
        call.deviations.warning(
            "CON-08", "bom", "a byte order mark stands before the JSON; many parsers refuse it"
        )
        body = body[len(_BOM) :]
    parsed = parse(_text(body))
    if parsed.twice:
        _note_twins(call, parsed.twice)
    return parsed.value


def _note_twins(call: RepliedCall, twice: frozenset[str]) -> None:
    names = call.profile.reply
    decisive = sorted(name for name in (names.status, names.balance, names.identity) if name in twice)
    key = shown(decisive[0] if decisive else min(twice))
    message = f'"{key}" stands twice with different values, and parsers disagree on which counts'
    if decisive:
        call.deviations.error("CON-08", "twin-keys", message)
    else:
        call.deviations.warning("CON-08", "twin-keys", message)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"byte {error.start} is not UTF-8") from None


def why_not_json(body: bytes, error: NotJson) -> tuple[str, str]:
    """The form and the sentence for a body that is not JSON: what a developer would look for first."""
    if not body.strip():
        return "empty-body", "the body is empty"
    text = body[:65536].decode("utf-8", "replace")
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if _HTML.match(text) and start < 0:
        return "html", f'the body is HTML: "{shown(text.strip())}"'
    if start > 0 and _ends_as_json(text[start:]):
        return "text-before-json", f'text stands before the JSON: "{shown(text[:start].strip())}"'
    if _HTML.match(text):
        return "html", f'the body is HTML: "{shown(text.strip())}"'
    return "not-json", f'the body is not JSON ({error}): "{shown(text.strip())}"'


def _ends_as_json(text: str) -> bool:
    try:
        parse(text)
    except NotJson:
        return False
    return True


# --- deviation ------------------------------------------------------------------------------------
# What is wrong with a reply's form, as data, and how foreign text is shown in its sentence.

SHOWN_CHARACTERS = 60
"""How much of a reply's text a message quotes."""


class Deviations:
    """Collects the deviations of one reply. On a malformed call nothing is worse than a warning."""

    def __init__(self, well_formed: bool = True) -> None:
        self.well_formed = well_formed
        self.found: list[Deviation] = []

    def error(self, rule: str, form: str, message: str) -> None:
        """The reference is broken in a way that costs the meaning."""
        severity = Severity.ERROR if self.well_formed else Severity.WARNING
        self.found.append(Deviation(rule, severity, form, message))

    def warning(self, rule: str, form: str, message: str) -> None:
        """The meaning is clear all the same, or the rule is the industry's."""
        self.found.append(Deviation(rule, Severity.WARNING, form, message))

    def note(self, rule: str, form: str, message: str) -> None:
        """Worth knowing."""
        self.found.append(Deviation(rule, Severity.NOTE, form, message))


def shown(text: str) -> str:
    """Foreign text for a message: short, on one line, nothing in it that moves a cursor or breaks UTF-8."""
    cut = text[:SHOWN_CHARACTERS]
    clean = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)
    return clean + ("…" if len(text) > SHOWN_CHARACTERS else "")


def shown_json(value: JsonValue) -> str:
    """A JSON value for a message, as it stands in the reply."""
    if isinstance(value, str):
        return f'"{shown(value)}"'
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return shown(write(value))


# --- leaks ----------------------------------------------------------------------------------------
# What a reply must not tell: secrets of the player (SEC-09), the inside of the operator (SEC-10).

SCANNED_BYTES = 65536
"""A trace stands at the beginning; a body of megabytes is not searched to its end."""

_MAX_DEPTH = 5

# Compiled when a reply first asks for it, and kept by `re`: most runs never do, and start without that.
_SECRET_NAME = (
    r"(?i)(?:^|[_\-. ])"
    r"(?:pass(?:word|wd|code|port)?|pwd|pin|hash|secret|token|api_?key|salt|otp|2fa|senha|sifre|şifre|parola"
    r"|cpf|rg|ssn|tc(?:kn|_?(?:kimlik|no))?|kimlik|iban|documento?|card_?number|cvv)"
    r"(?:$|[_\-. ])"
)

_SECRET_VALUE = r"\$2[abxy]\$\d\d\$|\$argon2(?:id?|d)\$|^eyJ[\w-]+\.eyJ[\w-]+\.|-----BEGIN "

_CAMEL = r"(?<=[a-z0-9])(?=[A-Z])"

_INSIDE = (
    rb"Traceback \(most recent call last\)|SQLSTATE\[|Stack trace:|#0 [^\n]{1,200}\.php\(\d+\)"
    rb"|\.php</b> on line|\.php on line \d|\bat [\w.$<>]+\([\w$]+\.(?:java|kt|scala|cs):\d+\)"
    rb"|\bat [^\n]{1,200}\.(?:js|ts):\d+:\d+|File \"[^\"\n]{1,200}\", line \d+"
    rb"|goroutine \d+ \[|panic: runtime error"
    rb"|You have an error in your SQL syntax|(?:sqlite3|psycopg2?|pymysql|sqlalchemy)\.[\w.]*(?:Error|exc)"
    rb"|\bORA-\d{5}\b|PDOException|QueryException|System\.\w+Exception|ActiveRecord::"
    rb"|\b(?:INSERT INTO|DELETE FROM|SELECT [^\n]{1,200} FROM|UPDATE [^\n]{1,100} SET) "
)


def note_secrets(details: dict[str, JsonValue], deviations: Deviations) -> None:
    """SEC-09: `account_details` is asked for an id, a name and an e-mail address."""
    found = sorted(_secrets(details, _MAX_DEPTH))
    if found:
        names = ", ".join(shown(name) for name in found[:5])
        deviations.warning("SEC-09", "secrets", f"account_details tells more than it is asked for: {names}")


def _secrets(value: JsonValue, depth: int) -> set[str]:
    if depth == 0 or not isinstance(value, dict | list):
        return set()
    if isinstance(value, list):
        return set().union(*(_secrets(item, depth - 1) for item in value))
    found: set[str] = set()
    for name, item in value.items():
        if item not in (None, "", False) and _is_secret(name, item):
            found.add(name)
        found |= _secrets(item, depth - 1)
    return found


def _is_secret(name: str, value: JsonValue) -> bool:
    if isinstance(value, str) and re.search(_SECRET_VALUE, value):
        return True
    return not isinstance(value, bool) and re.search(_SECRET_NAME, re.sub(_CAMEL, "_", name)) is not None


def note_inside(body: bytes, deviations: Deviations) -> None:
    """SEC-10: an error answer shows neither code nor queries."""
    found = re.search(_INSIDE, body[:SCANNED_BYTES])
    if found is not None:
        text = found[0].decode("utf-8", "replace")
        deviations.warning(
            "SEC-10", "inside", f'the error answer shows the operator\'s inside: "{shown(text)}"'
        )
