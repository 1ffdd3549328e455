"""When a worker draws: its hours, its limits and what its machine allows."""
