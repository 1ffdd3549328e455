"""A comparison as text, as JSON, and as a page that changes between two images in place."""
