"""The files of one network: what describes it, and the weights beside that. Packages and compiled models share this.

Names in a description must not lead outside its folder. Links may: download caches keep the large files elsewhere and
link to them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

from sdq_core.errors import PackageError

_MODEL_PATH_PREFIX = "@model_path/"
_SAMPLES = 64
_SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class NetworkFiles:
    """A folder in which the description of a network was found; its contents are not read yet.

    path: the folder.
    model: the file that describes the network.
    """

    path: Path
    model: Path

    #: What messages call it.
    word: ClassVar[str] = "model"

    def __str__(self) -> str:
        return str(self.path)

    @property
    def again(self) -> str:
        """The next step after damage."""
        return f"Copy or download the {self.word} again."

    def blob_file(self, name: str) -> Path:
        """Return the file that the description calls `name`, such as ``@model_path/weights/weight.bin``.

        Raises PackageError if the name leads outside the folder or the file is missing.
        """
        inside = inside_folder(name.removeprefix(_MODEL_PATH_PREFIX), self.model, self.word)
        file = self.model.parent / inside
        must_be_whole(file, self.model, self.again)
        return file

    def content_files(self) -> list[Path]:
        """Return every file that determines what the network computes, the description first, in a fixed order."""
        folder = self.model.parent / "weights"
        weights = sorted(file for file in folder.glob("**/*") if file.is_file())
        return [self.model, *weights]

    def content_key(self, version: str) -> str:
        """Return a key for the contents, 20 hexadecimal digits, from the whole description and samples of the weights.

        Reading gigabytes of weights at every start would take longer than loading them. Weights replaced in place
        change their modification time, and those of another network differ in every sample.

        version: of what is made from the network and stored under this key.
        """
        digest = hashlib.sha256(version.encode())
        for file in self.content_files():
            stat = file.stat()
            digest.update(f"\0{file.relative_to(self.path)}\0{stat.st_size}\0".encode())
            with file.open("rb") as stream:
                if file == self.model:
                    digest.update(stream.read())
                    continue
                digest.update(str(stat.st_mtime_ns).encode())
                for sample in range(_SAMPLES):
                    stream.seek(stat.st_size * sample // _SAMPLES)
                    digest.update(stream.read(_SAMPLE_BYTES))
        return digest.hexdigest()[:20]


def inside_folder(path: str, named_in: Path, word: str) -> PurePosixPath:
    """Return `path` if it stays inside the folder that it is relative to; raise PackageError otherwise."""
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts or "\0" in path or not relative.parts:
        raise PackageError(
            f"{named_in} names {path[:200]!r}, which is outside its {word}. Do not use this {word}."
        )
    return relative


def must_be_whole(file: Path, named_by: Path, again: str) -> None:
    """Raise PackageError for a file that is missing, empty, unreadable or only a Git LFS pointer. again: the remedy."""
    if not is_file(file):
        shown = file if len(file.name) <= 255 else f"{file.parent}/{file.name[:20]}..."
        raise PackageError(f"{shown}, named by {named_by.name}, is missing. {again}")
    try:
        with file.open("rb") as stream:
            start = stream.read(64)
    except OSError as error:
        raise PackageError(f"{file} cannot be read ({error.strerror}). {again}") from error
    if not start:
        raise PackageError(f"{file} is empty. {again}")
    if start.startswith(b"version https://git-lfs"):
        raise PackageError(f"{file} is only a Git LFS pointer. Run `git lfs pull` in its folder.")


def is_file(path: Path) -> bool:
    """Whether it is a regular file or a link to one: opening a FIFO would block for ever."""
    try:
        return path.is_file()
    except OSError:  # the name is too long, or its folder may not be entered
        return False
