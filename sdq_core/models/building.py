"""Building a variant's folder of the parts and settings that were found, checked before anybody sees it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import InputMissingError, OutputError, PackageError, StorageError
from sdq_core.models import hub
from sdq_core.models.base_settings import put_settings
from sdq_core.models.check import refuse_unsupported
from sdq_core.models.finder import Findings, PartsPlace, choose_variants, read_attention
from sdq_core.models.folder import VariantFolder
from sdq_core.models.litter import is_litter
from sdq_core.models.store import ModelStore
from sdq_core.values.variants import AttentionImplementation

#: Puts a part, from where it is, where it shall be.
Put = Callable[[Path, Path], None]


@dataclass(frozen=True, kw_only=True)
class Built:
    """A variant that can be drawn. base: the repository that its settings come from, None for none."""

    folder: VariantFolder
    base: hub.Listing | None


def choose_places(
    path: Path,
    found: Findings,
    asked: AttentionImplementation | None,
    say: Callable[[str], None],
) -> dict[AttentionImplementation, PartsPlace]:
    """Return the place of each variant, only the one asked for if any was.

    path: what messages call all of it. say: told what was skipped, and what is not what its name says.

    Raise PackageError if there are several models, or not the variant that was asked for.
    """
    if found.problem:
        raise PackageError(found.problem)
    variants, notes = choose_variants((place, read_attention(place)) for place in found.places)
    for sentence in found.skipped + notes:
        say(sentence)
    if asked is None:
        return variants
    # Only the name tells the versions of split_einsum apart.
    alike = set(AttentionImplementation) - {AttentionImplementation.ORIGINAL}
    place = variants.get(asked) or next(
        (variants[word] for word in variants if {word, asked} <= alike), None
    )
    if place is None:
        raise PackageError(
            f"{path} has no {asked}, only {', '.join(variants)}: so say its U-Nets. Leave --variant out."
        )
    return {asked: place}


def build(
    attention: AttentionImplementation,
    place: PartsPlace,
    building: Path,
    base: str | None,
    *,
    name: str,
    put: Put,
    say: Callable[[str], None],
    called: str | Path | None = None,
) -> Built:
    """Make a variant's folder beside its later place.

    name: the model's. put: how its parts get there. called: what messages call the model, None for its folder.

    Raise PackageError if nothing can be drawn with it, and as `put_settings`.
    """
    model = str(called or place.folder)
    try:
        refuse_unsupported(
            place.folder, {part: place.folder / names[0] for part, names in place.parts.items()}
        )
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        for part in (part for parts in place.parts.values() for part in parts):
            put(place.folder / part, building / part)
        listing = put_settings(place.folder, building, base, model=model, name=name, say=say)
        folder = ModelStore(building.parent).find(str(building), attention)
    except (InputMissingError, PackageError) as error:
        said = str(error).replace(str(building), model).replace(str(place.folder), model)
        raise type(error)(said) from None
    return Built(folder=folder, base=listing)


def link_part(source: Path, target: Path) -> None:
    """Link to a part."""
    # Path.resolve raises for a link to itself, which is told of later.
    target.symlink_to(os.path.realpath(source), target_is_directory=True)


def copy_part(source: Path, target: Path) -> None:
    """Copy a part without litter; raise StorageError."""
    try:
        shutil.copytree(source, target, ignore=lambda _, names: list(filter(is_litter, names)))
    except shutil.Error as error:  # of all files that could not be copied
        failed, _, why = error.args[0][0]
        raise StorageError(
            f"Cannot copy {failed} ({why}). Check its disk and permissions."
        ) from error


def move_part(source: Path, target: Path) -> None:
    """Move a part on its disk."""
    source.rename(target)


def make_folder(folder: Path) -> None:
    """Create a folder and those above it; raise OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"Cannot create {folder} ({error.strerror}). Set SDQ_HOME to a folder of your own."
        ) from error
