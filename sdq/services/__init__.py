"""What the system starts by itself: a worker at login, a command at a time of day."""
