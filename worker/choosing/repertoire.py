"""What a worker draws, and which variant it draws `any` with.

A recipe's own variant is drawn as it is. For any variant of a model the choice is, in this order: the worker's lane, if
it has one, and nothing else; what is in memory already; the reference and then the model's other variants, on every
compute unit. What is in memory for `CPU_ONLY` was asked for where other units fail, and is too slow for all else. A
variant that is paused, or that failed to load here, is passed over.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from db.ledger import Ledger
from sdq_core.errors import InputError, SdqError
from sdq_core.models import ModelStore
from sdq_core.models.any_variant import Present, check_reference, complete_variants
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AnyVariant, ComputeUnit, Lane, RecipeVariant, Variant
from worker.choosing.unusable import (
    LOOK_AGAIN_AFTER_S,
    NotOfThisLaneError,
    VariantPausedError,
    VariantUnusable,
)


class Repertoire:
    """One worker's choice of variants."""

    def __init__(self, store: ModelStore, ledger: Ledger, lane: Lane | None = None) -> None:
        self._store = store
        self._ledger = ledger
        self._lane = lane
        self._known: Mapping[str, RecipeVariant] = {}
        self._present: dict[str, Present] = {}
        self._failed: dict[RecipeVariant, tuple[SdqError, float]] = {}

    def wanted(self, keys: Sequence[str]) -> dict[str, RecipeVariant | None]:
        """Give those variant keys that this worker may draw, with what they stand for.

        A key that the ledger does not know is None, and left to workers without a lane: no job in its queue is ours.
        """
        if any(key not in self._known for key in keys):
            self._known = self._ledger.variants.known()
        found = {key: self._known.get(key) for key in keys}
        if self._lane is None:
            return found
        return {
            key: variant for key, variant in found.items() if variant and self._lane.draws(variant)
        }

    def variant_for(self, recipe: Recipe, pinned: Sequence[Variant]) -> Variant:
        """Choose what to draw a recipe with. pinned: what is in memory, the last used first.

        Raises VariantUnusable when nothing here can draw it.
        """
        wanted = recipe.variant
        if isinstance(wanted, Variant):
            return wanted
        try:
            present = self._complete(wanted)
            candidates = self._candidates(wanted, present, pinned)
        except SdqError as error:
            raise VariantUnusable(wanted, error) from error
        paused = {held.variant: held.reason for held in self._ledger.variants.paused()}
        causes: list[SdqError] = []
        for variant in candidates:
            if variant in paused:
                causes.append(VariantPausedError(variant, paused[variant]))
            elif cause := self._cause(variant) or _misfit(recipe, variant, present):
                causes.append(cause)
            else:
                return variant
        troubles = [VariantUnusable(wanted, cause) for cause in causes]
        raise next((trouble for trouble in troubles if trouble.heals), troubles[0])

    def failed(self, unusable: VariantUnusable) -> None:
        """Pass a variant over from now on; for a while, if its trouble may heal. Of a paused one the ledger knows."""
        if not isinstance(unusable.cause, VariantPausedError):
            until = time.monotonic() + LOOK_AGAIN_AFTER_S if unusable.heals else float("inf")
            self._failed[unusable.variant] = (unusable.cause, until)

    def holds(self, wanted: RecipeVariant | None, pinned: Sequence[Variant]) -> bool:
        """Say whether a recipe's variant would be drawn with one that is in memory."""
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
                del self._present[wanted.key]  # it may be pulled meanwhile
                raise NotOfThisLaneError(
                    f"the model has no complete packages as {word} here. Other lanes and workers can draw it."
                )
            return [_variant(wanted.model, here[word], self._lane)]
        loaded = [
            variant
            for variant in pinned
            if self._serves(variant, wanted)
            and here.get(variant.attention_implementation) == variant.revision
        ]
        others = (
            _variant(
                wanted.model,
                revision,
                Lane(attention_implementation=word, compute_unit=ComputeUnit.ALL),
            )
            for word, revision in here.items()
        )
        return list(dict.fromkeys([*loaded, *others]))

    def _serves(self, pinned: Variant, wanted: AnyVariant) -> bool:
        slow = self._lane is None and pinned.compute_unit is ComputeUnit.CPU_ONLY
        return pinned.model == wanted.model and not slow

    def _cause(self, variant: Variant) -> SdqError | None:
        cause, until = self._failed.get(variant, (None, 0.0))
        return cause if time.monotonic() < until else None

    def _complete(self, wanted: AnyVariant) -> Present:
        """Look at a model's variants once: their files are long, and engines are started with what they were."""
        if wanted.key not in self._present:
            present = complete_variants(self._store, wanted.model)
            check_reference(wanted, present)
            self._present[wanted.key] = present
        return self._present[wanted.key]


def _variant(model: str, revision: str, lane: Lane) -> Variant:
    return Variant(
        model=model,
        revision=revision,
        attention_implementation=lane.attention_implementation,
        compute_unit=lane.compute_unit,
    )


def _misfit(recipe: Recipe, variant: Variant, present: Present) -> InputError | None:
    """Say what submitting could not see: another machine's variant, or one that came later, may not draw the like."""
    folder = present[variant.attention_implementation]
    if (folder.width, folder.height) != (recipe.width, recipe.height):
        return InputError(
            f"{variant} draws {folder.width}x{folder.height} here, and {recipe.width}x{recipe.height} was asked for."
        )
    if recipe.guidance_scale <= 1 and folder.unet_batch != 1:
        return InputError(
            f"{variant} cannot draw without guidance here: its U-Net has batch {folder.unet_batch}."
        )
    return None
