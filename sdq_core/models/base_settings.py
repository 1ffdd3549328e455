"""Where a model's tokenizer, scheduler and feature extractor come from, if it has none of its own.

From the repository that `--base` names, else from that of its base model if that is known, else from `defaults`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from sdq_core.errors import InputMissingError, ServiceUnavailableError
from sdq_core.models import hub
from sdq_core.models.bases import bases_of, places_of
from sdq_core.models.defaults import defaults_for
from sdq_core.models.hub_errors import NoRepositoryError
from sdq_core.models.layout import REQUIRED_SETTINGS, SETTINGS, settings_beside
from sdq_core.models.parts import part_of
from sdq_core.models.unets import UNET_PARTS
from sdq_core.models.usual import scheduler_settings_of

#: What `complete` may write.
COMPLETED = (*SETTINGS, "special_tokens_map.json")


def base_of(repository: str, base: str | None, packages: Iterable[str] = ()) -> hub.Listing | None:
    """Return the repository with a base model's settings, None if the base is not known.

    repository: of the model itself, or where it is on this disk. base: as the user named it. packages: the names of the
    model's packages, which may say it.

    Raise InputMissingError if no repository of the base has them, else as `hub.list_files`.
    """
    places = places_of(base) if base else bases_of(repository, packages)
    if not places:
        return None
    for place in places:
        try:
            listing = hub.list_files(place, None)
        except NoRepositoryError:
            continue
        if all(path in listing.files for path in REQUIRED_SETTINGS):
            return listing
    raise InputMissingError(
        f"The tokenizer and scheduler of {repository} are no longer in {', '.join(places)}. Name a repository that has "
        "them with --base OWNER/NAME."
    )


def put_settings(
    source: Path,
    target: Path,
    base: str | None,
    *,
    model: str,
    name: str,
    say: Callable[[str], None],
) -> hub.Listing | None:
    """Copy the settings that are beside a model's parts or above them, and complete them; return the base if asked.

    source: the folder of the parts. target: the folder that gets them, which has the parts already. model: the model's
    repository, or where it is. name: its own. say: told where tokenizer and scheduler come from.

    Raise as `base_of` and `complete`.
    """
    for folder in (source, source.parent, source.parent.parent):
        copy_settings(folder, target)
    if all((target / path).exists() for path in REQUIRED_SETTINGS):
        return None
    try:
        listing = base_of(model, base, (entry.name for entry in target.iterdir()))
    except ServiceUnavailableError as error:
        raise ServiceUnavailableError(
            f"{model} has no tokenizer and scheduler beside its packages: put those folders there, or download them. "
            f"{error}"
        ) from error
    if listing is None:
        complete(target, model, name, say)
        return None
    staging = target / ".settings"
    for setting in SETTINGS:
        if setting in listing.files and not (target / setting).exists():
            hub.fetch(listing, setting, staging)
            (target / setting).parent.mkdir(exist_ok=True)
            shutil.copyfile(staging / setting, target / setting)
    shutil.rmtree(staging, ignore_errors=True)
    return listing


def copy_settings(folder: Path, target: Path) -> None:
    """Copy the settings of a folder, in folders or loose, as far as they are not there yet."""
    there = {
        file.relative_to(folder).as_posix()
        for setting in SETTINGS
        for file in (folder / setting, folder / Path(setting).name)
        if file.is_file()
    }
    for setting, path in settings_beside(there, "").items():
        if not (target / setting).exists():
            (target / setting).parent.mkdir(exist_ok=True)
            shutil.copyfile(folder / path, target / setting)


def complete(folder: Path, model: str, name: str, say: Callable[[str], None]) -> None:
    """Write the built-in tokenizer and scheduler where a model's folder has none.

    model: what messages call it. name: its own, which may tell how it is drawn.

    Raise InputMissingError if the U-Net is not Stable Diffusion 1's or 2's.
    """
    unet = next(
        (
            path
            for part in UNET_PARTS
            for path in sorted(folder.iterdir())
            if part_of(path.name) == part
        ),
        None,
    )
    defaults = defaults_for(unet) if unet else None
    if defaults is None:
        raise unknown_base(model)
    if missing := defaults.write(folder, name):
        more = defaults.hint
        if scheduler_settings_of(name):
            more = ", with the scheduler that its name tells"
        say(
            f"{model} has no {' and no '.join(missing)}: the built-in one{'s' * (len(missing) > 1)} of {defaults.name} "
            f"{'are' if len(missing) > 1 else 'is'} used{more if 'scheduler' in missing else ''}."
        )


def unknown_base(model: str) -> InputMissingError:
    """Return the error for a model whose tokenizer and scheduler nobody knows."""
    return InputMissingError(
        f"{model} has no tokenizer and scheduler, and does not say which model it was converted from. Name the "
        "repository that has them with --base OWNER/NAME."
    )
