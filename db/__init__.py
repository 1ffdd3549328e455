"""The ledger: tables, migrations, and the only functions that use them."""
