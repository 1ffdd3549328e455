"""The ledger: tables, migrations, and the only functions that touch them."""
