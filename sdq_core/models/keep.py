"""Keeping models: adding folders that are already on this disk, and removing models.

Adding links to each package instead of copying it, because packages are gigabytes and people keep their conversions
where they made them. The model's folder itself is sdq's own, so removing it removes links and never the user's files.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sdq_core.errors import InputError, InputMissingError, OutputError, PackageError, StorageError
from sdq_core.models.layout import SETTINGS
from sdq_core.models.network import read_network
from sdq_core.models.parts import KINDS, holds_model, part_of, split_download
from sdq_core.models.store import DEMO, ModelStore
from sdq_core.values.names import one_spelling, spellings
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
        if entry.name.startswith("."):
            continue
        model, attention = split_download(one_spelling(entry.name))
        if attention is None and model == name and variants and entry.is_dir():
            found += [entry / word for word in variants if (entry / word).is_dir()]
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
) -> list[Path]:
    """Add a folder of packages, or one in a Hub repository's layout, as a model; return the new folders.

    Settings come from beside the packages or above; otherwise from `base`, or from the base in the packages' names.
    Raise InputMissingError, PackageError for an incomplete model, OutputError if the name is taken.
    """
    if not path.is_dir():
        raise InputMissingError(f"{path} is not a folder. Name a folder with .mlpackage files.")
    sources = _sources(path)
    if not sources:
        raise InputMissingError(
            f"{path} has no .mlpackage or .mlmodelc of Stable Diffusion. Name the folder that has them."
        )
    if attention and len(sources) > 1:
        sources = [source for source in sources if attention in source[0].parts]
    added = []
    for source, kind in sources:
        word = attention or _attention(source, kind)
        model = one_spelling(name or split_download(path.name)[0])
        if model == DEMO or model.startswith(".") or "/" in model:
            raise InputError(f"{model!r} is not a valid model name. Choose another --name.")
        added.append(_add_one(source, kind, models / f"{model}_{word}_{kind}", base, copy=copy))
        ModelStore(models).find(model, word)
    return added


def _sources(path: Path) -> list[tuple[Path, str]]:
    inner = [path / word / kind for word in AttentionImplementation for kind in KINDS]
    return [
        (folder, kind)
        for folder in (path, *inner, path / "packages", path / "compiled")
        for kind in KINDS
        if holds_model(folder, kind)
    ]


def _attention(source: Path, kind: str) -> AttentionImplementation:
    for step in reversed(source.parts):
        if step in set(AttentionImplementation):
            return AttentionImplementation(step)
        if said := split_download(step)[1]:
            return said
    for entry in source.iterdir():
        if entry.suffix == KINDS[kind] and part_of(entry.name) in {"unet", "unet_chunk1"}:
            splits = read_network(entry).splits_heads
            return (
                AttentionImplementation.SPLIT_EINSUM if splits else AttentionImplementation.ORIGINAL
            )
    raise PackageError(f"{source} has no U-Net. Download or convert it.")


def _add_one(source: Path, kind: str, target: Path, base: str | None, *, copy: bool) -> Path:
    taken = [target.with_name(name) for name in spellings(target.name)]
    if any(path.exists() or path.is_symlink() for path in taken):
        raise OutputError(f"{target} already exists. Remove that model or choose another --name.")
    building = target.with_name(f".new-{target.name}")
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)
        for entry in source.iterdir():
            if entry.suffix != KINDS[kind] or not part_of(entry.name):
                continue
            if copy:
                shutil.copytree(entry, building / entry.name)
            else:
                (building / entry.name).symlink_to(entry.resolve(), target_is_directory=True)
        put_settings(source, building, base)
        os.rename(building, target)  # noqa: PTH104  (Path.rename reads as if the source stayed)
    except OSError as error:
        raise StorageError(
            f"Cannot write {target} ({error.strerror}). Check the disk and try again."
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


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
