"""Uploaded files, in `web/files` of the data folder: each with a small file beside it that says what it is.

    file-0f3a...jsonl     as it was uploaded, pictures too
    file-0f3a...json      {"filename": "prompts.jsonl", "created_at": 1764158400, "bytes": 1234, "purpose": "batch"}

The second is written last, so an upload that was interrupted is none. A batch needs its file only while it is created.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from db.values import JSON
from sdq.web.api.errors import ApiError, missing
from sdq_core.errors import StorageError
from sdq_core.images.store import growing_file, store_file

#: OpenAI's own limit for the file of a batch.
MOST_BYTES = 200_000_000
#: All of them together.
MOST_BYTES_IN_ALL = 2_000_000_000

FILE_ID = re.compile(r"file-[0-9a-f]{24}")
_MOST_NAME_CHARS = 200
#: Lines of a batch, and pictures that these name.
PURPOSES = ("batch", "vision")
_LEFT_S = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An uploaded file. id: what clients name it by. created_at: Unix time, s. path: its content.

    purpose: one of `PURPOSES`.
    """

    id: str
    filename: str
    created_at: int
    size_bytes: int
    path: Path
    purpose: str = "batch"

    def to_dict(self) -> dict[str, JSON]:
        """Return it as OpenAI's file object."""
        return file_object(
            self.id,
            filename=self.filename,
            created_at=self.created_at,
            size_bytes=self.size_bytes,
            purpose=self.purpose,
        )


def file_object(
    file_id: str, *, filename: str, created_at: int, size_bytes: int, purpose: str
) -> dict[str, JSON]:
    """Return OpenAI's file object."""
    return {
        "id": file_id,
        "object": "file",
        "bytes": size_bytes,
        "created_at": created_at,
        "expires_at": None,
        "filename": filename,
        "purpose": purpose,
        "status": "processed",
        "status_details": None,
    }


class Uploads:
    """The uploaded files of a data folder."""

    def __init__(self, home: Path) -> None:
        """Touch nothing yet."""
        self._folder = home / "web" / "files"

    def add(self, content: BinaryIO, filename: str, purpose: str = "batch") -> Upload:
        """Keep a file; raise ApiError if it is too large, or all would be."""
        self._sweep()
        size = content.seek(0, os.SEEK_END)
        content.seek(0)
        if size > MOST_BYTES:
            raise ApiError(
                413, f"A file may have {MOST_BYTES:,} bytes. Upload it in parts.", param="file"
            )
        if size + sum(upload.size_bytes for upload in self.all()) > MOST_BYTES_IN_ALL:
            raise ApiError(
                413,
                f"All uploaded files may have {MOST_BYTES_IN_ALL:,} bytes together. Delete those of batches that are "
                "created.",
                param="file",
            )
        upload = Upload(
            id=f"file-{secrets.token_hex(12)}",
            filename=filename.replace("\\", "/").rpartition("/")[2][:_MOST_NAME_CHARS] or "file",
            created_at=int(time.time()),
            size_bytes=size,
            path=Path(),
        )
        with growing_file(self._content(upload.id)) as kept:
            shutil.copyfileobj(content, kept)
        about = {
            "filename": upload.filename,
            "created_at": upload.created_at,
            "bytes": upload.size_bytes,
            "purpose": purpose,
        }
        store_file(json.dumps(about).encode(), self._about(upload.id))
        return self.find(upload.id)

    def find(self, file_id: str) -> Upload:
        """Return a file; raise ApiError if there is none of that id."""
        upload = self._read(file_id) if FILE_ID.fullmatch(file_id) else None
        if upload is None:
            raise missing(f"There is no file {file_id[:100]!r}.", "id")
        return upload

    def all(self) -> list[Upload]:
        """Return all files, the newest first."""
        found = [upload for name in self._names() if (upload := self._read(name))]
        return sorted(found, key=lambda upload: (upload.created_at, upload.id), reverse=True)

    def remove(self, file_id: str) -> None:
        """Delete a file; raise ApiError if there is none of that id."""
        upload = self.find(file_id)
        try:
            self._about(upload.id).unlink(missing_ok=True)
            upload.path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"{upload.path} cannot be deleted ({error.strerror}). Check the disk."
            ) from error

    def _sweep(self) -> None:
        """Remove what interrupted uploads left, a day later: none takes so long."""
        whole = {file for upload in self.all() for file in (upload.path, self._about(upload.id))}
        with contextlib.suppress(OSError):
            for file in self._folder.iterdir():
                if file not in whole and file.stat().st_mtime < time.time() - _LEFT_S:
                    file.unlink()

    def _names(self) -> Iterator[str]:
        with contextlib.suppress(OSError):  # none was uploaded yet
            for file in self._folder.iterdir():
                if file.suffix == ".json" and FILE_ID.fullmatch(file.stem):
                    yield file.stem

    def _read(self, file_id: str) -> Upload | None:
        try:
            about = json.loads(self._about(file_id).read_bytes())
            return Upload(
                id=file_id,
                filename=str(about["filename"]),
                created_at=int(about["created_at"]),
                size_bytes=int(about["bytes"]),
                path=self._content(file_id),
                purpose=str(about.get("purpose", "batch")),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _content(self, file_id: str) -> Path:
        return self._folder / f"{file_id}.jsonl"

    def _about(self, file_id: str) -> Path:
        return self._folder / f"{file_id}.json"
