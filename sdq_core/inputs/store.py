"""The pictures that recipes name by their sha256: `inputs/ab/<sha256>.png` in the data folder, byte by byte as given.

A file is complete and on disk before a recipe that needs it is stored, and is never changed. It is a copy and no link:
an editor that saves into the original would change both.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import InputError, InputMissingError, StorageError
from sdq_core.images.read import open_at_once
from sdq_core.images.store import store_file
from sdq_core.inputs.formats import MAX_FILE_BYTES, SUFFIXES

DIGEST = re.compile(r"[0-9a-f]{64}")
#: Before a ledger's id, the name of an empty file: other ledgers do not know what that one needs.
_MARK = ".ledger-"
#: A younger file may be that of a submission that is not stored yet.
BEING_SUBMITTED_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as it was given.

    sha256: of its file.
    suffix: the ending that its format has.
    name: of its file, for users.
    path: where it is read from; None if it is kept already.
    data: its bytes, if it was made and is not a file.
    """

    sha256: str
    suffix: str
    name: str
    path: Path | None = None
    data: bytes | None = None


class InputStore:
    """The folder of inputs. It is made when the first is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, sha256: str) -> Path | None:
        """Return where an input is, None if it is not here."""
        beginning = self.folder / sha256[:2] / sha256
        paths = (beginning.with_suffix(suffix) for suffix in dict.fromkeys(SUFFIXES.values()))
        return next((path for path in paths if path.is_file()), None)

    def read(self, sha256: str) -> bytes:
        """Return an input's bytes; raise InputMissingError if it is not here, InputError if it was changed."""
        path = self.find(sha256)
        if path is None:
            raise InputMissingError(
                f"The picture with sha256 {sha256[:12]} is not in {self.folder}. Submit it again, or copy that folder "
                "from the machine that did."
            )
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputMissingError(
                f"Cannot read {path} ({error.strerror}). Check its disk and permissions."
            ) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError(
                f"{path} was changed since it was submitted. Submit the picture again."
            )
        return data

    def keep(self, picture: Picture) -> None:
        """Keep a picture, unless it is here; raise InputError if its file was changed since it was looked at.

        Raise OutputError or StorageError if it cannot be written.
        """
        is_kept = picture.path is None and picture.data is None
        if is_kept:
            self.read(picture.sha256)  # says so if it is missing by now
        there = self.find(picture.sha256)
        if there is not None and (is_kept or _is_whole(there, picture.sha256)):
            _touch(there)
            return
        if picture.data is None:
            assert picture.path is not None  # or it would be here
            try:
                data = read_file(picture.path)
            except InputError as error:
                raise InputError(
                    f"{picture.path} changed while it was submitted: it {error}. Submit it again."
                ) from error
        else:
            data = picture.data
        if hashlib.sha256(data).hexdigest() != picture.sha256:
            raise InputError(f"{picture.path} changed while it was submitted. Submit it again.")
        target = self.folder / picture.sha256[:2] / f"{picture.sha256}{picture.suffix}"
        store_file(data, target)

    def note(self, ledger_id: str) -> None:
        """Note durably that a ledger's recipes need pictures here; raise OutputError or StorageError if that fails."""
        mark = self._mark(ledger_id)
        if not mark.exists():
            store_file(b"", mark)

    def others(self, ledger_id: str) -> list[Path]:
        """Return what other ledgers noted, such as that of another database: nobody here knows what they need."""
        own = self._mark(ledger_id)
        return [mark for mark in sorted(self.folder.glob(f"{_MARK}*")) if mark != own]

    def _mark(self, ledger_id: str) -> Path:
        return self.folder / f"{_MARK}{ledger_id}"

    def kept(self) -> Iterator[tuple[str, Path]]:
        """Yield the sha256 and the path of every input, by their names."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")):
            if DIGEST.fullmatch(path.stem) and path.suffix in SUFFIXES.values():
                yield path.stem, path


def read_file(path: Path) -> bytes:
    """Return a picture's bytes; raise InputError for what is none, as a clause that follows its name."""
    try:
        with open(path, "rb", opener=open_at_once) as file:
            if not path.is_file():
                raise InputError("is a folder, a pipe or a device, not a picture")
            data = file.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError("does not exist") from None
    except IsADirectoryError:
        raise InputError("is a folder; name the pictures in it") from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})") from None
    except ValueError:  # a zero byte
        raise InputError("is not a name that a file can have") from None
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"has more than {MAX_FILE_BYTES:,} bytes; make it smaller")
    if not data:
        raise InputError("is empty")
    return data


def remove_unneeded(
    store: InputStore, needed: frozenset[str], *, older_than_s: float = BEING_SUBMITTED_S
) -> Iterator[tuple[Path, int]]:
    """Remove the inputs that no recipe needs; yield each with its size in bytes.

    older_than_s: younger ones stay, as a submission may be about to need them.
    """
    for sha256, path in store.kept():
        if sha256 in needed:
            continue
        with contextlib.suppress(OSError):
            found = path.stat()
            if time.time() - found.st_mtime >= older_than_s:
                path.unlink()
                yield path, found.st_size


def _is_whole(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _touch(path: Path) -> None:
    """Note that somebody needs an input again, before `remove_unneeded` looks."""
    try:
        os.utime(path)
    except OSError as error:
        raise StorageError(f"Cannot use {path} ({error.strerror}). Check the disk.") from error
