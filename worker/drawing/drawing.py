"""Drawing: the engine is always fed, every image is a file before it is a row, failures are counted.

Order of one image: skip it if its row says done; note the attempt; draw; write the file; record the row. A crash
anywhere leaves either nothing or a file that the next attempt overwrites.

The engine has the next request in its pipe before the last image is saved, so saving costs no drawing time. At a
slice's end that is the first image of the next slice, taken while the engine draws. All of this runs in the worker's
one thread, between the engine's events; the heartbeat is called at least once a second.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from db.ledger import Ledger
from db.values import EngineRecord, ImageRecord, Slice
from sdq_core import errors
from sdq_core.errors import (
    BrokenImageError,
    ComputeError,
    ConfigurationError,
    EngineDiedError,
    EngineHungError,
    SdqError,
    ServiceUnavailableError,
)
from sdq_core.values.variants import Variant
from worker.choosing.unusable import VariantPausedError, VariantUnusable
from worker.drawing.open_slice import OpenSlice, Outcome
from worker.drawing.patience import Patience
from worker.drawing.provenance import engine_record
from worker.drawing.saving import Gallery
from worker.engine.handle import Engine
from worker.engine.messages import Drawn, Failed, LoadFailed, Loading, Ready, Withdrawn
from worker.engine.pool import EnginePool
from worker.pipelines.contract import DrawnImage, ImageRequest

log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: The image that is drawn and the one behind it; more would only be withdrawn at a stop.
_IN_PIPE = 2

_POLL_S = 1.0

#: Loading takes a moment once a model has been made ready, and is worth a word beyond that.
_SAY_LOADING_AFTER_S = 10.0
_SAY_LOADING_EVERY_S = 60.0

#: An engine that dies while it loads is started again, so often in all.
_LOADS = 3
_RELOAD_AFTER_S = 1.0

DEFAULT_MAX_ATTEMPTS = 3

#: So many failed images in a row are the variant's fault, not the prompts': it is paused, not burnt through.
FAILURES_TO_PAUSE = 10


@dataclass(frozen=True, kw_only=True)
class KnownEngine:
    """An engine with its row's id."""

    id: int
    record: EngineRecord


@dataclass(frozen=True, kw_only=True)
class Studio:
    """What a worker draws with, the same for all its slices.

    beat keeps the claim on the slice alive; stopping says that the worker was told to end; on_settled hears of each
    image that is done (error None) or given up. engines: those of this worker by process id.
    """

    worker: str
    ledger: Ledger
    pool: EnginePool
    gallery: Gallery
    patience: Patience
    beat: Callable[[], None]
    stopping: Callable[[], bool]
    on_settled: Callable[[Slice, int, str | None], None]
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    engines: dict[int, KnownEngine] = field(default_factory=dict)
    failures_in_a_row: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Asked:
    """An image that the engine was asked for."""

    slice: OpenSlice
    seed: int


class Drawing:
    """Slices of one variant on their way from the ledger through its engine into files and rows.

    variant: what draws them: their recipes', or the worker's choice where a recipe leaves it open. close: hears of each
    slice that is finished or no longer wanted. more: gives the next slice, if there is one, when the engine has
    nothing to draw behind the image in hand.
    """

    def __init__(
        self,
        studio: Studio,
        variant: Variant,
        *,
        close: Callable[[OpenSlice, Outcome], None],
        more: Callable[[], OpenSlice | None] = lambda: None,
    ) -> None:
        self._studio = studio
        self._ledger = studio.ledger
        self._variant = variant
        self._close = close
        self._more = more
        self._open: list[OpenSlice] = []
        self._in_pipe: dict[int, Asked] = {}  # by the request's number, in the order of drawing
        self._numbers = itertools.count()
        self._withdrawals = 0  # asked for and not yet answered
        self._stopping = False

    def run(self, first: OpenSlice) -> None:
        """Draw what is missing of a slice, and of those that `more` gives.

        Returns when there is nothing more to draw, or when the worker was told to stop. Raises VariantUnusable when the
        model cannot be loaded here or fails all the time, GaveUp when the worker was told to stop while it waited.
        Slices that were not closed are as open as before.
        """
        self._admit(first)
        try:
            if self._open:
                self._draw()
        finally:
            if self._in_pipe:
                # Ended in the middle: what was asked for and not drawn was no attempt, and its late answer must not
                # meet the next slice.
                self._studio.pool.discard(self._variant)
                with contextlib.suppress(ServiceUnavailableError):
                    self._take_back(list(self._in_pipe))

    def _admit(self, slice_: OpenSlice) -> None:
        self._open.append(slice_)
        self._give_up_worn_out(slice_)
        self._close_ended()

    def _close_ended(self) -> None:
        in_pipe = [asked.slice for asked in self._in_pipe.values()]
        for slice_ in [s for s in self._open if not s.hungry and s not in in_pipe]:
            self._open.remove(slice_)
            self._close(slice_, slice_.outcome)

    def _draw(self) -> None:
        engine = self._loaded_engine()
        while self._open or self._withdrawals:
            self._studio.beat()
            try:
                if self._studio.stopping() and not self._stopping:
                    self._stopping = True
                    self._withdraw(engine)
                if self._stopping and not self._in_pipe:
                    return
                self._feed(engine)
                self._close_ended()
                if not (self._in_pipe or self._withdrawals):
                    continue
                event = engine.poll(_POLL_S)
            except (EngineDiedError, EngineHungError) as error:
                self._engine_lost(error)
                engine = self._next_engine(engine)
                continue
            match event:
                case Drawn(number=number, image=image):
                    self._keep(number, engine, image)
                case Failed(number=number):
                    asked = self._in_pipe.pop(number)
                    self._image_failed(
                        asked, f"{event.error}: {event.message}", hopeless=not event.retryable
                    )
                    if event.error in (BrokenImageError.__name__, ComputeError.__name__):
                        # Either may be the process's own state (seen under memory pressure): a fresh one decides.
                        self._take_back(list(self._in_pipe))
                        self._discard_engine()
                        engine = self._next_engine(engine)
                case Withdrawn(numbers=numbers):
                    self._withdrawals -= 1
                    self._take_back(numbers)
                case _:
                    pass
            self._close_ended()

    def _withdraw(self, engine: Engine) -> None:
        engine.withdraw()
        self._withdrawals += 1

    def _discard_engine(self) -> None:
        self._studio.pool.discard(self._variant)
        self._withdrawals = 0

    def _next_engine(self, discarded: Engine) -> Engine:
        """Give a fresh engine for what is left to draw; where nothing is, the discarded one will do."""
        self._close_ended()
        self._stopping = self._stopping or self._studio.stopping()
        return discarded if self._stopping or not self._open else self._loaded_engine()

    def _loaded_engine(self) -> Engine:
        """Give the variant's engine when it is ready, with a row of its own in the ledger."""
        for loads_left in reversed(range(_LOADS)):
            try:
                engine = self._wait_for_engine()
                break
            except SdqError as error:
                self._studio.pool.discard(self._variant)
                if not (error.retryable and loads_left):
                    raise VariantUnusable(self._variant, error) from error
                log.warning("%s", error)  # killed while it loaded, for want of memory perhaps
                self._studio.patience.pause(_RELOAD_AFTER_S)
        if engine.ready is not None and engine.pid not in self._studio.engines:
            record = engine_record(
                worker=self._studio.worker,
                pid=engine.pid,
                variant=self._variant,
                ready=engine.ready,
                safety=self._studio.gallery.safety,
            )
            engine_id = self._lasting(lambda: self._ledger.work.register_engine(record))
            self._studio.engines[engine.pid] = KnownEngine(id=engine_id, record=record)
        return engine

    def _wait_for_engine(self) -> Engine:
        """Give the variant's engine, loaded unless the worker was told to stop meanwhile."""
        engine = self._studio.pool.get(self._variant)
        package, since = "", time.monotonic()
        say_at = since + _SAY_LOADING_AFTER_S
        while engine.ready is None:
            self._studio.beat()
            event = engine.poll(_POLL_S)
            if isinstance(event, Loading):
                package, since = event.package, time.monotonic()
                say_at = since + _SAY_LOADING_AFTER_S
            elif (now := time.monotonic()) >= say_at:
                say_at = now + _SAY_LOADING_EVERY_S
                log.warning(
                    "Still loading %s of %s after %.0f s. The first time a model is made ready for this machine, which "
                    "may take minutes.",
                    package or "the libraries",
                    self._variant,
                    now - since,
                )
            if isinstance(event, LoadFailed):
                cause: type[SdqError] = getattr(errors, event.error, ConfigurationError)
                raise cause(event.message)
            if isinstance(event, Ready):
                log.info("%s is in memory after %.1f s.", self._variant, event.load_ms / 1000)
            if self._studio.stopping() and engine.ready is None:
                self._stopping = True
                break
        return engine

    def _feed(self, engine: Engine) -> None:
        """Fill the engine's pipe; while images of a slice come out of it, `_keep` does."""
        while len(self._in_pipe) < _IN_PIPE and not (self._stopping or self._withdrawals):
            slice_ = self._hungry_slice()
            if slice_ is None:
                return
            seed = slice_.pending[0]
            noted = self._lasting(
                partial(
                    self._ledger.work.note_attempts,
                    slice_.piece.recipe_id,
                    [seed],
                    engine_id=self._studio.engines[engine.pid].id,
                    slice_id=slice_.piece.id,
                )
            )
            self._request(engine, slice_, seed, noted)

    def _hungry_slice(self) -> OpenSlice | None:
        """Give the oldest slice that has images to ask for, a new one if need be."""
        while not (hungry := [slice_ for slice_ in self._open if slice_.hungry]):
            found = self._more()
            if found is None:
                return None
            self._admit(found)
        return hungry[0]

    def _request(
        self, engine: Engine, slice_: OpenSlice, seed: int, noted: Mapping[int, int]
    ) -> None:
        """Ask for an image whose attempt is noted in the ledger."""
        slice_.pending.remove(seed)
        if seed not in noted:  # settled meanwhile, by another worker or for another batch
            return
        slice_.attempts.update(noted)
        number = next(self._numbers)
        self._in_pipe[number] = Asked(slice_, seed)
        recipe = slice_.recipe
        engine.request(
            number,
            ImageRequest(
                prompt=recipe.prompt,
                negative_prompt=recipe.negative_prompt,
                seed=seed,
                num_inference_steps=recipe.num_inference_steps,
                guidance_scale=recipe.guidance_scale,
                scheduler=recipe.scheduler,
            ),
        )

    def _keep(self, number: int, engine: Engine, image: DrawnImage) -> None:
        """Write the file, then the row; a full disk or a locked ledger is waited for with the image in hand.

        The engine is at the next image already. The one after that is noted in the commit that records this one.
        """
        slice_, seed = self._in_pipe[number].slice, self._in_pipe[number].seed
        known = self._studio.engines[engine.pid]
        record = self._lasting(
            lambda: self._studio.gallery.save(
                slice_.piece,
                seed,
                image,
                engine_id=known.id,
                engine=known.record,
                queue_wait_ms=slice_.queue_wait_ms,
            )
        )
        fed = slice_.hungry and not (self._stopping or self._withdrawals or self._studio.stopping())
        upcoming = slice_.pending[0] if fed else None
        recorded = self._lasting(lambda: self._ledger.work.record_and_go_on(record, upcoming))
        if not recorded.new:
            self._lasting(lambda: self._settle_between(record))
        del self._in_pipe[number]  # until it is recorded, it is not drawn
        self._studio.failures_in_a_row.pop(self._variant.key, None)
        self._studio.on_settled(slice_.piece, seed, None)
        with contextlib.suppress(EngineDiedError):  # `poll` says it again, where it is dealt with
            if not recorded.wanted:
                self._hold_back(slice_, engine)
            elif upcoming is not None:
                self._request(engine, slice_, upcoming, recorded.noted)

    def _hold_back(self, unwanted: OpenSlice, engine: Engine) -> None:
        """Ask for no more of a slice and of others of its batch; what the engine has begun is kept."""
        for slice_ in self._open:
            if slice_.piece.batch_id == unwanted.piece.batch_id:
                slice_.unwanted = True
        if any(asked.slice.unwanted for asked in self._in_pipe.values()):
            self._withdraw(engine)

    def _settle_between(self, record: ImageRecord) -> None:
        """Let the row tell of the file that lies there, after another worker recorded the same image first.

        Both drew it because its slice was delivered twice. With one variant on one system the files are the same; with
        different ones, the second file may have replaced the first before or after the first one's row.
        """
        if self._studio.gallery.holds(record):
            self._ledger.work.replace_done(record)

    def _image_failed(self, asked: Asked, error: str, *, hopeless: bool = False) -> None:
        """Count a failed attempt; the image goes to the end of its slice, or is given up."""
        slice_, seed = asked.slice, asked.seed
        attempts = slice_.attempts.get(seed, 1)
        final = hopeless or attempts >= self._studio.max_attempts
        self._lasting(
            lambda: self._ledger.work.record_failure(
                slice_.piece.recipe_id,
                seed,
                slice_id=slice_.piece.id,
                engine_id=None,
                error=error,
                final=final,
            )
        )
        if not final:
            slice_.pending.append(seed)
            return
        log.warning(
            "Gave up image %s/%d seed %d after %d attempt(s): %s",
            slice_.piece.batch_name,
            slice_.piece.entry,
            seed,
            attempts,
            error,
        )
        self._studio.on_settled(slice_.piece, seed, error)
        self._count_failure(error)

    def _count_failure(self, error: str) -> None:
        self._studio.failures_in_a_row[self._variant.key] += 1
        if self._studio.failures_in_a_row[self._variant.key] < FAILURES_TO_PAUSE:
            return
        reason = f"{FAILURES_TO_PAUSE} images in a row failed, the last one with: {error}"
        self._lasting(lambda: self._ledger.variants.pause(self._variant, reason))
        self._studio.failures_in_a_row.pop(self._variant.key)
        raise VariantUnusable(self._variant, VariantPausedError(self._variant, reason))

    def _engine_lost(self, error: SdqError) -> None:
        """Blame the image that the engine was on, and nobody else."""
        log.warning("%s", error)
        self._discard_engine()
        if not self._in_pipe:
            return
        culprit = self._in_pipe.pop(next(iter(self._in_pipe)))
        self._take_back(list(self._in_pipe))
        self._image_failed(culprit, f"{type(error).__name__}: {error}")

    def _give_up_worn_out(self, slice_: OpenSlice) -> None:
        """Settle images whose attempts are used up: those that killed not only their engine but its worker."""
        for seed in [
            s for s in slice_.pending if slice_.attempts.get(s, 0) >= self._studio.max_attempts
        ]:
            slice_.pending.remove(seed)
            self._image_failed(Asked(slice_, seed), "the worker died with it at every attempt")

    def _take_back(self, numbers: Iterable[int]) -> None:
        """Return images that were asked for and not begun to their slices; that was no attempt."""
        for number in numbers:
            asked = self._in_pipe.pop(number)
            asked.slice.pending.appendleft(asked.seed)
            self._ledger.work.forgive_attempt(asked.slice.piece.recipe_id, asked.seed)

    def _lasting(self, action: Callable[[], Result]) -> Result:
        """Do what touches disk or ledger; trouble there is waited for, not counted against the image."""
        return self._studio.patience.until_done(action)
