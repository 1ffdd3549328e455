"""Builds a worker from settings and options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from db.ledger import Ledger
from sdq_core.errors import SdqError
from sdq_core.images.root import OutputRoot
from sdq_core.models import ModelStore
from sdq_core.models.controlnet import ControlNets
from sdq_core.queue.in_hand import InHand
from sdq_core.queue.queues import Queues
from sdq_core.settings import Settings
from sdq_core.values.part_units import UnitRules
from sdq_core.values.safety import Safety
from sdq_core.values.variants import Placement, Variant
from worker.choosing.repertoire import Repertoire
from worker.claims.claims import Claims
from worker.claims.intake import Intake
from worker.claims.recovery import Recovery
from worker.claims.shift import Shift
from worker.drawing.failures import DEFAULT_MAX_ATTEMPTS
from worker.drawing.hand import Hand, Showing
from worker.drawing.recycling import RecycleAfter, Recycling
from worker.drawing.saving import Gallery
from worker.drawing.studio import Studio
from worker.drawing.tally import Onlooker, Tally
from worker.drawing.units import Units
from worker.duty.awake import Awake
from worker.duty.duty import Duty
from worker.duty.limits import Limits
from worker.engine.budget import Budget, expected_bytes
from worker.engine.handle import Deadlines, Engine
from worker.engine.messages import Launch
from worker.engine.pool import DEFAULT_MAX_PINNED, EnginePool
from worker.engine.turns import Turns
from worker.loop import Worker
from worker.messenger import Messenger, Sender
from worker.pipelines.choice import PipelineChoice


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """The options of `sdq worker`.

    threads: threads of the runtime on the CPU, or None for its own choice.
    unload_after_s: how long an engine stays in memory without work, s; None for ever.
    recycle_after: when to replace an engine; None for when it has grown.
    max_memory: how much memory the engines may take together, bytes; None for any amount that the machine has.
    lane: the only placement to draw, or None for all. A worker with a lane ends with the command that started it.
    batch_id: the only batch to draw, or None for all.
    limits: when to draw, and when to end.
    rules: what the user chose for the compute units of parts.
    with_previews: tell pages what the image in hand would be by now.
    """

    max_pinned: int = DEFAULT_MAX_PINNED
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    deadlines: Deadlines = field(default_factory=Deadlines)
    threads: int | None = None
    with_metadata: bool = True
    pipeline: PipelineChoice = PipelineChoice.AUTO
    safety: Safety = Safety.FLAG
    unload_after_s: float | None = None
    recycle_after: RecycleAfter | None = None
    max_memory: int | None = None
    lane: Placement | None = None
    batch_id: int | None = None
    limits: Limits = field(default_factory=Limits)
    rules: UnitRules = field(default_factory=UnitRules)
    with_previews: bool = False


def make_worker(
    settings: Settings,
    ledger: Ledger,
    queues: Queues,
    options: WorkerOptions,
    *,
    onlooker: Onlooker | None = None,
    show: Callable[[InHand | None], None] | None = None,
    pool: EnginePool | None = None,
    duty: Duty | None = None,
    awake: Awake | None = None,
    sender: Sender | None = None,
) -> Worker:
    """Build a worker; nothing is claimed or loaded yet.

    onlooker: told of each image that is settled.
    show: called several times a second, between two duties of the worker's one thread, with the image in hand.
    pool, duty: the engines, and when to draw; by default what the options ask for.
    awake: keeps the machine awake; by default as this system does it.
    sender: the program that sends notices; without one, they are left to other workers.
    """
    store = ModelStore(settings.models)
    claims = Claims(queues, settings.home / "workers", shared=settings.redis_url is not None)
    recovery = Recovery(claims=claims, presence=claims.presence, ledger=ledger)
    messenger = Messenger(
        ledger=ledger,
        worker=claims.worker,
        living=claims.living,
        defaults=settings.notify,
        reports=settings.report is not None,
        sender=sender,
    )
    tally = Tally(onlooker=onlooker)
    duty = duty or Duty(options.limits)
    hand = Hand()
    showing = Showing(queues.in_hand, hand, worker=claims.worker, previews=queues.previews)

    def look() -> None:
        recovery.look()
        messenger.look()
        showing.show()

    shift = Shift(
        claims.keep_alive,
        look=look,
        show=(lambda: show(hand.image)) if show else (lambda: None),
        end=lambda: duty.end(tally.drawn),
        ends_with_stdin=options.lane is not None,
    )
    repertoire = Repertoire(store, ledger, options.lane)
    units = Units(ledger, shift, options.rules)
    starter = EngineStarter(settings, store, options, units)
    turns = starter.turns
    outputs = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
    studio = Studio.of(
        worker=claims.worker,
        ledger=ledger,
        shift=shift,
        duty=duty,
        tally=tally,
        pool=pool
        or EnginePool(
            starter.start,
            max_pinned=options.max_pinned,
            unload_after_s=options.unload_after_s,
            budget=None
            if options.max_memory is None
            else Budget(options.max_memory, expected=starter.expected_bytes, turns=turns),
        ),
        gallery=Gallery(
            outputs,
            with_metadata=options.with_metadata,
            safety=options.safety,
            measured=settings.inspects_while_drawing,
        ),
        recycling=Recycling(options.recycle_after, max_memory=options.max_memory, turns=turns),
        max_attempts=options.max_attempts,
        hand=hand,
        units=units,
    )
    intake = Intake(
        queues=queues,
        claims=claims,
        ledger=ledger,
        repertoire=repertoire,
        recovery=recovery,
        shift=shift,
        batch_id=options.batch_id,
    )
    return Worker(
        claims=claims,
        intake=intake,
        repertoire=repertoire,
        studio=studio,
        outputs=outputs,
        tally=tally,
        awake=awake or Awake(),
        messenger=messenger,
    )


@dataclass(frozen=True)
class EngineStarter:
    """Starts the engine of a variant with a worker's options."""

    settings: Settings
    store: ModelStore
    options: WorkerOptions
    units: Units

    @cached_property
    def turns(self) -> Turns:
        """The variants whose parts do not fit into memory together."""
        return Turns(self.options.max_memory, expected=self.expected_bytes)

    def start(self, variant: Variant) -> Engine:
        """Start an engine; raise InputMissingError or PackageError if this machine does not have its model."""
        launch = Launch(
            folder=self.store.find_variant(variant),
            compute_unit=variant.compute_unit,
            cache=self.settings.cache,
            threads=self.options.threads,
            runtime=self.settings.runtime,
            pipeline=self.options.pipeline,
            safety=self.options.safety,
            rules=self.units.rules(variant),
            inputs=self.settings.inputs,
            controlnets=ControlNets(self.settings.models),
            with_previews=self.options.with_previews,
            room=self.turns.room_for(variant),
        )
        return Engine(launch, self.options.deadlines)

    def expected_bytes(self, variant: Variant) -> int:
        """Return what a variant's engine will take in memory, bytes; 0 if `start` will raise."""
        try:
            return expected_bytes(self.store.find_variant(variant), self.settings.runtime)
        except (SdqError, OSError):
            return 0
