"""Keeping a data folder in order: compare it with the ledger, and free its disk space."""
