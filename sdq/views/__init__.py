"""What users see of the ledger."""
