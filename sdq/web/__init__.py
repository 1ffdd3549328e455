"""`sdq web`: pages and an HTTP interface over the ledger, for whoever has the token.

The server is a reader and a producer like any other command: it holds nothing that is not in the ledger, Redis or the
output folder, and may be killed at any time. Pages are drawn here and work without a script, except for what changes by
itself.
"""
