"""The pictures that prompt lines name: each is read and checked once, and kept when the plan is stored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from producer.reading.controlnets import Following
from sdq_core.errors import InputError
from sdq_core.inputs.formats import MAP_SUFFIX
from sdq_core.inputs.store import DIGEST, InputStore, Picture, read_file
from sdq_core.printable import printable, quote
from sdq_core.values.annotators import Annotator
from sdq_core.values.conditions import ControlNetUse

#: How a picture is named that is kept already, as exports and images name it; the name is for users only.
KEPT_PICTURE = re.compile(rf"sha256:({DIGEST.pattern})(?:/(.{{1,255}}))?", re.DOTALL)


def kept_name(sha256: str, name: str | None) -> str:
    """Return the words by which a line names a picture that is kept."""
    return f"sha256:{sha256}/{name}" if name else f"sha256:{sha256}"


def following_again(
    uses: Sequence[ControlNetUse], names: Mapping[str, Any]
) -> tuple[Following, ...]:
    """Return ControlNets as a line names them. names: what their pictures are called."""
    called = names.get("controlnets") or [None] * len(uses)
    return tuple(
        # What separates several of them is in no picture's name.
        Following(
            name=use.name,
            picture=kept_name(use.source or use.image, name and name.replace(";", "_")),
            annotator=use.annotator,
            scale=use.scale,
            start=use.start,
            end=use.end,
        )
        for use, name in zip(uses, called, strict=True)
    )


class Pictures:
    """The pictures of one submission. store: where those are that were submitted before; None for nowhere."""

    def __init__(self, store: InputStore | None) -> None:
        self._store = store
        self._found: dict[str, Picture | InputError] = {}
        self._maps: dict[tuple[str, Annotator, tuple[int, int]], Picture] = {}

    def find(self, field: str, written: str) -> Picture:
        """Return the picture that a line's field names; raise InputError, a clause, if it cannot be used."""
        if written not in self._found:
            try:
                self._found[written] = self._read(written)
            except InputError as error:
                self._found[written] = error
        found = self._found[written]
        if isinstance(found, InputError):
            raise InputError(f"{field} {quote(_shown(written))} {found}")
        return found

    def map(self, field: str, written: str, annotator: Annotator, size: tuple[int, int]) -> Picture:
        """Return the map that an annotator makes of such a picture. size: of the images, width and height."""
        key = written, annotator, size
        if key not in self._maps:
            source = self.find(field, written)
            from sdq_core.inputs.annotate import annotated  # as below

            photo = self._bytes(source)
            try:
                data = annotated(photo, annotator, size)
            except InputError as error:
                raise InputError(f"{field} {quote(_shown(written))} {error}") from error
            self._maps[key] = Picture(
                sha256=hashlib.sha256(data).hexdigest(),
                suffix=MAP_SUFFIX,
                name=source.name,
                data=data,
            )
        return self._maps[key]

    def to_keep(self) -> Sequence[Picture]:
        """Return what was found and made, each picture once."""
        found = (each for each in self._found.values() if isinstance(each, Picture))
        return list({each.sha256: each for each in (*found, *self._maps.values())}.values())

    def _bytes(self, picture: Picture) -> bytes:
        if picture.path is not None:
            try:
                return read_file(picture.path)
            except InputError as error:
                raise InputError(f"{picture.path} {error}") from error
        assert self._store is not None  # or it would not have been found
        return self._store.read(picture.sha256)

    def _read(self, written: str) -> Picture:
        if kept := KEPT_PICTURE.fullmatch(written):
            sha256, name = kept[1], printable(kept[2] or f"sha256:{kept[1][:12]}")
            path = self._store.find(sha256) if self._store else None
            if path is None:
                raise InputError(
                    "is not among the inputs of this data folder; name the picture's file, or copy "
                    f"inputs/{sha256[:2]}/{sha256}.* from the data folder that has it"
                )
            return Picture(sha256=sha256, suffix=path.suffix, name=name)
        from sdq_core.inputs.picture import check_picture  # not at the start of every command

        path = Path(written)
        data = read_file(path)
        sha256 = hashlib.sha256(data).hexdigest()
        there = self._store.find(sha256) if self._store else None
        # What is kept was decoded when it came.
        suffix = check_picture(data) if there is None else there.suffix
        return Picture(sha256=sha256, suffix=suffix, name=printable(path.name), path=path)


def _shown(written: str) -> str:
    kept = KEPT_PICTURE.fullmatch(written)
    if kept is None:
        return written
    return kept[2] or f"sha256:{kept[1][:12]}"
