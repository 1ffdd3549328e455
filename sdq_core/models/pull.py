"""Pulling a model from the Hub: `models/NAME_ATTENTION_KIND/`, complete and checked, or not at all.

Files arrive in a hidden folder beside the models, where an interrupted pull resumes, and the finished folder appears by
one rename. Only what drawing needs is downloaded. Files come one after the other, so that Ctrl-C ends the pull at once;
one of them, the U-Net, is most of the size anyway. Zips are for what a repository does not have unpacked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sdq_core.errors import InputMissingError
from sdq_core.models import hub
from sdq_core.models.archives import Packed, choose_packed, packed_models
from sdq_core.models.base_settings import base_of
from sdq_core.models.layout import (
    REQUIRED_SETTINGS,
    PartsFolder,
    choose_folders,
    choose_kind,
    in_one_size,
    lone_unets,
    one_model,
    parts_folders,
    with_lone_unet,
)
from sdq_core.models.parts import KINDS
from sdq_core.models.pull_controlnets import controlnets_in
from sdq_core.models.pull_parts import PartsPull
from sdq_core.models.pull_zips import ZipsPull
from sdq_core.models.pulled import Pulled, Request, model_name
from sdq_core.models.staging import staging_folder

__all__ = ["Pulled", "Request", "pull"]


def pull(request: Request, models: Path, say: Callable[[str], None]) -> list[Pulled]:
    """Download the requested variants; those already here are only checked.

    Raise InputMissingError for what the Hub does not have, InputError if several sizes or models fit, PackageError for
    a zip that may not be unpacked, ConfigurationError for gated repositories, ServiceUnavailableError, StorageError for
    a full disk or damaged content, OutputError if a folder of another origin is in the way.
    """
    listing = hub.list_files(request.repository, request.revision)
    unpacked = _unpacked(listing)
    if any(
        request.kind in {None, kind} and request.size in {None, size} for kind, size in unpacked
    ):
        return _pull_parts(request, listing, models, say)
    packed, said = packed_models(listing.files)
    # Of a repository that has something else unpacked, only a zip that says so is what was asked for.
    kinds = {request.kind} if unpacked else {request.kind, None}
    packed = [model for model in packed if request.kind is None or model.kind in kinds]
    for sentence in said:
        say(sentence)
    if not packed and not unpacked and (nets := controlnets_in(listing.files)):
        raise InputMissingError(
            f"{request.repository} has no model but ControlNets: {', '.join(sorted(nets))}. Choose with --controlnet "
            f"{min(nets)}; commas separate several."
        )
    if not packed or request.unet:
        return _pull_parts(request, listing, models, say)
    return _pull_zips(request, listing, packed, models, say)


def _unpacked(listing: hub.Listing) -> set[tuple[str, str | None]]:
    """Return the kinds and sizes of the complete models that a repository has as they are."""
    return {(kind, folder.size) for kind in KINDS for folder in parts_folders(listing.files, kind)}


def _pull_parts(
    request: Request, listing: hub.Listing, models: Path, say: Callable[[str], None]
) -> list[Pulled]:
    kind = request.kind or choose_kind(request.repository, listing.files, request.variants)
    of_size = in_one_size(request.repository, parts_folders(listing.files, kind), request.size)
    there, others = one_model(of_size)
    folders = choose_folders(request.repository, there, kind, list(request.variants))
    if request.unet:
        folders = [
            with_lone_unet(request.repository, folder, listing.files, kind, request.unet)
            for folder in folders
        ]
    elif unets := lone_unets(listing.files, kind):
        say(
            f"{request.repository} also has U-Nets by themselves: --unet pulls one of {', '.join(unets)}."
        )
    for folder in others:
        say(
            f"{folder.path} was skipped: it is another model. To use it, download that folder with `hf download` and "
            "run `sdq models add`."
        )
    with staging_folder(models, request.repository) as staging:
        download = PartsPull(
            request=request,
            kind=kind,
            listing=listing,
            settings=_settings_source(request, listing, folders),
            models=models,
            name=model_name(request, folders[0].size, folders[0].unet),
            staging=staging,
            say=say,
        )
        return [
            download.variant(folder, asked)
            for folder, asked in zip(folders, request.variants or (None,), strict=True)
        ]


def _pull_zips(
    request: Request,
    listing: hub.Listing,
    packed: Sequence[Packed],
    models: Path,
    say: Callable[[str], None],
) -> list[Pulled]:
    chosen = choose_packed(request.repository, packed, wanted=request.variants, size=request.size)
    sizes = sorted({model.size for model in packed if model.size})
    if sizes and chosen[0].size is None:
        say(f"{request.repository} also has {', '.join(sizes)}: --size pulls one of them.")
    with staging_folder(models, request.repository) as staging:
        download = ZipsPull(
            request=request, listing=listing, models=models, staging=staging, say=say
        )
        asked = request.variants or (None,)
        return [
            pulled
            for model, attention in zip(chosen, asked, strict=True)
            for pulled in download.model(model, attention)
        ]


def _settings_source(
    request: Request, listing: hub.Listing, folders: list[PartsFolder]
) -> hub.Listing | None:
    if request.base is None and all(path in listing.files for path in REQUIRED_SETTINGS):
        return listing
    names = (name for folder in folders for name in folder.names())
    return base_of(request.repository, request.base, names)
