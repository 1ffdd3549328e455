"""Image files: their paths, their bytes and metadata, storing them safely, and contact sheets."""
