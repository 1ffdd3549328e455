"""What a worker draws: which queue comes next, and which variant draws `any`.

What has the highest rank comes next, also where its variant has to be loaded for it. Batches of equal rank take turns,
a slice at a time, among those that a variant in memory can draw; what needs another variant waits for at most
`PATIENCE_WITH_OTHERS_S`, and a worker does not load one for fairness' sake more often than that.

A recipe that names a variant is drawn with it. For `any`, a worker with a lane uses only its lane. Other workers prefer
what is already in memory, then the reference variant, then the model's other variants, on the compute unit `ALL`. They
do not use a variant in memory on `CPU_ONLY`: somebody asked for it because other units fail, and it is slow. A variant
that is paused, or that failed to load here, is skipped.

A model that was here when this worker looked first, and whose files are gone, is absent, not unusable: its slices go
back to their queues, and the worker looks for it every few seconds, however long that takes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from db.ledger import Ledger
from sdq_core.errors import InputError, InputMissingError, PackageError, SdqError, StorageError
from sdq_core.models import ModelStore
from sdq_core.models.any_variant import Present, check_reference, complete_variants
from sdq_core.models.folder import VariantFolder
from sdq_core.queue.order import Waiting
from sdq_core.values.order import Rank
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AnyVariant, ComputeUnit, Placement, RecipeVariant, Variant
from worker.choosing.unusable import (
    ModelAbsentError,
    NotOfThisLaneError,
    Unusable,
    VariantPausedError,
    VariantUnusable,
)

#: How long a variant that is not in memory waits while those in memory have work of the same rank, and the least time
#: from one such load to the next: a load of 15 s then costs 5 % of the drawing, whatever waits.
PATIENCE_WITH_OTHERS_S = 300.0


class Repertoire:
    """One worker's choice of variants."""

    def __init__(
        self,
        store: ModelStore,
        ledger: Ledger,
        lane: Placement | None = None,
        *,
        patience_s: float = PATIENCE_WITH_OTHERS_S,
    ) -> None:
        """Choose among the models of a store. patience_s: how long a variant waits for the one in memory."""
        self._store = store
        self._ledger = ledger
        self._lane = lane
        self._patience_s = patience_s
        self._unusable = Unusable()  # queues
        self._passed_over = Unusable()  # variants not to be used for `any`
        self._known: Mapping[str, RecipeVariant] = {}
        self._present: dict[str, Present] = {}
        self._found: dict[str, VariantFolder] = {}  # by variant key
        self._waiting_since: dict[str, float] = {}  # by variant key
        self._loaded_at = float("-inf")  # when a variant was taken up that was not in memory

    @property
    def unusable(self) -> Mapping[str, SdqError]:
        """The variant keys that are given up for now, each with the reason; absent models are not among them."""
        return {
            key: cause
            for key, cause in self._unusable.causes().items()
            if not isinstance(cause, ModelAbsentError)
        }

    def next_queue(self, waiting: Iterable[Waiting], pinned: Sequence[Variant]) -> Waiting | None:
        """Return the queue to draw from next; None if this worker can draw nothing that waits.

        pinned: the variants in memory, the most recently used first.
        """
        moment = time.monotonic()
        usable = self._usable(waiting)
        self._waiting_since = {
            queue.variant_key: self._waiting_since.get(queue.variant_key, moment)
            for queue in usable
        }
        if not usable:
            return None
        highest = max(queue.rank for queue in usable)
        usable = [queue for queue in usable if queue.rank == highest]
        at_hand = [queue for queue in usable if self.holds(queue, pinned)]
        if self._lane is not None:  # the other lane can draw `any` too
            own = [queue for queue in at_hand if not self._is_any(queue)]
            at_hand = own or at_hand
        for queue in sorted(usable, key=lambda each: self._waiting_since[each.variant_key]):
            since = max(self._waiting_since[queue.variant_key], self._loaded_at)
            if queue not in at_hand and moment - since > self._patience_s:
                return queue

        def turn(queue: Waiting) -> tuple[int, int, bool, str]:
            # The variants of one batch come one after the other.
            changes = not self.holds(queue, pinned[:1])
            return queue.turn, queue.batch_id or 0, changes, queue.key

        return min(at_hand or usable, key=turn)

    def is_outranked(self, rank: Rank, waiting: Iterable[Waiting]) -> bool:
        """Whether something waits that this worker can draw and that is more urgent than a rank."""
        urgent = (queue for queue in waiting if queue.batch_id is not None and queue.rank > rank)
        return bool(self._usable(urgent))

    def holds(self, queue: Waiting, pinned: Sequence[Variant]) -> bool:
        """Whether a variant in memory would draw a queue's slices."""
        wanted = self._known.get(queue.variant_key)
        if isinstance(wanted, AnyVariant):
            return any(self._serves(variant, wanted) for variant in pinned)
        return wanted in pinned

    def taken(self, queue: Waiting, pinned: Sequence[Variant]) -> None:
        """Note that a slice of this queue was taken: its variant no longer waits."""
        if not self.holds(queue, pinned):
            self._loaded_at = time.monotonic()
        self._waiting_since.pop(queue.variant_key, None)

    def variant_for(self, recipe: Recipe, pinned: Sequence[Variant]) -> Variant:
        """Return the variant to draw a recipe with; raise VariantUnusable if nothing here can draw it.

        pinned: the variants in memory, the most recently used first.
        """
        wanted = recipe.variant
        try:
            if isinstance(wanted, Variant):
                if wanted not in pinned:
                    # Before an engine that draws is ended to make room for one that cannot be loaded.
                    self._found[wanted.key] = self._store.find_variant(wanted)
                    if absence := self._absence(wanted):
                        raise absence
                self._unusable.note_return(wanted.key)
                return wanted
            present = self._complete(wanted)
            candidates = self._candidates(wanted, present, pinned)
        except SdqError as error:
            raise VariantUnusable(wanted, self._absence(wanted) or error) from error
        paused = {held.variant: held.reason for held in self._ledger.variants.paused()}
        causes: list[SdqError] = []
        for variant in candidates:
            if variant in paused:
                causes.append(VariantPausedError(variant, paused[variant]))
            elif cause := self._cause(variant) or _misfit(recipe, variant, present):
                causes.append(cause)
            else:
                self._found[variant.key] = present[variant.attention_implementation]
                if variant not in pinned and (absence := self._absence(variant)):
                    causes.append(absence)
                    continue
                self._unusable.note_return(wanted.key)
                return variant
        troubles = [VariantUnusable(wanted, cause) for cause in causes]
        # What heals by itself or by a command first, then what somebody has to mend.
        troubles.sort(key=lambda trouble: isinstance(trouble.cause, PackageError))
        raise next((trouble for trouble in troubles if trouble.heals), troubles[0])

    def note(self, unusable: VariantUnusable, key: str) -> None:
        """Skip the queue of a variant key from now on, or for a while if the problem may go away.

        A queue for `any` stays in use, with one variant fewer to choose from; the next slice shows whether one is left.
        """
        if absence := self._absence(unusable.variant):
            unusable = VariantUnusable(unusable.variant, absence)
        (self._unusable if unusable.variant.key == key else self._passed_over).note(unusable)

    def _usable(self, waiting: Iterable[Waiting]) -> list[Waiting]:
        """Return the queues from which this worker may draw.

        One whose variant is not in the ledger is left to workers without a lane: its jobs are not sdq's.
        """
        usable = [queue for queue in waiting if self._unusable.cause(queue.variant_key) is None]
        if any(queue.variant_key not in self._known for queue in usable):
            self._known = self._ledger.variants.known()
        if self._lane is None:
            return usable
        found = ((queue, self._known.get(queue.variant_key)) for queue in usable)
        return [queue for queue, variant in found if variant and self._lane.draws(variant)]

    def _is_any(self, queue: Waiting) -> bool:
        return isinstance(self._known.get(queue.variant_key), AnyVariant)

    def _candidates(
        self, wanted: AnyVariant, present: Present, pinned: Sequence[Variant]
    ) -> list[Variant]:
        here = {word: folder.revision for word, folder in present.items()}
        if self._lane is not None:
            word = self._lane.attention_implementation
            if word not in here:
                raise NotOfThisLaneError(
                    f"The model has no complete packages for {word} here. Other lanes and workers can draw it."
                )
            return [self._lane.of(wanted.model, here[word])]
        loaded = [
            variant
            for variant in pinned
            if self._serves(variant, wanted)
            and here.get(variant.attention_implementation) == variant.revision
        ]
        others = (
            Placement(attention_implementation=word, compute_unit=ComputeUnit.ALL).of(
                wanted.model, revision
            )
            for word, revision in here.items()
        )
        return list(dict.fromkeys([*loaded, *others]))

    def _serves(self, pinned: Variant, wanted: AnyVariant) -> bool:
        slow = self._lane is None and pinned.compute_unit is ComputeUnit.CPU_ONLY
        return pinned.model == wanted.model and not slow

    def _cause(self, variant: Variant) -> SdqError | None:
        """Return why a variant failed here, other than a pause: the ledger has the current pauses."""
        cause = self._passed_over.cause(variant.key)
        return None if isinstance(cause, VariantPausedError) else cause

    def _absence(self, variant: RecipeVariant) -> ModelAbsentError | None:
        """Return what is gone of a model that was here before; None if it never was, or may be loaded.

        The data folder counts: without it, nothing that was prepared for this machine can be loaded.
        """
        if isinstance(variant, AnyVariant):
            folders = list(self._present.get(variant.key, {}).values())
        else:
            folders = [self._found[variant.key]] if variant.key in self._found else []
        gone = [missing for folder in folders if (missing := self._missing(folder))]
        if not gone or len(gone) < len(folders):
            return None
        return ModelAbsentError(
            f"{gone[0]} is no longer there, so {variant} cannot be loaded. Reconnect its drive, or put it back."
        )

    def _missing(self, folder: VariantFolder) -> Path | None:
        home = self._store.models.parent
        return folder.missing() if home.exists() else home

    def _complete(self, wanted: AnyVariant) -> Present:
        """Look at a model's variants; one may have been pulled or replaced since the previous slice.

        While their disk fails or is not connected, those that were there before draw on, if they are in memory.
        """
        try:
            present = complete_variants(self._store, wanted.model)
        except (StorageError, InputMissingError, PackageError) as error:
            if not (isinstance(error, StorageError) or self._absence(wanted)):
                raise
            if wanted.key not in self._present:
                raise
            return self._present[wanted.key]
        check_reference(wanted, present)
        self._present[wanted.key] = present
        return present


def _misfit(recipe: Recipe, variant: Variant, present: Present) -> InputError | None:
    """Return why a variant does not fit a recipe, None if it does: packages here may differ from those at submit."""
    folder = present[variant.attention_implementation]
    if (folder.width, folder.height) != (recipe.width, recipe.height):
        return InputError(
            f"{variant} draws {folder.width}x{folder.height} images here, not {recipe.width}x{recipe.height}. "
            "Draw this batch on a machine with packages of its size."
        )
    return None
