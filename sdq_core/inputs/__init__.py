"""Pictures that images are drawn from: read safely, and kept by their content."""
