"""Telling of batches: in a process of its own that a worker starts for each notice (`python -m sdq.notices ID WORKER`).

`docs/decisions/0062-notices.md` says who may have what told to whom.
"""
