"""How an image's file gets into a data set: as a copy, or as a link that takes no room."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import sys
from enum import StrEnum
from pathlib import Path

from sdq_core.errors import OutputError

#: Linux's request to share the blocks of another file (ioctl_ficlone(2)).
_FICLONE = 0x40049409
#: What says that a file system cannot do it, rather than that something is wrong.
_CANNOT = frozenset(
    {
        errno.EXDEV,
        errno.EPERM,
        errno.EMLINK,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.ENOSYS,
        errno.ENOTTY,
        errno.EINVAL,
    }
)


class Link(StrEnum):
    """How a file gets to its place."""

    COPY = "copy"
    HARD = "hard"
    SYM = "sym"
    REFLINK = "reflink"

    @property
    def is_same_file(self) -> bool:
        """Whether what is there afterwards is the source itself."""
        return self in {Link.HARD, Link.SYM}


_WHY = {
    Link.HARD: "the folder is on another file system than the images, or on one without hard links",
    Link.SYM: "the folder's file system has no symbolic links",
    Link.REFLINK: "the folder's file system cannot share the blocks of the images' files",
}


def place(source: Path, target: Path, link: Link, *, movable: bool = False) -> None:
    """Put a file at a new path; not durable yet.

    movable: the source is needed nowhere else.

    Raise OutputError if the file system cannot make such a link, OSError if the file cannot be written.
    """
    if movable:
        source.replace(target)
        return
    try:
        match link:
            case Link.HARD:
                os.link(source, target)
            case Link.SYM:
                target.symlink_to(source.absolute())
            case Link.REFLINK:
                _reflink(source, target)
            case Link.COPY:
                shutil.copyfile(source, target)
    except OSError as error:
        if link is Link.COPY or error.errno not in _CANNOT or isinstance(error, FileExistsError):
            raise
        with contextlib.suppress(OSError):
            target.unlink(missing_ok=True)
        raise OutputError(
            f"--link {link} is not possible: {_WHY[link]} ({os.strerror(error.errno)}). Use --link copy."
        ) from error


def _reflink(source: Path, target: Path) -> None:
    if sys.platform == "darwin":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.clonefile(os.fsencode(source), os.fsencode(target), 0):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(target))
        return
    with source.open("rb") as original, target.open("xb") as clone:
        fcntl.ioctl(clone.fileno(), _FICLONE, original.fileno())
