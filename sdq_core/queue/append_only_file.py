"""The append-only file that a server left in its folder: who wrote it, and who can read it.

A server reads what older ones wrote, and not what newer ones did. Since Redis 7 the file is a folder, `appendonlydir`;
an older server looks beside it and begins empty. It starts with a picture of the memory in a numbered format: Redis 7.2
writes 11, later ones 12 and more; Valkey up to 8 writes 11 as well, and from 9 on 80 under a signature of its own. So
Valkey 9 and Redis 7.4, and all after them, do not read each other's.
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

#: What every server from 6.2 on says of a format that it does not know.
_REFUSAL = "Can't handle RDB format version"


def overlooked(folder: Path, program: ServerProgram) -> str | None:
    """Say that a program would overlook the file, or call it damaged; None when it may be started over it.

    What it then refuses by the format's number, its log tells.
    """
    if not (folder / _FOLDER).is_dir():
        return None
    signed = any(head.startswith(_VALKEY_SIGNATURE) for head in _heads(folder))
    knows_signature = program.kind == "Valkey" and program.release >= _VALKEY_SIGNATURE_SINCE
    if program.release >= _FOLDER_SINCE and (knows_signature or not signed):
        return None
    return f"{program.kind} {program.version} cannot read {folder / _FOLDER}, which {_writer(folder)} wrote"


def is_refusal(said: str) -> bool:
    """Say whether a server's log tells that the file is of a format which that server does not know."""
    return _REFUSAL in said


def refused(folder: Path, program: ServerProgram) -> str:
    """Say that a server refused the file, and what to do."""
    place = folder / _FOLDER if (folder / _FOLDER).is_dir() else folder / "appendonly.aof"
    return (
        f"{program} cannot read {place}, which {_writer(folder)} wrote. Put that server on the PATH, or delete "
        f"{place}: the next `sdq worker` queues anew whatever the ledger holds to be unfinished."
    )


def _writer(folder: Path) -> str:
    found = {match for head in _heads(folder) for match in _WRITER.findall(head)}
    named = (f"{kind.decode().title()} {version.decode()}" for kind, version in sorted(found))
    return " and ".join(named) or "another server"


def _heads(folder: Path) -> list[bytes]:
    """Read the beginnings of the files that begin with a picture of the memory."""
    heads = []
    for path in sorted(
        [*folder.glob("appendonly.aof"), *folder.glob(f"{_FOLDER}/appendonly.aof*")]
    ):
        try:
            with path.open("rb") as file:
                head = file.read(256)
        except OSError:  # the server itself will say it
            continue
        if re.match(rb"REDIS\d{4}|VALKEY\d{3}", head):
            heads.append(head)
    return heads
