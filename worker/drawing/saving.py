"""Saves one image: pixels to a PNG with its metadata, on disk before it is recorded."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata

from db.values import EngineRecord, ImageRecord, Slice
from sdq_core.errors import OutputError, StorageError
from sdq_core.images.encode import encode_png
from sdq_core.images.metadata import ImageMetadata
from sdq_core.images.path import possible_paths
from sdq_core.images.pixels import image_from_rgb
from sdq_core.images.root import OutputRoot
from sdq_core.values.safety import Safety
from worker.drawing.flagged import hidden
from worker.drawing.provenance import SAFETY_KEY
from worker.pipelines.contract import DrawnImage

log = logging.getLogger(__name__)

#: Decimals of a concept's score in a file; the row has full precision.
_SCORE_DECIMALS = 6


class Gallery:
    """The images in the output folder. safety: what the files of flagged images show."""

    def __init__(
        self, root: OutputRoot, *, with_metadata: bool, safety: Safety = Safety.FLAG
    ) -> None:
        self.safety = safety
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
        is_anothers: Callable[[str], bool],
    ) -> ImageRecord:
        """Write the file and return the row to record.

        is_anothers: whether the file at a path is that of another finished image; asked only if there is a file.

        Raises StorageError if the disk is full or failing, or the folder is absent or no longer writable; OutputError
        if it never was writable.
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
        data = encode_png(picture, about if self._with_metadata else None)
        encoded = time.perf_counter()
        try:
            path = next(
                path
                for path in possible_paths(slice_.batch_name, slice_.entry, seed)
                if not (self._root.has(path) and is_anothers(path))
            )
            stored = self._root.store(data, path)
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
        )

    def holds(self, record: ImageRecord) -> bool:
        """Whether the file at a record's path is that record's; raises StorageError if that cannot be said."""
        data = self._root.read(record.path)
        return data is not None and hashlib.sha256(data).hexdigest() == record.sha256

    def remove(self, record: ImageRecord) -> None:
        """Remove a record's file, whose image another file has."""
        self._root.remove(record.path)
