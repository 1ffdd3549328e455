"""RQ and Redis: what arrives, what this worker has claimed, how long it stays, and which slice it takes next."""
