"""From what is asked for to a plan, and from the plan to ledger and queues: for the command line and for Python."""
