"""ControlNets: networks that make a U-Net follow a picture, each kept by itself because one serves many models.

MODELS/controlnet/NAME/ControlNet_NAME.mlpackage    as `sdq models pull` and `add` make it
MODELS/controlnet/NAME.mlmodelc                     as people put it there

What comes with sdq (`bundled`) is found beside those of every models folder, and first.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import InputMissingError, PackageError, StorageError
from sdq_core.models.bundled import DEMO_ROOT
from sdq_core.models.check import VAE_SCALE_FACTOR, residuals_of
from sdq_core.models.declared import RECONVERT, TOGETHER, Part
from sdq_core.models.identity import computing_files, fingerprint
from sdq_core.models.litter import is_litter
from sdq_core.models.network import read_network
from sdq_core.models.parts import kind_of
from sdq_core.printable import quote
from sdq_core.values.conditions import is_controlnet_name
from sdq_core.values.names import one_spelling, spellings

#: The input of the picture that is followed, and what tells a ControlNet from any other network.
PICTURE = "controlnet_cond"
_INPUTS = frozenset({"sample", "timestep", "encoder_hidden_states", PICTURE})
_FOLDER = "controlnet"
_PREFIX = re.compile(r"^controlnet[_-](?=.)", re.IGNORECASE)
_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class ControlNet:
    """A ControlNet on this disk.

    path: its package or compiled model.
    revision: fingerprint of the files that are computed with.
    width, height: of the pictures that it is made for, in pixels.
    precision: how its weights are kept.
    declared: its inputs and outputs.
    """

    name: str
    path: Path
    revision: str
    width: int
    height: int
    precision: str
    declared: Part


class ControlNets:
    """The ControlNets that come with sdq, and those below a models folder."""

    def __init__(self, models: Path) -> None:
        self.folder = models / _FOLDER
        self._known: dict[tuple[object, ...], ControlNet] = {}

    def names(self) -> list[str]:
        """Return their names, complete or not."""
        return sorted({one_spelling(name_of(entry)) for entry in self._entries()})

    def entry(self, name: str) -> Path | None:
        """Return what is a ControlNet's in the folder, None if it is not here."""
        wanted = spellings(name)
        return next((entry for entry in self._entries() if name_of(entry) in wanted), None)

    def find(self, name: str) -> ControlNet:
        """Return a ControlNet; its files are read again only after one of them changed.

        Raise InputMissingError if it is not here, PackageError if it is incomplete, damaged or none, StorageError if
        the disk fails.
        """
        entry = self.entry(name)
        if entry is None:
            here = self.names()
            more = f" and {len(here) - _SHOWN} more" if len(here) > _SHOWN else ""
            raise InputMissingError(
                f"There is no ControlNet {name!r} here, only {', '.join(here[:_SHOWN]) or 'none'}{more}. "
                "`sdq models add` and `sdq models pull` get one."
            )
        if not is_controlnet_name(name):
            raise PackageError(
                f"The ControlNet {quote(name)} has a name that no recipe can hold. Rename {quote(str(entry))}."
            )
        return self.read(entry, self._known)

    @staticmethod
    def read(entry: Path, known: dict[tuple[object, ...], ControlNet] | None = None) -> ControlNet:
        """Return the ControlNet that is, or is in, a folder; raise as `find`. known: those that were read."""
        known = {} if known is None else known
        try:
            path = network_in(entry)
            files = computing_files(path)
            state = (
                path,
                *((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files),
            )
            if state not in known:
                known[state] = _read(name_of(entry), path, sorted(files))
            return known[state]
        except OSError as error:
            raise StorageError(
                f"Cannot read {entry} ({error.strerror}). Check its disk and permissions."
            ) from error

    def _entries(self) -> list[Path]:
        entries: list[Path] = []
        for folder in (DEMO_ROOT / _FOLDER, self.folder):
            with suppress(OSError):  # no such folder
                entries += sorted(folder.iterdir())
        return [
            entry
            for entry in entries
            if not is_litter(entry.name) and os.path.isdir(entry)  # noqa: PTH112  (links to nowhere)
        ]


def is_controlnets_folder(name: str) -> bool:
    """Say whether a folder's name is that of ControlNets; no model is looked for in it."""
    return name.lower() == _FOLDER


def name_of(entry: Path) -> str:
    """Return the name of the ControlNet that is a folder or a network."""
    stem = entry.stem if kind_of(entry.name) else entry.name
    return _PREFIX.sub("", stem)


def network_in(entry: Path) -> Path:
    """Return the network that is, or is in, a ControlNet's folder; raise PackageError unless it is one."""
    if kind_of(entry.name):
        return entry
    inside = [each for each in sorted(entry.iterdir()) if kind_of(each.name)]
    if len(inside) != 1:
        raise PackageError(
            f"{entry} has {len(inside) or 'no'} packages and compiled models; a ControlNet's folder has one. Put each "
            "into a folder of its own."
        )
    return inside[0]


def is_controlnet(network: Path) -> bool:
    """Say whether a package or compiled model is a ControlNet; raise PackageError if it cannot be read."""
    return PICTURE in read_network(network, weights=False).inputs


def check_controlnet(net: Part, unet: Part) -> None:
    """Raise PackageError unless a ControlNet gives what a U-Net takes, for images of the same size."""
    missing = sorted(_INPUTS - net.inputs.keys())
    if missing:
        raise PackageError(
            f"{net.name} has no input {missing[0]!r}, so it is not a ControlNet. {RECONVERT}"
        )
    if unknown := sorted(net.inputs.keys() - unet.inputs.keys() - {PICTURE}):
        raise PackageError(
            f"{net.name} also takes {unknown[0]!r}, which {unet.name} does not. {TOGETHER}"
        )
    batch, _, *latents = net.inputs["sample"]
    size, wanted = (
        f"{w * VAE_SCALE_FACTOR}x{h * VAE_SCALE_FACTOR}"
        for h, w in (latents, unet.inputs["sample"][2:])
    )
    if size != wanted:
        raise PackageError(
            f"{net.name} was converted for images of {size}, but the model draws {wanted}. Use one for that size."
        )
    if batch not in {1, 2}:
        raise PackageError(f"{net.name} takes {batch} samples at once, not 1 or 2. {RECONVERT}")
    states, own = (part.inputs["encoder_hidden_states"][1:] for part in (unet, net))
    if states != own:
        raise PackageError(
            f"{net.name} attends to {own[0]} channels, but {unet.name} to {states[0]}: they are of different versions "
            "of Stable Diffusion. Use a ControlNet for this one."
        )
    height, width = latents
    picture = (batch, 3, height * VAE_SCALE_FACTOR, width * VAE_SCALE_FACTOR)
    net.require_shape(PICTURE, picture, RECONVERT)
    for name, shape in residuals_of(unet).items():
        net.require_output(name, (batch, *shape[1:]))


def _read(name: str, path: Path, files: list[Path]) -> ControlNet:
    network = read_network(path)
    declared = Part.read(path)
    shape = network.inputs.get(PICTURE, ())
    if len(shape) != 4:
        raise PackageError(
            f"{path} has no input {PICTURE!r} of four sides, so it is not a ControlNet. {RECONVERT}"
        )
    return ControlNet(
        name=one_spelling(name),
        path=path,
        revision=fingerprint(files),
        width=shape[3],
        height=shape[2],
        precision=network.precision,
        declared=declared,
    )
