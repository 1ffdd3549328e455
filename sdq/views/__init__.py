"""Read-side views: what users see of the ledger."""
