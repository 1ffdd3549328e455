"""Saves one image: pixels to a file with its metadata, on disk before it is recorded.

Invariant: a file is written over only if it is this image's own: the file that its row names, what an earlier attempt
left, or one with the same record to the byte. Every other file stays, and the image gets the next free path. An earlier
attempt is known by the ledger, which counts it before it draws; where a power cut took that too, by its bytes.
"""

from __future__ import annotations

import hashlib
import io
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from importlib import metadata

from PIL import Image

from db.values import EngineRecord, ImageRecord, Slice
from db.values.engines import SAFETY_KEY
from sdq_core.errors import OutputError, SdqError, StorageError
from sdq_core.images.encode import encode_image
from sdq_core.images.fitted import whole_picture
from sdq_core.images.metadata import ImageMetadata
from sdq_core.images.pixels import image_from_rgb
from sdq_core.images.read import read_record
from sdq_core.images.root import OutputRoot
from sdq_core.images.store import StoredFile, is_older, stored_file
from sdq_core.values.safety import Safety
from worker.drawing.flagged import hidden
from worker.pipelines.contract import DrawnImage
from worker.quality.measures import measure

log = logging.getLogger(__name__)

#: Decimals of a concept's score in a file; the row has full precision.
_SCORE_DECIMALS = 6


class Gallery:
    """The images in the output folder. safety: what the files of flagged images show."""

    def __init__(
        self,
        root: OutputRoot,
        *,
        with_metadata: bool,
        safety: Safety = Safety.FLAG,
        measured: bool = False,
    ) -> None:
        """measured: measure each picture that is saved."""
        self.safety = safety
        self._measured = measured
        self._root = root
        self._with_metadata = with_metadata
        self._version = metadata.version("sdq")
        self._has_saved = False

    def save(
        self,
        slice_: Slice,
        seed: int,
        drawn: DrawnImage,
        *,
        engine_id: int,
        engine: EngineRecord,
        queue_wait_ms: float,
        begun_before: bool,
        noted_path: Callable[[], str | None],
        is_anothers: Callable[[str], bool],
    ) -> ImageRecord:
        """Write the file and return the row to record.

        begun_before: whether an earlier attempt for this slice may have left a file.
        noted_path: the path that the image's row has from when it was done before; asked only if there is a file.
        is_anothers: whether the file at a path is that of another finished image; asked as seldom as possible.

        Raises StorageError if the disk is full or failing, or the folder is absent or no longer writable; OutputError
        if it never was writable; ConfigurationError if the format cannot be written here.
        """
        started = time.perf_counter()
        height, width, _ = drawn.pixels.shape
        picture = image_from_rgb(drawn.pixels.tobytes(), width, height)
        if drawn.nsfw_flagged:
            picture = hidden(picture, self.safety)
        about = ImageMetadata(
            # With the variant that drew it, where the recipe leaves that open: so it can be drawn again exactly.
            recipe=replace(slice_.recipe, variant=engine.variant),
            seed=seed,
            version=self._version,
            # What explains a difference between two machines; nothing that changes from run to run on one.
            provenance={
                "pipeline": engine.pipeline,
                "runtime": engine.runtime,
                "precision": engine.precision,
                **({"part_units": dict(engine.part_units)} if engine.part_units else {}),
                "versions": {k: v for k, v in engine.versions.items() if k != SAFETY_KEY},
                "os": engine.os,
                "chip": engine.chip,
                "safety": {
                    "mode": str(self.safety),
                    "flagged": drawn.nsfw_flagged,
                    "concept_scores": {
                        name: round(score, _SCORE_DECIMALS)
                        for name, score in drawn.concept_scores.items()
                    },
                },
            },
        )
        filing = slice_.filing
        data = encode_image(
            picture, about if self._with_metadata else None, filing.image_format, filing.quality
        )
        encoded = time.perf_counter()

        def is_own(path: str) -> bool:
            left = begun_before and self._may_be_left(path, slice_, seed)
            return (left or noted_path() == path) and not is_anothers(path)

        try:
            path, stored = self._stored(data, filing.paths(slice_.path_facts(seed)), is_own)
        except OutputError as error:
            if not self._has_saved:
                raise
            # The folder was writable before: permissions or a disk may be restored, so waiting is worth it.
            raise StorageError(str(error)) from error
        self._has_saved = True
        saved = time.perf_counter()
        if drawn.nsfw_flagged:
            log.info("The safety checker flagged %s (--safety %s).", path, self.safety)
        return ImageRecord(
            recipe_id=slice_.recipe_id,
            seed=seed,
            slice_id=slice_.id,
            engine_id=engine_id,
            path=path,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            pixels_sha256=hashlib.sha256(picture.tobytes()).hexdigest(),
            truncated_tokens=drawn.truncated_tokens,
            nsfw_flagged=drawn.nsfw_flagged,
            concept_scores=dict(drawn.concept_scores),
            queue_wait_ms=queue_wait_ms,
            text_encode_ms=drawn.text_encode_ms,
            denoise_ms=drawn.denoise_ms,
            num_unet_calls=drawn.num_unet_calls,
            decode_ms=drawn.decode_ms,
            safety_ms=drawn.safety_ms,
            encode_ms=(encoded - started) * 1000,
            save_ms=(saved - encoded) * 1000,
            **(asdict(measure(picture)) if self._measured else {}),
        )

    def _stored(
        self, data: bytes, paths: Iterable[str], is_own: Callable[[str], bool]
    ) -> tuple[str, StoredFile]:
        """Write the file at the first path that is free or the image's own; return the path."""
        for path in paths:
            if not self._root.has(path):
                if stored := self._root.store_new(data, path):
                    return path, stored
            # With a record the bytes name the image; without, another one's may be equal.
            elif self._with_metadata and self._root.holds(path, data):
                return path, stored_file(data)
            elif is_own(path):
                return path, self._root.store(data, path)
        raise AssertionError("unreachable: there is always another path")

    def _may_be_left(self, path: str, slice_: Slice, seed: int) -> bool:
        """Whether a file can be what an earlier attempt at an image of a slice left."""
        file = self._root.path / path
        if is_older(file, slice_.created_at):
            return False
        if not self._with_metadata:
            return True
        try:
            record = read_record(file)
        except SdqError:
            return False
        drawn = replace(record.recipe, variant=slice_.recipe.variant)
        return (drawn, record.seed) == (slice_.recipe, seed)

    def holds(self, record: ImageRecord) -> bool:
        """Whether the file at a record's path is that record's; raises StorageError if that cannot be said."""
        data = self._root.read(record.path)
        return data is not None and hashlib.sha256(data).hexdigest() == record.sha256

    def look(self) -> None:
        """Raise StorageError if images were stored here before and the folder is absent or closed now."""
        self._root.look()

    def picture(self, path: str, sha256: str) -> Image.Image | None:
        """Return what the file at a path shows; None unless it has this digest and can be read.

        Raises StorageError or OutputError if that cannot be said.
        """
        data = self._root.read(path) if self._root.has(path) else None
        if data is None or hashlib.sha256(data).hexdigest() != sha256:
            return None
        return whole_picture(io.BytesIO(data))

    def remove(self, record: ImageRecord) -> None:
        """Remove a record's file, whose image another file has."""
        self._root.remove(record.path)
