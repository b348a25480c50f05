"""What a reply means: accepted, refused or unknown, the balance it shows, and every deviation in its form.

Whether the balance is *right* is the ledger's question. The one table of how a reply is read stands in
`reading.table`.
"""

from simulator.core.reading.deviation import Deviation
from simulator.core.reading.meaning import Reading
from simulator.core.reading.table import read_reply

__all__ = ["Deviation", "Reading", "read_reply"]
