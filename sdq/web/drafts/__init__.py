"""Submissions that are being written in a browser: what was uploaded, its plan, and its way into the ledger."""
