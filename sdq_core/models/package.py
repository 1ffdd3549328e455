"""An `.mlpackage` folder: finds its model and weights by its `Manifest.json`.

Layout: https://apple.github.io/coremltools/docs-guides/source/convert-to-ml-program.html

    X.mlpackage/Manifest.json
    X.mlpackage/Data/com.apple.CoreML/model.mlmodel
    X.mlpackage/Data/com.apple.CoreML/weights/weight.bin

Paths in the manifest and in the model must not lead outside the package. Links may: download caches keep the large
files elsewhere and link to them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sdq_core.errors import InputMissingError, PackageError

_MODEL_PATH_PREFIX = "@model_path/"
_SAMPLES = 64
_SAMPLE_BYTES = 1 << 16
_AGAIN = "Copy or download the package again."
#: A manifest has about a kilobyte, Stable Diffusion's largest description about ten megabytes. Reading one takes memory
#: of several times its size.
_MAX_MANIFEST_BYTES = 2**20
_MAX_MODEL_BYTES = 2**28


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package whose manifest names an existing model; its contents are not read yet."""

    path: Path
    model: Path

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def open(cls, path: Path) -> Package:
        """Find the model of the package at `path`.

        Raises InputMissingError if there is no such folder, PackageError if it is not a complete package.
        """
        if not path.exists():
            raise InputMissingError(f"{path} does not exist. Check the model's folder.")
        if path.suffix.lower() == ".mlmodelc":
            raise PackageError(
                f"{path} is a compiled model, which only Core ML reads. Use the .mlpackage instead "
                f"(in Apple's repositories on the Hub, under packages/ rather than compiled/)."
            )
        manifest = path / "Manifest.json"
        if not _is_file(manifest):
            raise PackageError(f"{path} is not a complete .mlpackage (no Manifest.json). {_AGAIN}")
        model = path / "Data" / _inside(_model_path(manifest), manifest)
        _must_be_whole(model, manifest)
        if (size := model.stat().st_size) > _MAX_MODEL_BYTES:
            raise PackageError(
                f"{model} has {size:,} bytes, more than the description of a network can have "
                f"({_MAX_MODEL_BYTES:,}). {_AGAIN}"
            )
        return cls(path=path, model=model)

    def blob_file(self, name: str) -> Path:
        """Return the file that a network calls `name`, such as ``@model_path/weights/weight.bin``.

        Raises PackageError if the name leads outside the package or the file is missing.
        """
        file = self.model.parent / _inside(name.removeprefix(_MODEL_PATH_PREFIX), self.model)
        _must_be_whole(file, self.model)
        return file

    def content_files(self) -> list[Path]:
        """Return every file that determines what the network computes, the model first, in a fixed order."""
        folder = self.model.parent / "weights"
        weights = sorted(file for file in folder.glob("**/*") if file.is_file())
        return [self.model, *weights]

    def content_key(self, version: str) -> str:
        """Return a key for the contents, 20 hexadecimal digits, from the whole description and samples of the weights.

        Reading gigabytes of weights at every start would take longer than loading them. Weights replaced in place
        change their modification time, and those of another network differ in every sample.

        version: of what is made from the package and stored under this key.
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


def _model_path(manifest: Path) -> str:
    try:
        with manifest.open("rb") as stream:
            document = json.loads(stream.read(_MAX_MANIFEST_BYTES))
        entry = document["itemInfoEntries"][document["rootModelIdentifier"]]
        path = entry["path"]
    except OSError as error:
        raise PackageError(f"{manifest} cannot be read ({error.strerror}). {_AGAIN}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PackageError(f"{manifest} does not name the model. {_AGAIN}") from error
    if not isinstance(path, str):
        raise PackageError(f"{manifest} does not name the model. {_AGAIN}")
    return path


def _inside(path: str, named_in: Path) -> PurePosixPath:
    """Return `path` if it stays inside the folder that it is relative to."""
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts or "\0" in path or not relative.parts:
        raise PackageError(
            f"{named_in} names {path[:200]!r}, which is outside its package. Do not use this package."
        )
    return relative


def _must_be_whole(file: Path, named_by: Path) -> None:
    if not _is_file(file):
        shown = file if len(file.name) <= 255 else f"{file.parent}/{file.name[:20]}..."
        raise PackageError(f"{shown}, named by {named_by.name}, is missing. {_AGAIN}")
    try:
        with file.open("rb") as stream:
            start = stream.read(64)
    except OSError as error:
        raise PackageError(f"{file} cannot be read ({error.strerror}). {_AGAIN}") from error
    if not start:
        raise PackageError(f"{file} is empty. {_AGAIN}")
    if start.startswith(b"version https://git-lfs"):
        raise PackageError(f"{file} is only a Git LFS pointer. Run `git lfs pull` in its folder.")


def _is_file(path: Path) -> bool:
    """Whether it is a regular file or a link to one: opening a FIFO would block for ever."""
    try:
        return path.is_file()
    except OSError:  # the name is too long, or its folder may not be entered
        return False
