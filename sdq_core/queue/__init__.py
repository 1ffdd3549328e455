"""The queues in Redis, and the Redis of a data folder."""
