"""Zips of models: what is in them, and taking out what drawing needs.

A zip comes from strangers, so it is judged by its directory before anything is written: no name may lead out of the
folder, stand for a link or clash with another, and what it unpacks to is bounded. Only stored and deflated entries are
read: of those, zlib's window is all the memory that unpacking takes.
"""

from __future__ import annotations

import io
import re
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import InputMissingError, PackageError, StorageError
from sdq_core.models.check import refuse_unsupported
from sdq_core.models.layout import (
    PartsFolder,
    choose_kind,
    one_model,
    parts_folders,
    settings_beside,
)
from sdq_core.models.litter import is_litter
from sdq_core.models.parts import kind_of, part_of
from sdq_core.models.unets import UNET_PARTS
from sdq_core.printable import quote

#: A model has about a hundred files; a directory of so many entries takes less than the bytes below.
_MOST_FILES = 10_000
#: Python reads a zip's directory in one piece, however long the zip says that it is.
_MOST_READ_BYTES = 4 << 20
#: Weights hardly shrink; a zip that grows twentyfold holds something else. Small ones may, texts do.
_MOST_GROWTH = 20
_ALWAYS_ALLOWED_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1
#: A weight file of a package with a zip's own folders around it is nine deep.
_MOST_DEPTH = 20
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, kw_only=True)
class Zip:
    """A zip whose directory is sound.

    path: on this disk.
    name: what messages call it.
    entries: path within the zip -> entry; files only, litter left out.
    """

    path: Path
    name: str
    entries: Mapping[str, zipfile.ZipInfo]

    @classmethod
    def read(cls, path: Path, name: str | None = None) -> Zip:
        """Read a zip's directory; raise PackageError if that is damaged or hostile."""
        name = name or str(path)
        with _open(path, name) as archive:
            infos = archive.infolist()
            if len(infos) > _MOST_FILES:
                raise _refused(name, f"it has {len(infos):,} files")
            _check(name, infos)
            # Python seeks there, which fails as a disk does.
            if any(info.header_offset < 0 for info in infos):
                raise zipfile.BadZipFile("its directory is not where it should be")
        size, packed = sum(info.file_size for info in infos), path.stat().st_size
        if size > max(_ALWAYS_ALLOWED_BYTES, _MOST_GROWTH * packed):
            raise _refused(name, f"its {packed / 1e6:,.1f} MB unpack to {size / 1e6:,.0f} MB")
        entries = {
            info.filename: info
            for info in infos
            if not info.is_dir() and not any(map(is_litter, info.filename.split("/")))
        }
        return cls(path=path, name=name, entries=entries)

    def networks(self) -> list[str]:
        """Return the paths of the packages and compiled models in it."""
        steps = (path.split("/") for path in _places([self]))
        return sorted(
            {
                "/".join(path[: depth + 1])
                for path in steps
                for depth in [next((n for n, step in enumerate(path[:-1]) if kind_of(step)), None)]
                if depth is not None
            }
        )


def unpack(
    zips: Sequence[Zip], into: Path, *, kind: str | None = None, all_parts: bool = False
) -> list[str]:
    """Unpack a model of one zip, or of one zip a part, into an empty folder: its parts, and the settings beside them.

    kind: of `KINDS`, None for packages if there are any. all_parts: also those that drawing does not need.

    Return sentences about what was left out. Raise PackageError if there is no complete model, if it is of a kind that
    is not supported, or if the content is damaged; StorageError for a disk that is full or fails.
    """
    where = _places(zips)
    names = zips[0].name if len(zips) == 1 else f"{zips[0].name} and the zips beside it"
    folders, left_out = _model(names, where, kind)
    wanted = [path for folder in folders for path in folder.needed(all_parts=all_parts)]
    wanted += [path for folder in folders for path in settings_beside(where, folder.path).values()]
    wanted = list(dict.fromkeys(wanted))
    require_room(sum(where[path][1].file_size for path in wanted), into, names)
    for one in zips:
        with _open(one.path, one.name) as archive:
            for path in wanted:
                holder, info = where[path]
                if holder is one:
                    _take_out(archive, info, into / path)
    return left_out


def unpack_networks(one: Zip, into: Path) -> list[Path]:
    """Unpack the packages and compiled models of a zip, but none that is a model's part; return where they are.

    Raise PackageError if the content is damaged, StorageError for a disk that is full or fails.
    """
    where = _places([one])
    networks = [each for each in one.networks() if part_of(each.rpartition("/")[2]) is None]
    wanted = [path for path in where if any(path.startswith(f"{each}/") for each in networks)]
    require_room(sum(where[path][1].file_size for path in wanted), into, one.name)
    with _open(one.path, one.name) as archive:
        for path in wanted:
            _take_out(archive, where[path][1], into / path)
    return [into / each for each in networks]


def require_room(needed: int, folder: Path, what: str) -> None:
    """Raise StorageError unless a folder's disk has that many bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"{what} needs {needed / 1e9:.1f} GB, but the disk of {folder} has {free / 1e9:.1f} GB free. "
            "Free some space, or set SDQ_HOME to a larger disk."
        )


def _places(zips: Sequence[Zip]) -> dict[str, tuple[Zip, zipfile.ZipInfo]]:
    """Return path -> zip and entry, as if the zips were one folder.

    `Unet.mlmodelc.zip` holds that folder, in others or not, or only what is in it.
    """
    where: dict[str, tuple[Zip, zipfile.ZipInfo]] = {}
    for one in zips:
        stem = one.path.name[: -len(".zip")]
        for name, info in one.entries.items():
            path = name
            if kind_of(stem) is not None:
                steps = name.split("/")
                start = next((n for n, step in enumerate(steps[:-1]) if kind_of(step)), None)
                path = f"{stem}/{name}" if start is None else "/".join(steps[start:])
            if path in where:
                raise _refused(one.name, f"{quote(path)} is also in {where[path][0].name}")
            where[path] = one, info
    if len(zips) > 1:
        _refuse_clashes(zips[0].path.parent.name, where)
    return where


def _model(
    names: str, paths: Iterable[str], kind: str | None
) -> tuple[list[PartsFolder], list[str]]:
    """Return the folders of parts to unpack, a variant each, and what is said of the others."""
    paths = list(paths)
    try:
        kind = kind or choose_kind(names, paths, ())
    except InputMissingError:
        folders: list[PartsFolder] = []
    else:
        folders = parts_folders(paths, kind)
    if not folders:
        raise PackageError(
            f"{names} has no complete model: no text encoder, U-Net and VAE decoder, as "
            f"{kind or 'packages or compiled models'} in one folder. Use a zip of a whole Stable Diffusion model."
        )
    ours, others = one_model(folders)
    for folder in ours:
        refuse_unsupported(
            Path(names),
            {part: Path(part) for part in folder.parts if part not in UNET_PARTS},
        )
    return ours, [
        f"{folder.path} of {names} was left out: it is another model." for folder in others
    ]


def _check(name: str, infos: Sequence[zipfile.ZipInfo]) -> None:
    """Raise PackageError for an entry that may not be unpacked, also if nobody would ask for it."""
    for info in infos:
        said = info.orig_filename
        path = info.filename.removesuffix("/")
        steps = path.split("/")
        mode = stat.S_IFMT(info.external_attr >> 16)
        if info.flag_bits & _ENCRYPTED:
            raise _refused(name, "it is encrypted")
        if "\\" in said or "\0" in said or _DRIVE.match(said) or {"", ".", ".."} & set(steps):
            raise _refused(name, f"{quote(said)} in it may lead out of the folder")
        if mode not in {0, stat.S_IFREG, stat.S_IFDIR} or (mode == stat.S_IFDIR) > info.is_dir():
            raise _refused(name, f"{quote(path)} in it is not a file")
        if info.compress_type not in _METHODS:
            raise _refused(name, f"{quote(path)} in it is compressed in a way that is not read")
        if any(len(step.encode()) > 255 for step in steps) or len(path.encode()) > 1000:
            raise _refused(name, "a name in it is too long")
        if len(steps) > _MOST_DEPTH:
            raise _refused(name, "its folders are nested too deep")
    _refuse_clashes(name, (info.filename for info in infos))


def _refuse_clashes(name: str, paths: Iterable[str]) -> None:
    """Raise PackageError if two names would be one on some disk, or one a file and a folder."""
    files: set[str] = set()
    folders: set[str] = set()
    spelled: dict[str, str] = {}
    for path in paths:
        steps = path.removesuffix("/").split("/")
        above = ["/".join(steps[:depth]) for depth in range(1, len(steps))]
        here = "/".join(steps)
        for part in (*above, here):
            # Macs tell neither cases nor ways to write an accent apart.
            plain = unicodedata.normalize("NFC", part).casefold()
            if spelled.setdefault(plain, part) != part:
                raise _refused(
                    name, f"{quote(part)} and {quote(spelled[plain])} in it are one name"
                )
        if here in files:
            raise _refused(name, f"{quote(here)} is in it twice")
        (folders if path.endswith("/") else files).add(here)
        folders.update(above)
    if both := files & folders:
        raise _refused(name, f"{quote(min(both))} in it is a file and a folder")


def _refused(name: str, why: str) -> PackageError:
    return PackageError(f"{name} was not unpacked: {why}. Get the model from somewhere else.")


@contextmanager
def _open(path: Path, name: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip; what its content makes zipfile raise becomes PackageError, what the disk does StorageError."""
    try:
        if not path.is_file():
            raise InputMissingError(f"{path} is not a file. Name a zip of a model.")
        with _Bounded(path) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except OSError as error:
        raise StorageError(
            f"Cannot unpack {name} ({error.strerror}). Check the disk and try again."
        ) from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        ValueError,
        RuntimeError,
        OverflowError,
    ) as error:
        raise PackageError(
            f"{name} is damaged, or not a zip ({error}). Download it again, or unpack it with another program and add "
            "the folder with `sdq models add`."
        ) from error


def _take_out(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """Write one entry; its length is what the directory says, or it is refused by its checksum."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(info) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, _CHUNK_BYTES)
    if target.stat().st_size != info.file_size:
        raise zipfile.BadZipFile(f"{quote(info.filename)} is too short")


class _Bounded(io.BufferedReader):
    """A file of which nobody reads more than a few MB at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._length = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = self._length - self.tell()
        if size > _MOST_READ_BYTES:
            raise zipfile.BadZipFile("its directory is too long")
        return super().read(size)
