"""Any variant of a model: which there are, and what holds for all of them.

Submitting with `--variant any` names a model and leaves its variant to the worker. The revision of such a recipe is
that of one variant, the reference: the first of `AttentionImplementation` that is complete here. So a model replaced in
place means new images, as with a named variant; a variant added to the model, or removed, does not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sdq_core.errors import InputError, InputMissingError, PackageError
from sdq_core.models.controlnet import ControlNet
from sdq_core.models.families import STABLE_DIFFUSION, Family
from sdq_core.models.folder import VariantFolder
from sdq_core.models.store import ModelStore
from sdq_core.models.usual import Usual
from sdq_core.values.variants import (
    ANY,
    AnyVariant,
    AttentionImplementation,
    RecipeVariant,
    Whichever,
)

Present = Mapping[AttentionImplementation, VariantFolder]


@dataclass(frozen=True, kw_only=True)
class AnyFolder:
    """What all variants of a model have in common.

    revision: the reference variant's name and revision.
    width, height: pixels.
    tokenizer: the reference variant's.
    usual: how the model is drawn where nothing else says.
    family: what kind of model it is.
    variants: all of them.
    timesteps: see `VariantFolder`.
    """

    model: str
    revision: str
    width: int
    height: int
    tokenizer: Path
    usual: Usual
    family: Family = STABLE_DIFFUSION
    variants: tuple[VariantFolder, ...] = ()
    timesteps: Sequence[int] = ()

    def check_encoder(self) -> None:
        """Raise PackageError if one of the variants cannot begin with a picture."""
        for folder in self.variants:
            folder.check_encoder()

    def check_controlnets(self, nets: Sequence[ControlNet]) -> None:
        """Raise PackageError if one of the variants cannot be drawn with these ControlNets."""
        for folder in self.variants:
            folder.check_controlnets(nets)

    @property
    def attention_implementation(self) -> Whichever:
        """Left open."""
        return ANY


def resolver(
    store: ModelStore, known: Collection[RecipeVariant] = ()
) -> Callable[[str, AttentionImplementation | Whichever], VariantFolder | AnyFolder]:
    """Return a function that looks up a variant by name, including `any`, for planning.

    known: the ledger's variants. A model that it has by a former version's revision keeps that, so submitting again
    after an update asks for the same images.
    """

    def resolve(
        model: str, variant: AttentionImplementation | Whichever
    ) -> VariantFolder | AnyFolder:
        if variant is ANY:
            return find_any(store, model, known)
        revisions = [
            one.revision
            for one in known
            if one.model == model and one.attention_implementation == variant
        ]
        folder = store.find(model, variant)
        usual = store.usual_of(folder)
        return replace(folder.known_as(_known_revision(folder, revisions)), usual=usual)

    return resolve


def find_any(store: ModelStore, model: str, known: Collection[RecipeVariant] = ()) -> AnyFolder:
    """Return what all variants of a model have in common.

    Raise InputMissingError for a model that is not here, PackageError if no variant is complete, and InputError if they
    draw images of different sizes.
    """
    present = complete_variants(store, model)
    sizes = {(folder.width, folder.height) for folder in present.values()}
    if len(sizes) > 1:
        said = ", ".join(f"{word} {f.width}x{f.height}" for word, f in present.items())
        raise InputError(
            f"The variants of {model} draw different sizes ({said}), so --variant any cannot be used. Name one of them."
        )
    reference = next(iter(present.values()))
    current = f"{reference.attention_implementation}:{reference.revision}"
    revisions = [
        one.revision for one in known if one.model == model and one.attention_implementation is ANY
    ]
    # By whatever word: former versions believed the folder's name.
    former = (one for one in revisions if reference.goes_by(one.partition(":")[2]))
    return AnyFolder(
        model=model,
        revision=current if current in revisions else next(former, current),
        width=reference.width,
        height=reference.height,
        tokenizer=reference.tokenizer,
        usual=store.usual_of(reference),
        family=reference.family,
        variants=tuple(present.values()),
        timesteps=reference.timesteps,
    )


def complete_variants(store: ModelStore, model: str) -> Present:
    """Return the complete variants, in the order in which they serve as the reference; at least one.

    Raise InputMissingError for a model that is not here, PackageError if none is complete.
    """
    present: dict[AttentionImplementation, VariantFolder] = {}
    problem: PackageError | None = None
    for word in store.attention_implementations(model):
        try:
            present[word] = store.find(model, word)
        except PackageError as error:
            problem = problem or error
    if problem and not present:
        raise problem
    # If the model is not here at all, looking for any variant says so.
    original = AttentionImplementation.ORIGINAL
    return present or {original: store.find(model, original)}


def check_reference(wanted: AnyVariant, present: Present) -> None:
    """Raise InputMissingError if the model is not the one that was submitted.

    A machine without the reference trusts the name: a model's name means one model.
    """
    word, _, revision = wanted.revision.partition(":")
    reference = next((folder for name, folder in present.items() if name == word), None)
    if reference is not None and not reference.goes_by(revision):
        raise InputMissingError(
            f"Model {wanted.model!r} has changed since these images were submitted (revision {revision} of {word}, "
            f"now {reference.revision}). Restore the previous files, or submit the same prompts to the same batch "
            "again: what is not drawn yet is then drawn with the new ones."
        )


def _known_revision(folder: VariantFolder, revisions: Collection[str]) -> str:
    """Return the revision by which the ledger knows a folder's files, else their own."""
    if folder.revision in revisions:
        return folder.revision
    return next((one for one in revisions if folder.goes_by(one)), folder.revision)
