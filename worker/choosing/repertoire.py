"""What a worker draws: which variant comes next, and which one draws `any`.

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
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AnyVariant, ComputeUnit, Placement, RecipeVariant, Variant
from worker.choosing.unusable import (
    ModelAbsentError,
    NotOfThisLaneError,
    Unusable,
    VariantPausedError,
    VariantUnusable,
)

#: How long a variant that is not in memory waits while the one in memory has work.
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
        self._waiting_since: dict[str, float] = {}
        self._last_key: str | None = None

    @property
    def unusable(self) -> Mapping[str, SdqError]:
        """The variant keys that are given up for now, each with the reason; absent models are not among them."""
        return {
            key: cause
            for key, cause in self._unusable.causes().items()
            if not isinstance(cause, ModelAbsentError)
        }

    def next_key(self, waiting: Iterable[str], pinned: Sequence[Variant]) -> str | None:
        """Return the variant key whose queue to draw next; None if this worker can draw nothing that waits.

        The variant in memory is preferred until its queue is empty or another has waited too long. What only that
        variant can draw comes before `any`, which other workers can draw too.

        pinned: the variants in memory, the most recently used first.
        """
        moment = time.monotonic()
        usable = self._drawn_here([key for key in waiting if self._unusable.cause(key) is None])
        self._waiting_since = {key: self._waiting_since.get(key, moment) for key in usable}
        if not usable:
            return None
        longest = min(usable, key=lambda key: self._waiting_since[key])
        if moment - self._waiting_since[longest] > self._patience_s:
            return longest
        at_hand = [key for key, wanted in usable.items() if self._holds(wanted, pinned)]
        own = [key for key in at_hand if not isinstance(usable[key], AnyVariant)]
        for keys in (own, at_hand):
            if keys:
                return self._last_key if self._last_key in keys else keys[0]
        return longest

    def taken(self, key: str) -> None:
        """Note that a slice of this queue was taken: it no longer waits, and the next slice comes from it too."""
        self._last_key = key
        self._waiting_since.pop(key, None)

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

    def _drawn_here(self, keys: Sequence[str]) -> dict[str, RecipeVariant | None]:
        """Return the variant keys that this worker may draw, with their variants.

        A key that is not in the ledger maps to None and is left to workers without a lane: its jobs are not sdq's.
        """
        if any(key not in self._known for key in keys):
            self._known = self._ledger.variants.known()
        found = {key: self._known.get(key) for key in keys}
        if self._lane is None:
            return found
        return {
            key: variant for key, variant in found.items() if variant and self._lane.draws(variant)
        }

    def _holds(self, wanted: RecipeVariant | None, pinned: Sequence[Variant]) -> bool:
        """Whether a variant in memory would draw a recipe's variant."""
        if isinstance(wanted, AnyVariant):
            return any(self._serves(variant, wanted) for variant in pinned)
        return wanted in pinned

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
    if recipe.guidance_scale <= 1 and folder.unet_batch != 1:
        return InputError(
            f"{variant} cannot draw without guidance here: its U-Net has batch {folder.unet_batch}. "
            "Convert the model with --unet-batch-one."
        )
    return None
