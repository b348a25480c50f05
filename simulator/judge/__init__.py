"""What a reply means: accepted, refused or unknown, the balance it shows, and every deviation in its form.

Whether the balance is *right* is the ledger's question. The one table of how a reply is read stands in
`reading.table`.
"""
