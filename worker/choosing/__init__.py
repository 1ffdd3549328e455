"""Which variant comes next, and which cannot be drawn here."""
