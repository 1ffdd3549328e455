"""Which variant to draw next, and which cannot be drawn here."""
