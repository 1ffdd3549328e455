"""What a model's revision is made of: what its packages' manifests name, and the settings that drawing reads.

A `.DS_Store` or a README beside them changes no pixel, and so no revision. Up to 0.1 every file counted; for a model
without such files the revision is the same, so its recipes are, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path, PurePosixPath

from sdq_core.errors import PackageError
from sdq_core.models.litter import is_litter

#: A package has three files, a compiled model about ten; far more means a link to somewhere else.
_MAX_FILES = 1000
_MAX_MANIFEST_BYTES = 1 << 20
_MANIFEST = "Manifest.json"

_SAMPLE_BYTES = 1 << 16
_SAMPLES = 16


def fingerprint(files: Iterable[Path]) -> str:
    """Hash names, sizes and sampled contents to 16 hexadecimal digits.

    Weights of gigabytes are sampled at 16 places: training or compressing a model changes them everywhere, and
    submitting must not take as long as reading the model.
    """
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        name = f"{file.parent.name}/{file.name}\0{size}\0"
        digest.update(name.encode("utf-8", "surrogateescape"))  # names are any bytes
        with file.open("rb") as stream:
            if size <= _SAMPLE_BYTES * _SAMPLES:
                digest.update(stream.read(size))
                continue
            for sample in range(_SAMPLES):
                stream.seek((size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
                digest.update(stream.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]


def files_in(model: Path) -> list[Path]:
    """Return all files of a package or compiled model; its folder may be a link to anywhere, even to a whole disk."""
    found = list(islice(model.rglob("*"), _MAX_FILES + 1))
    if len(found) > _MAX_FILES:
        raise PackageError(
            f"{model} has more than {_MAX_FILES:,} files, so it is not a package. Download or convert it again."
        )
    return [file for file in found if file.is_file()]


def without_litter(model: Path, files: Iterable[Path]) -> list[Path]:
    """Return a model's files that no system left there."""
    return [file for file in files if not any(map(is_litter, file.relative_to(model).parts))]


def computing_files(model: Path) -> list[Path]:
    """Return the files that determine what a package or compiled model computes.

    Of a package, these are its manifest, what that names, and the weights beside the network; if the manifest cannot be
    read, and of a compiled model, all but litter and texts for people.
    """
    files = without_litter(model, files_in(model))
    named = _named(model / _MANIFEST)
    if named is None:
        return [file for file in files if not file.name.lower().startswith(("readme", "license"))]
    return [
        file
        for file in files
        if (inside := PurePosixPath(*file.relative_to(model).parts)) == PurePosixPath(_MANIFEST)
        or any(inside.is_relative_to(path) for path in named)
    ]


def _named(manifest: Path) -> set[PurePosixPath] | None:
    """Return what a manifest names, files and folders, and the folder of weights; None if it cannot be read."""
    if not manifest.is_file():
        return None
    try:
        with manifest.open("rb") as stream:
            document = json.loads(stream.read(_MAX_MANIFEST_BYTES))
        entries = document["itemInfoEntries"]
        root = PurePosixPath("Data", entries[document["rootModelIdentifier"]]["path"])
        named = {PurePosixPath("Data", entry["path"]) for entry in entries.values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return named | {root.parent / "weights"}
