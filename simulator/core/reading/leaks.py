"""What a reply must not tell: secrets of the player (SEC-09), the inside of the operator (SEC-10)."""

from __future__ import annotations

import re

from simulator.core.reading.deviation import Deviations, shown
from simulator.core.scenario import JsonValue

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
