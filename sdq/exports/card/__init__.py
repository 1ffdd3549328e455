"""The card of a data set: its `README.md`, as the Hub shows it."""
