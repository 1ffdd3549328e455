"""A storm over real workers: everything is killed at random, and afterwards every image must be there exactly once."""
