"""Pulling ControlNets from the Hub: `models/controlnet/NAME/`, complete and checked, or not at all.

coreml-community/ControlNet-Models-For-Core-ML has a zip each, `CN/Canny.zip`, in which a net may be in several sizes;
others have them unpacked, `controlnet/Canny.mlmodelc` or `ControlNet_NAME.mlpackage`.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sdq_core.errors import InputMissingError
from sdq_core.models import hub
from sdq_core.models.archives import controlnet_zips
from sdq_core.models.controlnet import ControlNets, is_controlnets_folder, name_of
from sdq_core.models.folder import size_of
from sdq_core.models.keep_controlnets import put_pulled, take_controlnets
from sdq_core.models.litter import is_litter
from sdq_core.models.parts import kind_of, part_of
from sdq_core.models.pulled import Request
from sdq_core.models.record import PullRecord, differences, read_pull_record
from sdq_core.models.staging import require_room, staging_folder
from sdq_core.models.zips import Zip


@dataclass(frozen=True, kw_only=True)
class PulledNet:
    """A ControlNet that is here now. size_bytes: of its folder. fresh: this pull downloaded it."""

    name: str
    folder: Path
    size_bytes: int
    fresh: bool


def controlnets_in(paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the ControlNets of a listing: name -> the files to download, one if it is a zip."""
    paths = list(paths)
    found: dict[str, tuple[str, ...]] = {}
    for path in controlnet_zips(paths):
        found.setdefault(_plain(PurePosixPath(path).stem), (path,))
    unpacked: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        steps = PurePosixPath(path).parts
        depth = next((n for n, step in enumerate(steps[:-1]) if kind_of(step)), None)
        if depth is None or any(map(is_litter, steps)):
            continue
        above = steps[depth - 1] if depth else ""
        if is_controlnets_folder(above) or (
            part_of(steps[depth]) is None and steps[depth].lower().startswith("controlnet")
        ):
            unpacked["/".join(steps[: depth + 1])].append(path)
    # Packages before compiled models, which Macs make of them.
    for network, files in sorted(unpacked.items(), key=lambda one: (one[0].endswith("c"), one[0])):
        found.setdefault(name_of(Path(network)), tuple(files))
    return found


def pull_controlnets(request: Request, models: Path, say: Callable[[str], None]) -> list[PulledNet]:
    """Download the ControlNets that are asked for; those already here are only checked.

    Raise InputMissingError for one that the repository does not have, else as `sdq_core.models.pull.pull`.
    """
    listing = hub.list_files(request.repository, request.revision)
    there = controlnets_in(listing.files)
    chosen = {
        name: there[name]
        for asked in request.controlnets
        for name in [_find(request, asked, there)]
    }
    pulled: list[PulledNet] = []
    with staging_folder(models, request.repository) as staging:
        for name, files in chosen.items():
            if here := _here(request, listing, models, name, files):
                pulled += here
                continue
            require_room(listing, list(files), staging)
            say(f"{request.repository} at {listing.commit[:12]}: {name}, {len(files)} files")
            pulled += _pull(request, listing, models, name, files, staging)
    return pulled


def _pull(
    request: Request,
    listing: hub.Listing,
    models: Path,
    name: str,
    files: tuple[str, ...],
    staging: Path,
) -> list[PulledNet]:
    arrived = staging / "parts"
    for path in files:
        hub.fetch(listing, path, arrived)
    record = PullRecord(
        repository=request.repository,
        commit=listing.commit,
        base=None,
        base_commit=None,
        files={},
        license=listing.license,
        archives=_archives(files),
    )
    if not record.archives:
        network = arrived / _network_of(files)
        return _pulled(put_pulled({request.name or name: network}, models, record))
    unpacking = staging / "unpacking"
    shutil.rmtree(unpacking, ignore_errors=True)
    unpacking.mkdir()
    networks = take_controlnets(
        Zip.read(arrived / files[0], f"{files[0]} of {request.repository}"), unpacking
    )
    if request.size:
        sizes = {network: _size(network) for network in networks}
        networks = [network for network in networks if sizes[network] == request.size]
        if not networks:
            raise InputMissingError(
                f"{files[0]} of {request.repository} has no ControlNet for {request.size}, only for "
                f"{', '.join(sorted(set(sizes.values())))}. Leave --size out, or choose one of these."
            )
    single = request.name if len(networks) == 1 else None
    named = {single or name_of(network): network for network in networks}
    return _pulled(put_pulled(named, models, record))


def _here(
    request: Request, listing: hub.Listing, models: Path, name: str, files: tuple[str, ...]
) -> list[PulledNet]:
    """Return what is already here of these files, every byte of it."""
    nets = ControlNets(models)
    found = []
    for here in nets.names():
        folder = nets.entry(here)
        record = read_pull_record(folder) if folder else None
        if (
            folder is None
            or record is None
            or (record.repository, record.commit) != (request.repository, listing.commit)
            or tuple(record.archives) != _archives(files)
            or (not record.archives and here != (request.name or name))
            or (request.size is not None and _size(folder) != request.size)
        ):
            continue
        if any(differences(folder, record)):
            return []
        found.append(folder)
    return _pulled(found, fresh=False)


def _pulled(folders: Iterable[Path], *, fresh: bool = True) -> list[PulledNet]:
    return [
        PulledNet(name=folder.name, folder=folder, size_bytes=size_of(folder), fresh=fresh)
        for folder in folders
    ]


def _find(request: Request, asked: str, there: dict[str, tuple[str, ...]]) -> str:
    for name in there:
        if _plain(name).lower() == _plain(asked).lower():
            return name
    raise InputMissingError(
        f"{request.repository} has no ControlNet {asked!r}, only {', '.join(sorted(there)) or 'none'}."
        + (f" Use --controlnet {min(there)}." if there else " Name another repository.")
    )


def _size(network: Path) -> str:
    net = ControlNets.read(network)
    return f"{net.width}x{net.height}"


def _archives(files: tuple[str, ...]) -> tuple[str, ...]:
    return files if len(files) == 1 and files[0].lower().endswith(".zip") else ()


def _network_of(files: tuple[str, ...]) -> str:
    steps = PurePosixPath(files[0]).parts
    depth = next(n for n, step in enumerate(steps) if kind_of(step))
    return "/".join(steps[: depth + 1])


def _plain(name: str) -> str:
    return name_of(Path(name))
