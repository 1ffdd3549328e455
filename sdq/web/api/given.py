"""Pictures that a request brings, kept in a folder of their own until its images are queued.

What is queued is kept as the pictures of any other submission (`sdq_core.inputs`); the folder then goes. A request
names no file of this machine: a picture is in it, was uploaded before, or is among the inputs already.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import tempfile
import threading
from pathlib import Path
from types import TracebackType

from db.values import JSON
from producer.planning.pictures import KEPT_PICTURE
from sdq.web.api.errors import wrong
from sdq.web.api.uploads import FILE_ID, Uploads
from sdq_core.errors import InputError, StorageError
from sdq_core.inputs.formats import MAX_FILE_BYTES

#: What a body with pictures in base64 may have.
MOST_BYTES = 50_000_000
#: Held while a picture is decoded: one of 100 megapixels takes 400 MB, and as many clients may send some as like.
DECODING = threading.Lock()
_DATA = re.compile(r"data:[\w.+/-]{1,100};base64,", re.ASCII)


class Given:
    """The pictures of one request; its folder is there from the first of them to the end of the block."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._uploaded: dict[str, str] = {}

    def __enter__(self) -> Given:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.forget()

    def forget(self) -> None:
        """Remove the folder: its pictures are queued."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def picture(self, param: str, given: JSON) -> str:
        """Return how a prompt line names a picture; raise ApiError, which names the field, for what is none.

        given: base64, a data URL, the id of an uploaded file, `sha256:` and the digest of one that is kept, or a path
            that `put` returned.
        """
        if isinstance(given, Path):
            return str(given)
        if not isinstance(given, str) or not given.strip():
            raise wrong(f"{param} has to be a picture in base64.", param)
        if KEPT_PICTURE.fullmatch(given):
            return given
        if FILE_ID.fullmatch(given):
            if given not in self._uploaded:
                upload = self._uploads.find(given)
                with upload.path.open("rb") as file:
                    data = file.read(MAX_FILE_BYTES + 1)
                self._uploaded[given] = str(self.put(param, data, upload.filename))
            return self._uploaded[given]
        return str(self.put(param, decoded(param, given)))

    def put(self, param: str, data: bytes, name: str | None = None) -> Path:
        """Keep a picture's file for the block and return its path; raise ApiError for one that cannot be used.

        name: of its file, for users.
        """
        from sdq_core.inputs.picture import check_picture  # Pillow takes its time

        if len(data) > MAX_FILE_BYTES:
            raise wrong(f"{param} has more than {MAX_FILE_BYTES:,} bytes.", param)
        try:
            with DECODING:
                suffix = check_picture(data)
        except InputError as error:
            raise wrong(f"{param} {error}.", param) from None
        plain = re.sub(r"[^\w.-]", "_", name or "")[-60:].lstrip(".")
        try:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="sdq-pictures-")
            folder = Path(self._folder.name, hashlib.sha256(data).hexdigest()[:32])
            folder.mkdir(exist_ok=True)
            path = folder / (plain or f"{param}{suffix}")
            path.write_bytes(data)
        except OSError as error:
            raise StorageError(
                f"Cannot keep a picture in {tempfile.gettempdir()} ({error.strerror}). Check the disk."
            ) from error
        return path


def decoded(param: str, given: str) -> bytes:
    """Return what is written in base64, as a data URL or not; raise ApiError for anything else."""
    if given.startswith(("http://", "https://", "file:")):
        raise wrong(f"{param} is an address, which is not fetched. Send the picture itself.", param)
    if found := _DATA.match(given):
        given = given[found.end() :]
    try:
        return base64.b64decode("".join(given.split()), validate=True)
    except (binascii.Error, ValueError):
        raise wrong(f"{param} has to be a picture in base64.", param) from None
