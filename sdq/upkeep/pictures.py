"""Reading the pictures of finished images, several at once and in order, at a low priority.

Only files that are to the byte what the ledger says are read.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum
from typing import Protocol, TypeVar

from PIL import Image

from sdq_core.images.root import OutputRoot

#: A worker that draws on this machine gets nine tenths of a core that both want. At 19 an inspection came to a stand
#: on a busy machine, and a signal was not noticed for as long.
_NICENESS = 10

#: A batch by its id; None for all images.
Scope = int | None


class RecordedFile(Protocol):
    """A file as the ledger has it."""

    @property
    def path(self) -> str:
        """Relative to the output folder."""
        ...

    @property
    def size_bytes(self) -> int:
        """As recorded."""
        ...

    @property
    def sha256(self) -> str:
        """As recorded."""
        ...


File = TypeVar("File", bound=RecordedFile)
Seen = TypeVar("Seen")


class Unfit(StrEnum):
    """Why a file was not looked at: it is not there, is not the recorded one, or Pillow cannot or will not read it.

    The last are files of a format that this Pillow lacks, or that are larger than it takes for harmless.
    """

    MISSING = "missing"
    CHANGED = "changed"
    UNREADABLE = "unreadable"


def readers(threads: int) -> ThreadPoolExecutor:
    """Return threads that let others go first."""
    return ThreadPoolExecutor(threads, initializer=_let_others_go_first)


def look_at(
    files: Iterable[File],
    root: OutputRoot,
    look: Callable[[Image.Image], Seen],
    pool: ThreadPoolExecutor,
    most: int,
) -> Iterator[tuple[File, Seen | Unfit]]:
    """Yield what is seen in each file's RGB picture, in order, with the next few under way.

    most: how many are under way at once.

    Raise StorageError if the root is absent.
    """
    under_way: deque[tuple[File, Future[Seen | Unfit]]] = deque()
    for file in files:
        under_way.append((file, pool.submit(_look, root, file, look)))
        if len(under_way) > most:
            first, future = under_way.popleft()
            yield first, future.result()
    for first, future in under_way:
        yield first, future.result()


def _look(
    root: OutputRoot, file: RecordedFile, look: Callable[[Image.Image], Seen]
) -> Seen | Unfit:
    path = root.path / file.path
    try:
        if path.stat().st_size != file.size_bytes:
            return Unfit.CHANGED
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        root.require()
        return Unfit.MISSING
    except OSError:
        root.require()
        return Unfit.CHANGED
    if hashlib.sha256(data).hexdigest() != file.sha256:
        return Unfit.CHANGED
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return look(picture.convert("RGB"))
    except (OSError, Image.DecompressionBombError):
        return Unfit.UNREADABLE


def _let_others_go_first() -> None:
    # On Linux this is a thread's own; on a Mac it is the process's, which has nothing else to do.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
