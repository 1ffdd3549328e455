"""The smoke check: draws one earlier image again before a variant's first image after an update.

Updates of the system have changed what compute units give, and nobody looks while a night is drawn. The image is drawn
in memory, is none of the batch's and counts no attempt. Whatever comes of it, the night goes on.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping, Sequence
from functools import partial

from PIL import Image

from db.ledger import Ledger
from db.values import EarlierImage, EngineRecord, SmokeCheck
from sdq_core.errors import EngineDiedError, SdqError, describe_error
from sdq_core.images.pixels import image_from_rgb, psnr_db
from sdq_core.values.variants import Variant
from worker.claims.shift import GaveUp, Shift
from worker.drawing.engines import Engines, LoadedEngine
from worker.drawing.saving import Gallery
from worker.pipelines.contract import DrawnImage, ImageRequest

log = logging.getLogger(__name__)


class Smoke:
    """One worker's smoke checks."""

    def __init__(self, *, ledger: Ledger, shift: Shift, engines: Engines, gallery: Gallery) -> None:
        self._ledger = ledger
        self._shift = shift
        self._engines = engines
        self._gallery = gallery
        self._settled: set[Variant] = set()

    def passed(self, loaded: LoadedEngine) -> bool:
        """Check an idle engine's variant, if that is due; return False if its engine is gone and another is needed.

        Raises GaveUp if the worker is told to stop meanwhile.
        """
        variant = loaded.record.variant
        if variant in self._settled:
            return True
        checks = self._ledger.smoke_checks
        if self._shift.until_done(partial(checks.is_due, loaded.record)):
            found = self._earlier(loaded.record)
            if found is None:
                self._note(loaded, SmokeCheck())
            elif not self._compare(loaded, *found):
                return False
        self._settled.add(variant)
        return True

    def _earlier(self, engine: EngineRecord) -> tuple[EarlierImage, Image.Image] | None:
        """Return the newest earlier image whose file is as it was, and what it shows."""
        earlier = partial(self._ledger.smoke_checks.earlier_images, engine)
        self._shift.until_done(self._gallery.look)
        for image in self._shift.until_done(earlier):
            try:
                picture = self._gallery.picture(image.path, image.sha256)
            except SdqError:  # one file that cannot be read is no reason to wait
                continue
            if picture is not None:
                return image, picture
        return None

    def _compare(self, loaded: LoadedEngine, earlier: EarlierImage, picture: Image.Image) -> bool:
        """Draw an image again and note how like it is; return False if its engine is gone."""
        variant = loaded.record.variant
        changes = _changes(earlier.engine.software, loaded.record.software)
        log.info(
            "First image of %s since the update (%s): drawing %s again, to compare.",
            variant,
            ", ".join(changes),
            earlier.path,
        )
        try:
            drawn = loaded.engine.draw(
                ImageRequest.of(earlier.recipe, earlier.seed), self._look
            ).image
        except GaveUp:
            self._engines.discard(variant)
            raise
        except SdqError as error:
            blamed = self._engines.blames_unit(loaded.engine, variant, error)
            self._engines.discard(variant)
            if not blamed:  # else the same image is tried on another unit
                self._settled.add(variant)
                # Ended from outside, it says nothing about the variant, and the next worker asks again.
                if loaded.engine.crashed or not isinstance(error, EngineDiedError):
                    failed = SmokeCheck(
                        path=earlier.path, changes=changes, error=describe_error(error)
                    )
                    self._note(loaded, failed)
            return False
        self._engines.note_drawn(loaded)
        self._note(
            loaded,
            SmokeCheck(
                path=earlier.path, changes=changes, psnr_db=_likeness_db(drawn, earlier, picture)
            ),
        )
        return True

    def _look(self) -> None:
        self._shift.beat()
        if self._shift.stopping:
            raise GaveUp

    def _note(self, loaded: LoadedEngine, check: SmokeCheck) -> None:
        self._shift.until_done(partial(self._ledger.smoke_checks.note, loaded.id, check))
        if check.path is None:
            return
        variant = loaded.record.variant
        log.log(
            logging.INFO if check.is_alike else logging.WARNING, "%s %s.", variant, check.finding()
        )
        if not check.is_alike:
            log.warning(
                "Drawing goes on. Look at the new images; `sdq doctor --model %s` tries each compute unit.",
                variant.model,
            )


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Sequence[str]:
    """Say what differs, as `coremltools 9.0 -> 9.1`; the system's name says what it is."""
    return [
        f"{'' if name == 'system' else f'{name} '}{before.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]


def _likeness_db(drawn: DrawnImage, earlier: EarlierImage, picture: Image.Image) -> float:
    """Return the PSNR of both drawings. The recorded digest is of the pixels, which a JPEG no longer has."""
    height, width, _ = drawn.pixels.shape
    pixels = drawn.pixels.tobytes()
    if hashlib.sha256(pixels).hexdigest() == earlier.pixels_sha256:
        return math.inf
    if picture.size != (width, height):
        return 0.0
    return psnr_db(image_from_rgb(pixels, width, height), picture)
