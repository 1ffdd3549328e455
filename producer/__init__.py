"""Plans: prompt files -> recipes and slices -> ledger rows -> Redis."""
