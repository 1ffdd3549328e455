"""When a worker draws: its hours and its limits."""
