"""RQ and Redis: the jobs that arrive, the slices that this worker has claimed, and which one it takes next."""
