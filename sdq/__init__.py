"""The shared ground (values, errors, settings, queues, images) and the shell."""
