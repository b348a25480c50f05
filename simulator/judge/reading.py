"""Read the parts of a reply: the JSON in its body, the balance, and what it must not disclose.

Each function takes a `Deviations`, which collects the faults in the part's form. `replies` says what the
parts mean together; the referee says whether a balance is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from simulator.core.calls import BEYOND_CENTS, Deviation
from simulator.core.findings import Severity
from simulator.core.json import JsonValue, NotJson, parse, write
from simulator.core.money import Money, format_money
from simulator.core.profiles import MAX_MONEY_DIGITS, MoneyForm
from simulator.core.secrets import Headers
from simulator.core.values import Frozen
from simulator.core.webhooks import COMPRESSIONS, Reply, printable

SHOWN_CHARACTERS = 60
"""How much of a reply's text a message quotes."""

SCANNED_BYTES = 65536
"""How much of a body is searched: a stack trace is at its beginning."""


class Deviations:
    """Collects the deviations of one reply. On a malformed call none is worse than a warning."""

    def __init__(self, well_formed: bool = True) -> None:
        self.well_formed = well_formed
        self.found: list[Deviation] = []

    def error(self, rule: str, form: str, message: str) -> None:
        """Record a form that breaks the reference and leaves the meaning unclear."""
        severity = Severity.ERROR if self.well_formed else Severity.WARNING
        self.found.append(Deviation(rule, severity, form, message))

    def warning(self, rule: str, form: str, message: str) -> None:
        """Record a form whose meaning is clear all the same, or that breaks a rule of the industry."""
        self.found.append(Deviation(rule, Severity.WARNING, form, message))

    def note(self, rule: str, form: str, message: str) -> None:
        """Record a form that is worth knowing."""
        self.found.append(Deviation(rule, Severity.NOTE, form, message))


def shown(text: str, characters: int = SHOWN_CHARACTERS) -> str:
    """Return foreign text for a message: short, on one line, and safe to print on a terminal."""
    cut = text[:characters]
    return printable(cut) + ("…" if len(text) > characters else "")


def shown_json(value: JsonValue) -> str:
    """Return a JSON value for a message, as written in the reply."""
    if isinstance(value, str):
        return f'"{shown(value)}"'
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return shown(write(value))


# --- the balance ----------------------------------------------------------------------------------

_CANONICAL = re.compile(r"-?\d+\.\d{2}", re.ASCII)

_PLAIN = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)

_EXPONENT = re.compile(r"-?\d(?:\.\d+)?[eE]-\d{2,4}", re.ASCII)
"""What is left of a float when its balance is nothing: -2.7755575615628914e-17."""

# "1.234" may be 1,234 or 1.23: a group of three after up to three digits that do not begin with 0.
_AMBIGUOUS = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)

_GROUP = r"-?[1-9]\d{0,2}(?:([.,' \u00a0\u202f\u2019])\d{3})(?:\1\d{3})*"

# Compiled on first use and cached by `re`: large patterns for forms that few wallets write.
_GROUPED = f"(?a:{_GROUP})"

_GROUPED_WITH_DECIMALS = rf"(?a:{_GROUP}(?!\1)[.,]\d{{1,2}})"

_DECIMAL_COMMA = re.compile(r"-?\d+,\d{1,2}", re.ASCII)

_NOT_A_DIGIT = re.compile(r"[^\d-]", re.ASCII)

_NOISE = 10_000
"""A difference below 1/10,000 of a cent is the noise of binary fractions."""


class ReadAmount(Frozen):
    """An amount in cents; `beyond` is its text if it has digits beyond the cent."""

    money: Money
    beyond: str | None = None


def expected(form: MoneyForm) -> str:
    """Return how the profile documents a balance, in words."""
    return "a number like 90.50" if form is MoneyForm.NUMBER else 'a string with two decimals, like "90.50"'


def read_balance(value: JsonValue, form: MoneyForm, deviations: Deviations) -> ReadAmount | None:
    """Return the amount that a reply's balance means, None if it means none; note how it is written.

    Readable are the canonical text, a JSON number, one decimal or none, separators that cannot mean two
    things, and digits beyond the cent (see `cents_of`). `form` is how the profile documents balances. A
    missing balance (JSON null) is not noted.
    """
    if isinstance(value, Decimal):
        return _read_number(value, form, deviations)
    if isinstance(value, str):
        return _read_text(value, form, deviations)
    if value is not None:
        deviations.error(
            "CON-06", "balance-unreadable", f"the balance is {shown_json(value)}; expected {expected(form)}"
        )
    return None


def means_two_amounts(value: JsonValue) -> bool:
    """Return whether a balance may be read with a separator of thousands or of decimals."""
    return isinstance(value, str) and _AMBIGUOUS.fullmatch(value) is not None


def cents_of(value: Decimal) -> ReadAmount | None:
    """Return a number in cents; None for what is too long to be an amount.

    Noise within 0.000001 of a cent (99.96000000000001, 99.95999999999999) is that cent; real digits below the
    cent (10.0060, 0.99995) are read downwards, as a wallet has no more than that to pay out.
    """
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or len(digits) > MAX_MONEY_DIGITS or abs(exponent) > MAX_MONEY_DIGITS:
        return None
    number = int("".join(map(str, digits)))
    if exponent >= -2:
        cents, rest, unit = number * 10 ** (exponent + 2), 0, 1
    else:
        unit = 10 ** (-2 - exponent)
        cents, rest = divmod(number, unit)
    real = rest * _NOISE > unit and (unit - rest) * _NOISE > unit
    # The digits are those of the absolute value: downwards is away from zero where the sign is a minus.
    cents += bool(sign) if real else rest * 2 > unit
    return ReadAmount(Money(-cents if sign else cents), shown(str(value)) if rest else None)


def _read_number(value: Decimal, form: MoneyForm, deviations: Deviations) -> ReadAmount | None:
    amount = cents_of(value)
    if amount is None:
        _note_unreadable(value, form, deviations)
        return None
    if form is MoneyForm.STRING:
        deviations.warning(
            "CON-06",
            "balance-number",
            f"the balance is the number {shown_json(value)}; expected {expected(form)}",
        )
    _note_digits(value, amount, deviations)
    return amount


def _note_digits(value: Decimal, amount: ReadAmount, deviations: Deviations) -> None:
    """Note digits beyond the cent and exponents."""
    exponent = value.as_tuple().exponent
    if amount.beyond is not None:
        _note_beyond_cents(value, amount, deviations)
    elif isinstance(exponent, int) and exponent > 0:
        deviations.warning("MON-04", "balance-exponent", f"the balance has an exponent: {shown_json(value)}")
    elif isinstance(exponent, int) and exponent < -2:
        _note_many_decimals(value, deviations)


def _read_text(value: str, form: MoneyForm, deviations: Deviations) -> ReadAmount | None:
    if len(value) > MAX_MONEY_DIGITS:
        _note_unreadable(value, form, deviations)
        return None
    if form is MoneyForm.NUMBER:
        deviations.warning(
            "CON-06",
            "balance-string",
            f"the balance is the string {shown_json(value)}; expected a JSON number",
        )
    if _CANONICAL.fullmatch(value):
        return ReadAmount(Money(int(value[:-3] + value[-2:])))
    if _AMBIGUOUS.fullmatch(value):
        _note_unreadable(value, form, deviations, " (thousands or decimals?)")
        return None
    if _PLAIN.fullmatch(value):
        return _read_plain(value, form, deviations)
    if _EXPONENT.fullmatch(value) and (amount := cents_of(Decimal(value))) is not None:
        _note_digits(Decimal(value), amount, deviations)
        return amount
    separated = _without_separators(value)
    if separated is None:
        _note_unreadable(value, form, deviations)
        return None
    deviations.error(
        "MON-05",
        "balance-separators",
        f"the balance is written for people, {shown_json(value)}; expected {expected(form)}",
    )
    return ReadAmount(separated)


def _read_plain(value: str, form: MoneyForm, deviations: Deviations) -> ReadAmount | None:
    amount = cents_of(Decimal(value))
    if amount is None:
        _note_unreadable(value, form, deviations)
    elif amount.beyond is not None:
        _note_beyond_cents(value, amount, deviations)
    elif len(value.partition(".")[2]) < 2:
        deviations.warning(
            "CON-06",
            "balance-few-decimals",
            f"the balance has fewer than two decimals: {shown_json(value)}; expected {expected(form)}",
        )
    else:
        _note_many_decimals(value, deviations)
    return amount


def _without_separators(value: str) -> Money | None:
    if _DECIMAL_COMMA.fullmatch(value) or re.fullmatch(_GROUPED_WITH_DECIMALS, value):
        decimals = re.split(r"[.,]", value)[-1]
        units = _NOT_A_DIGIT.sub("", value[: -len(decimals) - 1])
        return Money(int(units + decimals.ljust(2, "0")))
    if re.fullmatch(_GROUPED, value):
        return Money(int(_NOT_A_DIGIT.sub("", value) + "00"))
    return None


def _note_many_decimals(value: Decimal | str, deviations: Deviations) -> None:
    deviations.warning(
        "MON-04", "balance-many-decimals", f"the balance has more than two decimals: {shown_json(value)}"
    )


def _note_beyond_cents(value: Decimal | str, amount: ReadAmount, deviations: Deviations) -> None:
    deviations.error(
        "MON-04",
        BEYOND_CENTS,
        f"the balance has digits beyond the cent: {shown_json(value)}; read as {format_money(amount.money)}",
    )


def _note_unreadable(value: Decimal | str, form: MoneyForm, deviations: Deviations, why: str = "") -> None:
    deviations.error(
        "CON-06",
        "balance-unreadable",
        f"the balance {shown_json(value)} is not an amount{why}; expected {expected(form)}",
    )


# --- the body and its headers ---------------------------------------------------------------------

_BOM = b"\xef\xbb\xbf"

_JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json", re.ASCII | re.IGNORECASE)

_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.ASCII | re.IGNORECASE)

_HTML = re.compile(r"\s*<(?:!doctype|html|head|body|br|b>|div|pre|script|!--|\?xml)", re.IGNORECASE)

_UTF8_NAMES = frozenset({"utf-8", "utf8", "us-ascii"})

_OF_ONE_BYTE = frozenset(
    {"iso-8859-1", "iso-8859-9", "iso-8859-15", "latin1", "windows-1252", "windows-1254"}
)
"""The charsets of western Europe, Brazil and Turkey from before UTF-8."""

_RATE_LIMIT = rb"rate[ _-]?limit|too[ _-]?many[ _-]?(?:requests|calls|attempts)|throttl"

_RATE_LIMIT_PARTS = (b"limit", b"many", b"throttl")
"""Every match of the pattern has one of these; searching for them first is ten times as fast."""

_WAIT_MAX_S = 10**6


@lru_cache(maxsize=64)
def declares_json(headers: Headers) -> bool:
    """Return whether the content type is the plain one, so that there is nothing to remark on."""
    declared = False
    for name, value in headers:
        match name.lower():
            case "content-type" if not declared:
                declared = value == "application/json" or _content_type_remark(value) is None
                if not declared:
                    return False
            case "content-encoding" if _is_no_coding(value):
                return False
    return declared


def note_content_type(reply: Reply, deviations: Deviations) -> None:
    """Note what the header of a body that is JSON says of it (CON-08)."""
    value = reply.header("content-type")
    remark = ("content-type-missing", "there is no Content-Type header") if value is None else None
    remark = remark or _content_type_remark(value or "")
    if remark is not None:
        form, what = remark
        deviations.warning("CON-08", form, f"{what}; expected application/json")
    coding = reply.header("content-encoding")
    if coding is not None and _is_no_coding(coding):
        deviations.warning(
            "CON-08",
            "content-encoding",
            f"the Content-Encoding is {shown(coding)}, and the body is plain text; leave the header out",
        )


def _is_no_coding(value: str) -> bool:
    """Return whether a body that reads as JSON cannot have had that coding."""
    return value.strip().lower() not in (*COMPRESSIONS, "identity", "")


def _content_type_remark(value: str) -> tuple[str, str] | None:
    kind, _, parameters = value.partition(";")
    if _JSON_TYPE.fullmatch(kind.strip()) is None:
        return "content-type", f"the Content-Type is {shown(value)}"
    charset = _CHARSET.search(parameters)
    if charset is not None and charset[1].lower() not in _UTF8_NAMES:
        return "charset", f"the charset is {shown(charset[1])}; JSON is UTF-8"
    return None


def read_json(reply: Reply, decisive: Iterable[str | None], deviations: Deviations) -> JsonValue:
    """Return the JSON value of a body; record a byte order mark and duplicate keys.

    `decisive` are the keys that must not be duplicates. Raises NotJson.
    """
    body = reply.body
    if body.startswith(_BOM):
        deviations.warning(
            "CON-08", "bom", "a byte order mark stands before the JSON; many parsers refuse it"
        )
        body = body[len(_BOM) :]
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        # The charset that the wallet states, on which there is a remark.
        stated = _CHARSET.search(reply.header("content-type") or "")
        if stated is None or stated[1].lower() not in _OF_ONE_BYTE:
            raise NotJson(f"byte {error.start} is not UTF-8") from None
        text = body.decode(stated[1], "replace")
    parsed = parse(text)
    if parsed.twice:
        _note_twins(parsed.twice, decisive, deviations)
    return parsed.value


def _note_twins(twice: frozenset[str], decisive: Iterable[str | None], deviations: Deviations) -> None:
    worst = sorted(name for name in decisive if name in twice and name is not None)
    key = shown(worst[0] if worst else min(twice))
    message = f'"{key}" stands twice with different values, and parsers disagree on which one counts'
    note = deviations.error if worst else deviations.warning
    note("CON-08", "twin-keys", message)


def why_not_json(reply: Reply, error: NotJson) -> tuple[str, str]:
    """Return the form and the sentence for a body that is not JSON: what a developer would look for first."""
    body, coding = reply.body, reply.header("content-encoding")
    if not body.strip():
        return "empty-body", "the body is empty"
    if coding is not None and _is_no_coding(coding):
        asked = "calls ask for Accept-Encoding: identity"
        return "content-encoding", f"the Content-Encoding is {shown(coding)}, which cannot be read; {asked}"
    text = body[:SCANNED_BYTES].decode("utf-8", "replace")
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


def asks_to_wait(reply: Reply) -> bool:
    """Return whether the wallet limits how often it may be called: HTTP 429, or a text that says so."""
    if reply.status == 429:
        return True
    body = reply.body[:SCANNED_BYTES].lower()
    return any(part in body for part in _RATE_LIMIT_PARTS) and re.search(_RATE_LIMIT, body) is not None


def retry_after_s(reply: Reply) -> int | None:
    """Return how many seconds the reply asks to wait; None where it does not say, or names a date."""
    value = (reply.header("retry-after") or "").strip()
    return min(int(value[:9]), _WAIT_MAX_S) if value.isascii() and value.isdigit() else None


# --- what a reply must not disclose -------------------------------------------------------------------

_MAX_DEPTH = 5

# Compiled on first use and cached by `re`: most runs never need it.
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
    """Note secrets in `account_details`, which asks for an id, a name and an e-mail address (SEC-09)."""
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
    """Note code and queries in an error answer (SEC-10)."""
    found = re.search(_INSIDE, body[:SCANNED_BYTES])
    if found is not None:
        text = found[0].decode("utf-8", "replace")
        deviations.warning(
            "SEC-10", "inside", f'the error answer shows the inside of your wallet: "{shown(text)}"'
        )
