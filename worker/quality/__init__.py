"""What is measured of finished pictures, and which of them look alike."""
