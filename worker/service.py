"""Putting a worker together: settings and options in, a drained queue out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from db.ledger import Ledger
from db.values import Slice
from sdq_core.errors import InputMissingError, SdqError
from sdq_core.models import ModelStore
from sdq_core.queue.queues import Queues, connect
from sdq_core.settings import Settings
from sdq_core.values.safety import Safety
from sdq_core.values.variants import Placement, Variant
from worker.choosing.repertoire import Repertoire
from worker.claims.loop import SliceWorker
from worker.drawing.drawing import DEFAULT_MAX_ATTEMPTS, Studio
from worker.drawing.patience import Patience
from worker.drawing.saving import Gallery
from worker.engine.handle import Deadlines, Engine
from worker.engine.messages import Launch
from worker.engine.pool import DEFAULT_MAX_PINNED, EnginePool
from worker.pipelines.choice import PipelineChoice


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """What `sdq worker` lets its user choose.

    threads: of the portable runtime, None for its own choice. lane: the only variants to draw, None for all.
    """

    max_pinned: int = DEFAULT_MAX_PINNED
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    deadlines: Deadlines = field(default_factory=Deadlines)
    threads: int | None = None
    with_metadata: bool = True
    pipeline: PipelineChoice = PipelineChoice.AUTO
    safety: Safety = Safety.FLAG
    lane: Placement | None = None


def run_worker(
    settings: Settings,
    ledger: Ledger,
    queues: Queues,
    options: WorkerOptions,
    *,
    finished: Callable[[], bool],
    on_settled: Callable[[Slice, int, str | None], None],
    unusable: dict[str, SdqError],
    abandoned: Callable[[], bool] = lambda: False,
) -> None:
    """Draw until told to stop or until nothing waits and `finished` says so.

    unusable gets the variant keys that cannot be drawn here, each with the reason, as they are found. abandoned: says
    that whoever started this worker is gone, which stops it too. Raises StopNow at the second signal.
    """
    store = ModelStore(settings.models)

    def start(variant: Variant) -> Engine:
        folder = store.find(variant.model, variant.attention_implementation)
        if folder.revision != variant.revision:
            raise InputMissingError(
                f"Model {variant.model!r} ({variant.attention_implementation}) has changed since these images were "
                f"submitted (revision {variant.revision}, here {folder.revision}): submit them again, or bring the "
                "former files back."
            )
        launch = Launch(
            folder=folder,
            compute_unit=variant.compute_unit,
            cache=settings.cache,
            threads=options.threads,
            pipeline=options.pipeline,
            safety=options.safety,
        )
        return Engine(launch, options.deadlines)

    def make_studio(
        worker: str, patience: Patience, beat: Callable[[], None], stopping: Callable[[], bool]
    ) -> Studio:
        return Studio(
            worker=worker,
            ledger=ledger,
            pool=EnginePool(start, max_pinned=options.max_pinned),
            gallery=Gallery(
                settings.outputs, with_metadata=options.with_metadata, safety=options.safety
            ),
            patience=patience,
            beat=beat,
            stopping=stopping,
            on_settled=on_settled,
            max_attempts=options.max_attempts,
        )

    worker = SliceWorker(
        queues=queues,
        ledger=ledger,
        reach_redis=lambda: connect(settings),
        make_studio=make_studio,
        repertoire=Repertoire(store, ledger, options.lane),
        unusable=unusable,
        abandoned=abandoned,
    )
    worker.work_until(finished)
