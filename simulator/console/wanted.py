"""Which exchanges a query asks for: the journal's filter in the names of the control API."""

from __future__ import annotations

from simulator.console.fields import Fields
from simulator.core.findings import Outcome
from simulator.core.webhooks import Method
from simulator.delivery.journal_entry import Filter, Purpose, Verdict

FILTERS = (
    "agent",
    "session",
    "player",
    "method",
    "outcome",
    "verdict",
    "transaction_id",
    "purpose",
    "text",
)
WORDS = {"method": Method, "outcome": Outcome, "verdict": Verdict, "purpose": Purpose}


def filter_of(fields: Fields) -> Filter:
    """The filter; an empty field asks nothing. Raises Denied for a word that no exchange has."""
    found: dict[str, str] = {}
    for name in FILTERS:
        if name in WORDS:
            found[name] = fields.word(name, WORDS[name], "")
        else:
            found[name] = fields.text(name, "")
    return Filter(**found)
