"""Draws: Redis -> pinned pipelines -> image files -> ledger rows, on Core ML or any machine."""
