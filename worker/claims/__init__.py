"""Taking slices from the queues: what arrives, what is claimed, and the loop that goes on."""
