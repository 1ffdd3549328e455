"""The live view of what is being drawn, for `sdq run`, `sdq worker` and `sdq status --watch` in a terminal."""
