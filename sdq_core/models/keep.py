"""Keeping models: adding folders that are already on this disk, and removing models.

Adding links to each package instead of copying it, because packages are gigabytes and people keep their conversions
where they made them. The model's folder itself is sdq's own, so removing it removes links and never the user's files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from sdq_core.errors import InputError, InputMissingError, PackageError, StorageError
from sdq_core.models import placing
from sdq_core.models.add_scoring import add_scoring_model
from sdq_core.models.check import refuse_unsupported
from sdq_core.models.finder import PartsPlace, choose_variants, find_places, read_attention
from sdq_core.models.layout import SETTINGS
from sdq_core.models.litter import is_litter
from sdq_core.models.parts import attention_in, split_download
from sdq_core.models.placing import model_name, refuse_taken
from sdq_core.models.scoring import encoders_of
from sdq_core.models.store import DEMO, ModelStore
from sdq_core.values.names import one_spelling
from sdq_core.values.variants import AttentionImplementation


def own_folders(
    models: Path, name: str, variants: tuple[AttentionImplementation, ...]
) -> list[Path]:
    """Return a model's folders within the models folder; raise InputMissingError if there are none."""
    if name == DEMO:
        raise InputError("The demo model is part of sdq and cannot be removed.")
    found = []
    name = one_spelling(name)
    for entry in sorted(models.iterdir()) if models.is_dir() else []:
        if is_litter(entry.name):
            continue
        model, attention = split_download(one_spelling(entry.name))
        if attention is None and model == name and variants and entry.is_dir():
            found += [
                inner
                for inner in sorted(entry.iterdir())
                if inner.is_dir() and attention_in([inner.name]) in variants
            ]
        elif model == name and (not variants or attention in variants):
            found.append(entry)
    if not found:
        raise InputMissingError(f"There is no model {name!r} in {models}. `sdq models` lists them.")
    return found


def remove_folder(folder: Path) -> None:
    """Delete a model's folder, or only the link if it is one."""
    try:
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)
    except OSError as error:
        raise StorageError(
            f"Cannot remove {folder} ({error.strerror}). Check its permissions and try again."
        ) from error


def add(
    path: Path,
    models: Path,
    *,
    name: str | None,
    attention: AttentionImplementation | None,
    base: str | None,
    copy: bool,
    say: Callable[[str], None],
) -> list[Path]:
    """Add a folder of packages in any layout as a model, whole or not at all; return the new folders.

    Settings come from beside the packages or above; otherwise from `base`, or from the base in the packages' names.
    Raise InputMissingError, PackageError for an incomplete model, OutputError if the name is taken.

    say: told what was skipped and why.
    """
    if not path.is_dir():
        raise InputMissingError(f"{path} is not a folder. Name a folder with .mlpackage files.")
    if encoders_of(path):
        if attention or base:
            raise InputError(
                f"{path} has a model that scores pictures. Leave out --variant and --base: those are for drawing."
            )
        return [add_scoring_model(path, models, name=name, copy=copy)]
    model = model_name(name or split_download(path.name)[0], DEMO)
    places = _variants(path, attention, say)
    targets = {word: models / f"{model}_{word}_{place.kind}" for word, place in places.items()}
    for target in targets.values():
        refuse_taken(target)
    building = {word: target.with_name(f".new-{target.name}") for word, target in targets.items()}
    added: list[Path] = []
    try:
        for word, place in places.items():
            _build(word, place, building[word], base, copy=copy)
        for word, target in targets.items():
            os.rename(building[word], target)  # noqa: PTH104  (Path.rename reads as if the source stayed)
            added.append(target)
    except BaseException as error:
        for folder in added:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise StorageError(
                f"Cannot write into {models} ({error.strerror}). Check the disk and try again."
            ) from error
        raise
    finally:
        for folder in building.values():
            shutil.rmtree(folder, ignore_errors=True)
    return added


def _variants(
    path: Path, asked: AttentionImplementation | None, say: Callable[[str], None]
) -> dict[AttentionImplementation, PartsPlace]:
    """Return the variants below a folder, only the one asked for if any was."""
    found = find_places([(path, (path.parent.name, path.name))])
    if not found.places:
        skipped = "".join(f" {sentence}" for sentence in found.skipped[:3])
        raise InputMissingError(
            f"{path} has no .mlpackage or .mlmodelc of Stable Diffusion.{skipped} Name the folder that has them."
        )
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


def _build(
    attention: AttentionImplementation,
    place: PartsPlace,
    building: Path,
    base: str | None,
    *,
    copy: bool,
) -> None:
    """Make a variant's folder beside its later place; raise PackageError if nothing can be drawn with it."""
    refuse_unsupported(
        place.folder, {part: place.folder / names[0] for part, names in place.parts.items()}
    )
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    for name in (name for names in place.parts.values() for name in names):
        placing.place(place.folder / name, building / name, copy=copy)
    put_settings(place.folder, building, base)
    try:
        ModelStore(building.parent).find(str(building), attention)
    except (InputMissingError, PackageError) as error:
        raise type(error)(str(error).replace(str(building), str(place.folder))) from None


def put_settings(source: Path, target: Path, base: str | None) -> None:
    """Copy tokenizer, scheduler and feature extractor from beside the packages, or download them from a base model."""
    for folder in (source, source.parent, source.parent.parent):
        for setting in SETTINGS:
            flat = folder / Path(setting).name
            for file in (folder / setting, flat if "_2/" not in setting else folder / setting):
                if file.is_file() and not (target / setting).exists():
                    (target / setting).parent.mkdir(exist_ok=True)
                    shutil.copyfile(file, target / setting)
    if (target / "tokenizer/vocab.json").exists() and (
        target / "scheduler/scheduler_config.json"
    ).exists():
        return
    from sdq_core.models import hub
    from sdq_core.models.bases import bases_of, places_of
    from sdq_core.models.pull import settings_from

    places = places_of(base) if base else bases_of("", (entry.name for entry in target.iterdir()))
    if not places:
        raise InputMissingError(
            f"{source} has no tokenizer/ and scheduler/ beside it. Copy them from the original model, or name its "
            "repository with --base OWNER/NAME."
        )
    listing = settings_from(places, str(source))
    staging = target / ".settings"
    for setting in SETTINGS:
        if setting in listing.files and not (target / setting).exists():
            hub.fetch(listing, setting, staging)
            (target / setting).parent.mkdir(exist_ok=True)
            shutil.copyfile(staging / setting, target / setting)
    shutil.rmtree(staging, ignore_errors=True)
