"""Read amounts off the wire as whole cents, and write balances.

The simulator, which judges this wallet, has arithmetic of its own: with shared code it would repeat the
wallet's mistakes.
"""

import re

CANONICAL_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,12})\.([0-9]{2})")


def read_cents(amount: object) -> int | None:
    """Return the cents of a canonical amount such as "10.50", or None for everything else.

    Numbers, signs, spaces, exponents, commas and missing decimals are refused rather than interpreted:
    a wallet that guesses what an amount means will one day guess wrong. With at most thirteen digits before
    the point every sum fits a 64-bit column.
    """
    match = CANONICAL_AMOUNT.fullmatch(amount) if isinstance(amount, str) else None
    return int(match[1]) * 100 + int(match[2]) if match else None


def write_cents(cents: int) -> str:
    """Return cents as text for the wire: 9050 is "90.50"."""
    sign = "-" if cents < 0 else ""
    units, rest = divmod(abs(cents), 100)
    return f"{sign}{units}.{rest:02d}"
