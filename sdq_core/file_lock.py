"""Locks on files and folders, which the kernel frees when their process ends, however it ends."""

from __future__ import annotations

import fcntl


def locked(descriptor: int) -> bool:
    """Lock an opened file or folder until it is closed; return False if another process has it.

    Where the file system has no locks, as on some network volumes, everybody gets it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
