"""Money as whole cents: how the wallet reads an amount off the wire and writes a balance on it.

Nothing else lives here. This arithmetic is shared with no other package of the project: the simulator judges
the wallet, and a judge that adds with the accused's own code repeats the accused's mistakes.
"""

import re

CANONICAL_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,12})\.([0-9]{2})")


def read_cents(amount: object) -> int | None:
    """Cents of a canonical amount such as "10.50"; None for everything else.

    Numbers, signs, spaces, exponents, commas and missing decimals are refused rather than interpreted:
    a wallet that guesses what an amount means will some day guess wrong. Thirteen digits before the point
    keep every sum far inside a 64-bit column.
    """
    match = CANONICAL_AMOUNT.fullmatch(amount) if isinstance(amount, str) else None
    return int(match[1]) * 100 + int(match[2]) if match else None


def write_cents(cents: int) -> str:
    """Cents as the text of the wire: 9050 is "90.50"."""
    sign = "-" if cents < 0 else ""
    units, rest = divmod(abs(cents), 100)
    return f"{sign}{units}.{rest:02d}"
