"""Exports into one list, a line for each image: JSON Lines and CSV, which `sdq submit` reads again."""
