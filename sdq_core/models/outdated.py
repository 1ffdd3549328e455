"""Variants that were asked for and cannot be drawn here any more, because their model's files are others now."""

from __future__ import annotations

from collections.abc import Iterable

from sdq_core.errors import InputMissingError, SdqError
from sdq_core.models.any_variant import check_reference, complete_variants
from sdq_core.models.store import ModelStore
from sdq_core.values.variants import AnyVariant, RecipeVariant


def require_variant(store: ModelStore, variant: RecipeVariant) -> None:
    """Return if this machine has a recipe's variant; otherwise raise as `ModelStore.find_variant` does."""
    if isinstance(variant, AnyVariant):
        check_reference(variant, complete_variants(store, variant.model))
    else:
        store.find_variant(variant)


def outdated_variants(
    store: ModelStore, wanted: Iterable[RecipeVariant], known: Iterable[RecipeVariant]
) -> frozenset[RecipeVariant]:
    """Return those of the known variants that are wanted ones at a revision that is no longer here."""
    current = {_without_revision(variant): variant.revision for variant in wanted}
    return frozenset(
        variant
        for variant in known
        if current.get(_without_revision(variant), variant.revision) != variant.revision
        and _is_gone(store, variant)
    )


def _is_gone(store: ModelStore, variant: RecipeVariant) -> bool:
    try:
        require_variant(store, variant)
    except InputMissingError:
        return True
    except SdqError:  # the disk's trouble may pass
        return False
    return False


def _without_revision(variant: RecipeVariant) -> tuple[str, str, str]:
    return variant.model, str(variant.attention_implementation), str(variant.compute_unit)
