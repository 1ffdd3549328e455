"""Drawing one slice: the engine is always fed, every image is a file before it is a row, failures are counted.

Order of one image: skip it if its row says done; note the attempt; draw; write the file; record the row. A crash
anywhere leaves either nothing or a file that the next attempt overwrites.

The engine has the next request in its pipe before the last image is saved, so saving costs no drawing time. All of this
runs in the worker's one thread, between the engine's events; the heartbeat is called at least once a second.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import TypeVar

from db.ledger import Ledger
from db.values import EngineRecord, ImageRecord, Slice
from sdq import errors
from sdq.errors import (
    BrokenImageError,
    ComputeError,
    ConfigurationError,
    EngineDiedError,
    EngineHungError,
    SdqError,
    ServiceUnavailableError,
)
from sdq.variants import Variant
from worker.engine.handle import Engine
from worker.engine.messages import Drawn, Failed, LoadFailed, Loading, Ready, Withdrawn
from worker.engine.pool import EnginePool
from worker.patience import Patience
from worker.pipelines.contract import DrawnImage, ImageRequest
from worker.provenance import engine_record
from worker.saving import Gallery
from worker.unusable import VariantPausedError, VariantUnusable

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


class Outcome(Enum):
    """What became of a slice that was taken."""

    FINISHED = auto()
    HANDED_BACK = auto()
    UNWANTED = auto()


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


class SliceDrawing:
    """One slice on its way from the ledger through an engine into files and rows.

    variant: what draws it: the recipe's, or the worker's choice where the recipe leaves it open.
    """

    def __init__(
        self, studio: Studio, piece: Slice, *, variant: Variant, queue_wait_ms: float
    ) -> None:
        self._studio = studio
        self._ledger = studio.ledger
        self._slice = piece
        self._variant = variant
        self._queue_wait_ms = queue_wait_ms
        self._pending: deque[int] = deque()
        self._attempts: dict[int, int] = {}
        self._in_pipe: deque[int] = deque()
        self._withdrawing = False
        self._unwanted = False

    def run(self) -> Outcome:
        """Draw what is missing of the slice.

        Raises VariantUnusable when its model cannot be loaded here or fails all the time, GaveUp when the worker was
        told to stop while it waited; the slice is as open as before then.
        """
        settled = self._ledger.settled_images(self._slice)
        self._pending.extend(seed for seed in self._slice.seeds if seed not in settled)
        self._attempts = dict(self._ledger.attempts(self._slice))
        try:
            self._give_up_worn_out()
            if self._pending:
                self._draw_pending()
        finally:
            if self._in_pipe:
                # Ended in the middle: what was asked for and not drawn was no attempt, and its late answer must not
                # meet the next slice.
                self._studio.pool.discard(self._variant)
                with contextlib.suppress(ServiceUnavailableError):
                    self._forgive(self._in_pipe)
        if not self._pending:
            return Outcome.FINISHED
        return Outcome.UNWANTED if self._unwanted else Outcome.HANDED_BACK

    def _draw_pending(self) -> None:
        engine = self._loaded_engine()
        while self._pending or self._in_pipe:
            self._studio.beat()
            try:
                if (self._studio.stopping() or self._unwanted) and not self._withdrawing:
                    self._withdrawing = True
                    engine.withdraw()
                if self._withdrawing and not self._in_pipe:
                    return
                self._feed(engine)
                event = engine.poll(_POLL_S)
            except (EngineDiedError, EngineHungError) as error:
                self._engine_lost(error)
                if not (self._pending and not self._withdrawing):
                    continue
                engine = self._loaded_engine()
                continue
            match event:
                case Drawn(number=seed, image=image):
                    self._keep(seed, engine, image)
                case Failed(number=seed):
                    self._in_pipe.remove(seed)
                    self._image_failed(
                        seed, f"{event.error}: {event.message}", hopeless=not event.retryable
                    )
                    if event.error in (BrokenImageError.__name__, ComputeError.__name__):
                        # Either may be the process's own state (seen under memory pressure): a fresh one decides.
                        self._take_back(list(self._in_pipe))
                        self._studio.pool.discard(self._variant)
                        engine = self._loaded_engine()
                case Withdrawn(numbers=seeds):
                    self._take_back(seeds)
                case _:
                    pass

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
            engine_id = self._lasting(lambda: self._ledger.register_engine(record))
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
                self._withdrawing = True
                break
        return engine

    def _feed(self, engine: Engine) -> None:
        """Fill the engine's pipe; while images come out of it, `_keep` does."""
        while self._pending and len(self._in_pipe) < _IN_PIPE and not self._withdrawing:
            seed = self._pending[0]
            noted = self._lasting(
                partial(
                    self._ledger.note_attempts,
                    self._slice.recipe_id,
                    [seed],
                    engine_id=self._studio.engines[engine.pid].id,
                    slice_id=self._slice.id,
                )
            )
            self._pending.remove(seed)
            self._request(engine, seed, noted)

    def _request(self, engine: Engine, seed: int, noted: Mapping[int, int]) -> None:
        """Ask for an image whose attempt is noted in the ledger."""
        if seed not in noted:  # settled meanwhile, by another worker or for another batch
            return
        recipe = self._slice.recipe
        self._attempts.update(noted)
        self._in_pipe.append(seed)
        engine.request(
            seed,
            ImageRequest(
                prompt=recipe.prompt,
                negative_prompt=recipe.negative_prompt,
                seed=seed,
                num_inference_steps=recipe.num_inference_steps,
                guidance_scale=recipe.guidance_scale,
                scheduler=recipe.scheduler,
            ),
        )

    def _keep(self, seed: int, engine: Engine, image: DrawnImage) -> None:
        """Write the file, then the row; a full disk or a locked ledger is waited for with the image in hand.

        The engine is at the next image already. The one after that is noted in the commit that records this one.
        """
        known = self._studio.engines[engine.pid]
        record = self._lasting(
            lambda: self._studio.gallery.save(
                self._slice,
                seed,
                image,
                engine_id=known.id,
                engine=known.record,
                queue_wait_ms=self._queue_wait_ms,
            )
        )
        stopping = self._withdrawing or self._studio.stopping()
        upcoming = self._pending[0] if self._pending and not stopping else None
        recorded = self._lasting(lambda: self._ledger.record_and_go_on(record, upcoming))
        if not recorded.new:
            self._lasting(lambda: self._settle_between(record))
        self._in_pipe.remove(seed)  # until it is recorded, it is not drawn
        self._unwanted = not recorded.wanted
        self._studio.failures_in_a_row.pop(self._variant.key, None)
        self._studio.on_settled(self._slice, seed, None)
        if upcoming is not None and recorded.wanted:
            self._pending.remove(upcoming)
            with contextlib.suppress(
                EngineDiedError
            ):  # `poll` says it again, where it is dealt with
                self._request(engine, upcoming, recorded.noted)

    def _settle_between(self, record: ImageRecord) -> None:
        """Let the row tell of the file that lies there, after another worker recorded the same image first.

        Both drew it because its slice was delivered twice. With one variant on one system the files are the same; with
        different ones, the second file may have replaced the first before or after the first one's row.
        """
        if self._studio.gallery.holds(record):
            self._ledger.replace_done(record)

    def _image_failed(self, seed: int, error: str, *, hopeless: bool = False) -> None:
        """Count a failed attempt; the image goes to the end of the slice, or is given up."""
        attempts = self._attempts.get(seed, 1)
        final = hopeless or attempts >= self._studio.max_attempts
        self._lasting(
            lambda: self._ledger.record_failure(
                self._slice.recipe_id,
                seed,
                slice_id=self._slice.id,
                engine_id=None,
                error=error,
                final=final,
            )
        )
        if not final:
            self._pending.append(seed)
            return
        log.warning(
            "Gave up image %s/%d seed %d after %d attempt(s): %s",
            self._slice.batch_name,
            self._slice.entry,
            seed,
            attempts,
            error,
        )
        self._studio.on_settled(self._slice, seed, error)
        self._count_failure(error)

    def _count_failure(self, error: str) -> None:
        self._studio.failures_in_a_row[self._variant.key] += 1
        if self._studio.failures_in_a_row[self._variant.key] < FAILURES_TO_PAUSE:
            return
        reason = f"{FAILURES_TO_PAUSE} images in a row failed, the last one with: {error}"
        self._lasting(lambda: self._ledger.pause_variant(self._variant, reason))
        self._studio.failures_in_a_row.pop(self._variant.key)
        raise VariantUnusable(self._variant, VariantPausedError(self._variant, reason))

    def _engine_lost(self, error: SdqError) -> None:
        """Blame the image that the engine was on, and nobody else."""
        log.warning("%s", error)
        self._studio.pool.discard(self._variant)
        if not self._in_pipe:
            return
        culprit = self._in_pipe.popleft()
        self._take_back(list(self._in_pipe))
        self._image_failed(culprit, f"{type(error).__name__}: {error}")

    def _give_up_worn_out(self) -> None:
        """Settle images whose attempts are used up: those that killed not only their engine but its worker."""
        for seed in [
            s for s in self._pending if self._attempts.get(s, 0) >= self._studio.max_attempts
        ]:
            self._pending.remove(seed)
            self._image_failed(seed, "the worker died with it at every attempt")

    def _take_back(self, seeds: Iterable[int]) -> None:
        for seed in seeds:
            self._in_pipe.remove(seed)
            self._pending.appendleft(seed)
            self._forgive([seed])

    def _forgive(self, seeds: Iterable[int]) -> None:
        for seed in seeds:
            self._ledger.forgive_attempt(self._slice.recipe_id, seed)

    def _lasting(self, action: Callable[[], Result]) -> Result:
        """Do what touches disk or ledger; trouble there is waited for, not counted against the image."""
        return self._studio.patience.until_done(action)
