"""Keeping models: adding folders and zips that are already on this disk, and removing models.

Adding links to each package instead of copying it, because packages are gigabytes and people keep their conversions
where they made them. The model's folder itself is sdq's own, so removing it removes links and never the user's files.
What was in a zip is sdq's own, too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from sdq_core.errors import InputError, InputMissingError, StorageError
from sdq_core.models.add_scoring import add_scoring_model
from sdq_core.models.archives import Packed, is_zip, name_of, packed_at
from sdq_core.models.base_settings import copy_settings
from sdq_core.models.building import (
    Put,
    build,
    choose_places,
    copy_part,
    link_part,
    make_folder,
    move_part,
)
from sdq_core.models.bundled import BUNDLED, BUNDLED_NETS
from sdq_core.models.controlnet import ControlNets
from sdq_core.models.controlnet import name_of as name_of_net
from sdq_core.models.finder import PartsPlace, find_places
from sdq_core.models.keep_controlnets import (
    add_controlnets,
    add_zip,
    controlnets_at,
    is_zip_of_controlnets,
)
from sdq_core.models.litter import is_litter
from sdq_core.models.parts import attention_in, split_download
from sdq_core.models.placing import model_name, refuse_taken
from sdq_core.models.scoring import encoders_of
from sdq_core.models.zips import Zip, unpack
from sdq_core.values.names import one_spelling
from sdq_core.values.variants import AttentionImplementation


def own_folders(
    models: Path, name: str, variants: tuple[AttentionImplementation, ...]
) -> list[Path]:
    """Return a model's folders within the models folder; raise InputMissingError if there are none."""
    if name in BUNDLED:
        raise InputError(f"Model {name} is part of sdq and cannot be removed.")
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
    if not found and (net := ControlNets(models).entry(name.removeprefix("controlnet/"))):
        if name_of_net(net) in BUNDLED_NETS:
            raise InputError(f"ControlNet {name_of_net(net)} is part of sdq and cannot be removed.")
        return [net]
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


_PACKAGES = frozenset({".mlpackage", ".mlmodelc"})


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
    """Add a folder of packages in any layout, or a zip, as a model, whole or not at all; return the new folders.

    Settings come from beside the packages or above; otherwise from `base`, from the base in the packages' names, or
    built in. Raise InputMissingError, PackageError for an incomplete model, OutputError if the name is taken.

    say: told what was skipped and why.
    """
    nets = controlnets_at(path)
    found = find_places([(path, (path.parent.name, path.name))])
    if nets and not found.places:
        return add_controlnets(nets, models, name=name, put=copy_part if copy else link_part)
    if not nets and path.is_file() and is_zip(path.name) and is_zip_of_controlnets(path):
        return add_zip(path, models, name=name)
    if not found.places and (packed := packed_at(path)):
        return _add_packed(packed, path, models, name, attention, base, say)
    if not path.is_dir():
        raise InputMissingError(
            f"{path} is not a folder. Name a folder with .mlpackage or .mlmodelc files, or a zip of them."
        )
    if encoders_of(path):
        if attention or base:
            raise InputError(
                f"{path} has a model that scores pictures. Leave out --variant and --base: those are for drawing."
            )
        return [add_scoring_model(path, models, name=name, copy=copy)]
    if not found.places and path.suffix.lower() in _PACKAGES:
        raise InputMissingError(
            f"{path} is one part of a model. Name the folder that holds all of them."
        )
    if not found.places:
        skipped = "".join(f" {sentence}" for sentence in found.skipped[:3])
        raise InputMissingError(
            f"{path} has no .mlpackage or .mlmodelc of Stable Diffusion.{skipped} Name the folder that has them."
        )
    put = copy_part if copy else link_part
    if nets:
        say(
            f"{path} also has ControlNets: {', '.join(map(name_of_net, nets))}. `sdq models add` takes each by its own "
            "path."
        )
    return _add_found(
        choose_places(path, found, attention, say),
        models,
        name=model_name(name or split_download(path.name)[0]),
        base=base,
        put=put,
        say=say,
    )


def _add_packed(
    packed: Packed,
    path: Path,
    models: Path,
    name: str | None,
    attention: AttentionImplementation | None,
    base: str | None,
    say: Callable[[str], None],
) -> list[Path]:
    """Add what is in a zip, or in a folder's zips."""
    said, size = name_of(packed.steps[-1])
    model = model_name(name or "_".join(filter(None, (said, size))))
    unpacking = models / f".unpack-{model}"
    shutil.rmtree(unpacking, ignore_errors=True)
    # Deeper than settings are looked for, so that only the zip's own are found.
    inside = unpacking / "zip" / "model"
    make_folder(inside)

    def tell(sentence: str) -> None:
        say(sentence.replace(str(inside), str(path)))

    try:
        for sentence in unpack([Zip.read(Path(zip_)) for zip_ in packed.zips], inside):
            tell(sentence)
        if len(packed.zips) > 1:
            copy_settings(path, inside)
        found = find_places([(inside, packed.steps[-2:])])
        return _add_found(
            choose_places(path, found, attention, tell),
            models,
            name=model,
            base=base,
            put=move_part,
            say=tell,
            called=path,
        )
    except OSError as error:
        raise StorageError(
            f"Cannot unpack into {models} ({error.strerror}). Check the disk and try again."
        ) from error
    finally:
        shutil.rmtree(unpacking, ignore_errors=True)


def _add_found(
    places: Mapping[AttentionImplementation, PartsPlace],
    models: Path,
    *,
    name: str,
    base: str | None,
    put: Put,
    say: Callable[[str], None],
    called: Path | None = None,
) -> list[Path]:
    """Build a model's folders, and put them into the models folder if all of them are whole."""
    targets = {word: models / f"{name}_{word}_{place.kind}" for word, place in places.items()}
    for target in targets.values():
        refuse_taken(target)
    building = {word: target.with_name(f".new-{target.name}") for word, target in targets.items()}
    added: list[Path] = []
    try:
        for word, place in places.items():
            build(word, place, building[word], base, name=name, put=put, say=say, called=called)
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
