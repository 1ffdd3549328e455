"""Finding the folders of parts below a folder, whatever layout people gave it.

`original/packages/*.mlpackage`, `NAME_split-einsum_compiled/*.mlmodelc`, a folder in a folder of the same name,
packages side by side: all are looked for, three levels deep. Names only lead to the parts; whether a U-Net is
`original` or `split_einsum` is read from the U-Net. What cannot be used is skipped with a reason, and several models in
one folder are never mixed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sdq_core.errors import InputMissingError, PackageError
from sdq_core.models.litter import is_litter
from sdq_core.models.network import read_network
from sdq_core.models.parts import KINDS, attention_in, kind_of, model_in, part_of, sort_parts
from sdq_core.models.scoring import encoders_in
from sdq_core.models.unets import UNET_PARTS
from sdq_core.values.variants import AttentionImplementation

#: A zip's own folder, the attention's, `packages`.
_LEVELS = 3
#: A model has ten folders; thousands mean that `--model` names a disk.
_MAX_FOLDERS = 1000


@dataclass(frozen=True, kw_only=True)
class PartsPlace:
    """A folder with parts of one kind.

    folder: where.
    kind: of `KINDS`.
    parts: part -> the names that stand for it, or the path of another model's; more than one cannot be told apart.
    said: the attention that the path names.
    model: what the path names otherwise; variants of one model have it in common.
    """

    folder: Path
    kind: str
    parts: Mapping[str, list[str]]
    said: AttentionImplementation | None
    model: tuple[str, ...]

    @property
    def unet(self) -> Path | None:
        """The U-Net, or its first chunk."""
        name = next((self.parts[part][0] for part in UNET_PARTS if part in self.parts), None)
        return self.folder / name if name else None


@dataclass(kw_only=True)
class Findings:
    """What was found: the places of one model, and sentences about what was skipped.

    problem: why no place can be chosen, else None; `places` are then those of several models.
    """

    places: list[PartsPlace] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    problem: str | None = None


def find_places(roots: Iterable[tuple[Path, tuple[str, ...]]]) -> Findings:
    """Return the places below some folders that are one model's.

    roots: folders, each with the names that say something about what is directly in it.
    """
    found = Findings()
    seen: set[tuple[int, int]] = set()
    for root, names in roots:
        found.places += _walk(root, names, found.skipped, seen)
    if with_unet := [place for place in found.places if place.unet]:
        found.skipped += [
            f"{place.folder} has no U-Net." for place in found.places if not place.unet
        ]
        found.places = with_unet
    if whole := [place for place in found.places if place.parts.keys() - set(UNET_PARTS)]:
        found.skipped += [
            f"{place.folder} has a U-Net and nothing else. To draw with it, copy the model's other parts beside it."
            for place in found.places
            if place not in whole
        ]
        found.places = whole
    _choose_model(found)
    return found


def read_attention(place: PartsPlace) -> AttentionImplementation:
    """Return what a place's U-Net is; what its path says, or `original`, where the U-Net does not tell or is damaged.

    A U-Net tells whether it splits heads; only the name tells the versions of that apart.
    """
    original = AttentionImplementation.ORIGINAL
    if place.unet is None:
        return place.said or original
    try:
        network = read_network(place.unet, weights=False)
        splits = network.splits_heads if network.tells_attention else None
    except (InputMissingError, PackageError):
        splits = None  # whoever reads it to draw reports it
    if splits is None:
        return place.said or original
    if not splits:
        return original
    return AttentionImplementation.SPLIT_EINSUM if place.said in {None, original} else place.said


def choose_variants(
    read: Iterable[tuple[PartsPlace, AttentionImplementation]],
) -> tuple[dict[AttentionImplementation, PartsPlace], list[str]]:
    """Return the place of each variant, and sentences about what was skipped or is not what its name says.

    Packages are preferred to compiled models, then what is named truly: a package is what a Mac compiles for itself.
    """
    best: dict[AttentionImplementation, PartsPlace] = {}
    notes: list[str] = []
    kinds = list(KINDS)
    ranked = sorted(
        read, key=lambda one: (kinds.index(one[0].kind), one[0].said != one[1], one[0].said is None)
    )
    for place, attention in ranked:
        if place.said not in {None, attention}:
            notes.append(f"{place.folder} is named {place.said}, but its U-Net is {attention}.")
        other = best.setdefault(attention, place)
        if other is not place and other.kind == place.kind:
            notes.append(
                f"{place.folder} was skipped: {other.folder} is the same model's {attention}, too."
            )
    return {word: best[word] for word in AttentionImplementation if word in best}, notes


def _choose_model(found: Findings) -> None:
    """Keep the places of the model that is nearest to the root; say so if several are equally near."""
    nearest = min((len(place.model) for place in found.places), default=0)
    models = {
        tuple(step.lower() for step in place.model): place
        for place in reversed(found.places)
        if len(place.model) == nearest
    }
    if len(models) > 1:
        folders = sorted(str(place.folder) for place in models.values())
        found.problem = (
            f"There are several models: {', '.join(folders[:5])}. Name one of these folders."
        )
        return
    found.skipped += [
        f"{place.folder} was skipped: it is another model than the one above it."
        for place in found.places
        if len(place.model) > nearest
    ]
    found.places = [place for place in found.places if len(place.model) == nearest]


def _walk(
    root: Path, names: tuple[str, ...], skipped: list[str], seen: set[tuple[int, int]]
) -> Iterator[PartsPlace]:
    """Yield the places from the top down, by name; a folder that is there twice, by a link, only once."""
    level: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    looked_at = 0
    for depth in range(_LEVELS + 1):
        below: list[tuple[Path, tuple[str, ...]]] = []
        for folder, steps in level:
            looked_at += 1
            if looked_at > _MAX_FOLDERS:
                skipped.append(f"{root} has too many folders: not all were looked at.")
                return
            try:
                status = folder.stat()
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
                inner = [entry.name for entry in entries if _is(entry.is_dir)]
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError) as error:
                said = error.strerror if isinstance(error, OSError) else error
                skipped.append(f"{folder} cannot be read ({said}).")
                continue
            yield from _places_in(folder, steps, names, entries, skipped)
            if depth < _LEVELS:
                below += [
                    (folder / name, (*steps, name))
                    for name in inner
                    if not is_litter(name) and kind_of(name) is None and name != "controlnet"
                ]
        level = below


def _places_in(
    folder: Path,
    steps: tuple[str, ...],
    names: tuple[str, ...],
    entries: list[os.DirEntry[str]],
    skipped: list[str],
) -> Iterator[PartsPlace]:
    if encoders_in(entry.name for entry in entries):
        return  # a model that scores pictures: see `scoring`
    networks = []
    for entry in entries:
        if kind_of(entry.name) is None:
            continue
        if _is(entry.is_file):
            skipped.append(f"{entry.path} is a file: packages and compiled models are folders.")
        elif part_of(entry.name) is None:
            skipped.append(f"{entry.path} was skipped: its name is no part's.")
        else:
            networks.append(entry.name)
    for kind in KINDS:
        if parts := sort_parts(networks, kind):
            chosen = {name for named in parts.values() for name in named}
            skipped.extend(
                f"{folder / name} was skipped: another is that part under its usual name."
                for name in networks
                if kind_of(name) == kind and name not in chosen
            )
            yield PartsPlace(
                folder=folder,
                kind=kind,
                parts=parts,
                said=attention_in((*names, *steps)),
                model=model_in(steps),
            )


def _is(kind: Callable[[], bool]) -> bool:
    """Ask an entry what it is; a link to itself, or to where this user may not look, is nothing."""
    try:
        return kind()
    except OSError:
        return False
