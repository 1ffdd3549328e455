"""Adding ControlNets that are on this disk: packages, compiled models, folders and zips of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sdq_core.errors import InputError, OutputError, PackageError, StorageError
from sdq_core.models.building import Put, make_folder, move_part
from sdq_core.models.controlnet import (
    ControlNets,
    is_controlnet,
    is_controlnets_folder,
    name_of,
)
from sdq_core.models.litter import is_litter
from sdq_core.models.parts import kind_of, part_of
from sdq_core.models.placing import model_name, refuse_taken
from sdq_core.models.record import PullRecord
from sdq_core.models.staging import put_in_place, require_ours
from sdq_core.models.zips import Zip, unpack_networks
from sdq_core.printable import quote
from sdq_core.values.conditions import is_controlnet_name

#: A zip's own folder, and the one of its kind.
_LEVELS = 3


def controlnets_at(path: Path) -> list[Path]:
    """Return the ControlNets that a path is or has below it; nothing is looked for in a zip."""
    return [network for network in _networks(path, _LEVELS) if _is_one(network)]


def is_zip_of_controlnets(path: Path) -> bool:
    """Say whether a zip on this disk has networks that are no model's parts, and none that are."""
    networks = Zip.read(path).networks()
    return bool(networks) and not any(part_of(Path(network).name) for network in networks)


def add_controlnets(
    networks: Sequence[Path], models: Path, *, name: str | None, put: Put
) -> list[Path]:
    """Add ControlNets, all or none; return their new folders.

    name: of a single one, None for what its file says. put: how they get there.

    Raise InputError for a name for several, OutputError if one is taken, PackageError for one that is damaged.
    """
    if name and len(networks) > 1:
        raise InputError(
            f"--name is for one ControlNet, and there are {len(networks)}: "
            f"{', '.join(map(name_of, networks))}. Leave it out, or name one of them as the path."
        )
    named = _by_target(models, networks, name)
    for target in named:
        refuse_taken(target)
    made: list[Path] = []
    try:
        for target, network in named.items():
            _build(network, target, put)
            made.append(target)
    except BaseException:
        for target in made:
            shutil.rmtree(target, ignore_errors=True)
        raise
    return made


def add_zip(path: Path, models: Path, *, name: str | None) -> list[Path]:
    """Add the ControlNets of a zip; raise as `add_controlnets`, and PackageError if there are none or it is hostile."""
    unpacking = models / ".unpack-controlnets"
    shutil.rmtree(unpacking, ignore_errors=True)
    make_folder(unpacking)
    try:
        networks = take_controlnets(Zip.read(path), unpacking)
        return add_controlnets(networks, models, name=name, put=move_part)
    finally:
        shutil.rmtree(unpacking, ignore_errors=True)


def take_controlnets(one: Zip, into: Path) -> list[Path]:
    """Unpack a zip's ControlNets into an empty folder; raise PackageError if it has none."""
    networks = [network for network in unpack_networks(one, into) if _is_one(network)]
    if not networks:
        raise PackageError(
            f"{one.name} has no ControlNet that can be used. Get it from somewhere else."
        )
    return networks


def put_pulled(networks: Mapping[str, Path], models: Path, record: PullRecord) -> list[Path]:
    """Put ControlNets that were pulled into their places, in place of those of former pulls; return their folders.

    networks: by name. record: of all of them; each folder gets its own files.
    """
    targets = _by_target(models, list(networks.values()), None, list(networks))
    for target in targets:
        require_ours(target)
    for target, network in targets.items():
        _build(network, target, move_part, record)
    return list(targets)


def _by_target(
    models: Path, networks: Sequence[Path], name: str | None, names: Sequence[str] | None = None
) -> dict[Path, Path]:
    targets: dict[Path, Path] = {}
    for network, said in zip(
        networks, names or [name or name_of(each) for each in networks], strict=True
    ):
        target = ControlNets(models).folder / model_name(said)
        if not is_controlnet_name(target.name):
            raise InputError(
                f"{quote(target.name)} cannot name a ControlNet: it is too long, or has a colon, a semicolon or "
                "another character that no prompt can write. Choose another --name."
            )
        if target in targets:
            raise InputError(
                f"{network} and {targets[target]} have the same name. Add them one after the other, with --name."
            )
        targets[target] = network
    return targets


def _build(network: Path, target: Path, put: Put, record: PullRecord | None = None) -> None:
    """Make a ControlNet's folder, checked before anybody sees it."""
    building = target.with_name(f".new-{target.name}")
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        put(network, building / network.name)
        if record is not None:
            record.of_files_in(building).write(building)
        try:
            ControlNets.read(building)
        except PackageError as error:
            raise PackageError(
                str(error).replace(str(building / network.name), str(network))
            ) from None
        put_in_place(building, target)
    except OSError as error:
        raise StorageError(
            f"Cannot write into {target.parent} ({error.strerror}). Check the disk and try again."
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _networks(path: Path, levels: int) -> Iterator[Path]:
    if kind_of(path.name):
        if is_controlnets_folder(path.parent.name) or part_of(path.name) is None:
            yield path
        return
    try:
        inside = sorted(path.iterdir()) if levels and path.is_dir() else []
    except OSError:
        return
    for entry in inside:
        if not is_litter(entry.name) and os.path.isdir(entry):  # noqa: PTH112  (links to nowhere)
            yield from _networks(entry, levels - 1)


def _is_one(network: Path) -> bool:
    try:
        return is_controlnet(network)
    except (PackageError, OutputError):
        return False
