"""The append-only file that a server left in its folder: who wrote it, and who can read it.

A server reads files of older servers, not of newer ones. Since Redis 7 the file is a folder, `appendonlydir`; an older
server does not look there and starts empty. It begins with a snapshot of the memory in a numbered format: Redis 7.2
writes 11, later ones 12 and more; Valkey up to 8 writes 11 as well, and from 9 on 80 under a signature of its own. So
Valkey 9 and Redis 7.4, and everything after them, cannot read each other's files.
"""

from __future__ import annotations

import re
from pathlib import Path

from sdq_core.queue.program import ServerProgram

_FOLDER = "appendonlydir"
_FOLDER_SINCE = (7, 0)
_VALKEY_SIGNATURE = b"VALKEY"
_VALKEY_SIGNATURE_SINCE = (9, 0)
_WRITER = re.compile(rb"(redis|valkey)-ver.(\d[\d.]*)", re.DOTALL)

#: What every server from 6.2 on logs about a format that it does not know.
_REFUSAL = "Can't handle RDB format version"


def overlooked(folder: Path, program: ServerProgram) -> str | None:
    """Return why a program would overlook the file or call it damaged; None if it may be started on it.

    Whether it then refuses the format's number, only its log tells.
    """
    if not (folder / _FOLDER).is_dir():
        return None
    signed = any(head.startswith(_VALKEY_SIGNATURE) for head in _heads(folder))
    knows_signature = program.kind == "Valkey" and program.release >= _VALKEY_SIGNATURE_SINCE
    if program.release >= _FOLDER_SINCE and (knows_signature or not signed):
        return None
    return f"{program.kind} {program.version} cannot read {folder / _FOLDER}, which {_writer(folder)} wrote"


def is_refusal(said: str) -> bool:
    """Say whether a server's log reports a file format that the server does not know."""
    return _REFUSAL in said


def refused(folder: Path, program: ServerProgram) -> str:
    """Return the message about a server that refused the file."""
    place = folder / _FOLDER if (folder / _FOLDER).is_dir() else folder / "appendonly.aof"
    return (
        f"{program} cannot read {place}, which {_writer(folder)} wrote. Put that server on the PATH, or delete "
        f"{place}: the next `sdq worker` queues everything that is unfinished again, from the ledger."
    )


def _writer(folder: Path) -> str:
    found = {match for head in _heads(folder) for match in _WRITER.findall(head)}
    named = (f"{kind.decode().title()} {version.decode()}" for kind, version in sorted(found))
    return " and ".join(named) or "another server"


def _heads(folder: Path) -> list[bytes]:
    """Return the beginnings of the files that start with a snapshot of the memory."""
    heads = []
    for path in sorted(
        [*folder.glob("appendonly.aof"), *folder.glob(f"{_FOLDER}/appendonly.aof*")]
    ):
        try:
            with path.open("rb") as file:
                head = file.read(256)
        except OSError:  # the server itself reports it
            continue
        if re.match(rb"REDIS\d{4}|VALKEY\d{3}", head):
            heads.append(head)
    return heads
