"""What the names of zips say, and which of them is the model that is asked for.

The community's repositories hold a zip a variant and size, `original/512x768/NAME_original_512x768.zip`, others a zip a
part, `Unet.mlmodelc.zip`. What the U-Net is, in attention and size, is read from it once it is unpacked.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sdq_core.errors import InputError, InputMissingError, PackageError
from sdq_core.models.litter import is_litter
from sdq_core.models.parts import (
    ATTENTION_WORD,
    KINDS,
    SIZE_WORD,
    attention_in,
    kind_of,
    part_of,
    plain_name,
    size_in,
    sort_parts,
)
from sdq_core.models.unets import UNET_PARTS, unet_parts
from sdq_core.values.variants import AttentionImplementation

_KIND = re.compile(rf"(?:^|_)({'|'.join(KINDS)})(?=_|$)")
#: With a second U-Net for ControlNets, or without the VAE encoder: it draws the same.
_EXTRA = re.compile(r"(?:^|_)(?:cn|no_i2i)(?=_|$)")
_CONTROL_NET = re.compile(r"(?:^|_)control_?nets?(?:_|$)")
_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A model in one zip, or in one zip a part.

    zips: paths. attention_implementation, kind, size (as in `512x768`): what the paths say, else None.
    extra: it has, or lacks, something that drawing does not need.
    """

    zips: tuple[str, ...]
    attention_implementation: AttentionImplementation | None = None
    kind: str | None = None
    size: str | None = None
    extra: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        """The names that say something about it: folders, and the zip's without its ending."""
        path = PurePosixPath(self.zips[0])
        return path.parent.parts if is_part(path.name) else path.with_suffix("").parts

    @property
    def folder(self) -> str:
        """The folder of its zips."""
        return str(PurePosixPath(self.zips[0]).parent)


def is_zip(name: str) -> bool:
    """Say whether a name is a zip's."""
    return name.lower().endswith(".zip") and not is_litter(name)


def is_part(name: str) -> bool:
    """Say whether a zip's name is that of one part, as `Unet.mlmodelc.zip`."""
    stem = PurePosixPath(name).stem
    return is_zip(name) and kind_of(stem) is not None and part_of(stem) is not None


def packed_models(paths: Iterable[str]) -> tuple[list[Packed], list[str]]:
    """Return the models in a listing's zips, and a sentence about the ControlNets among them."""
    zips = [PurePosixPath(path) for path in sorted(paths) if is_zip(PurePosixPath(path).name)]
    zips = [path for path in zips if not any(map(is_litter, path.parts))]
    by_folder: dict[tuple[str, str], list[PurePosixPath]] = defaultdict(list)
    found: list[PurePosixPath] = []
    nets: list[PurePosixPath] = []
    for path in zips:
        if is_part(path.name):
            by_folder[str(path.parent), str(kind_of(path.stem))].append(path)
        elif kind_of(path.stem) is None:
            (nets if _is_control_net(path) else found).append(path)
    models = [_packed((path,)) for path in found]
    for (_, kind), parts in by_folder.items():
        there = sort_parts((path.stem for path in parts), kind)
        if {"text_encoder", "vae_decoder"} <= there.keys() and unet_parts(there):
            models.append(_packed(tuple(parts)))
    said = (
        [f"{_listed(nets)}: left out; `sdq models pull --controlnet NAME` pulls ControlNets."]
        if nets
        else []
    )
    return models, said


def controlnet_zips(paths: Iterable[str]) -> list[str]:
    """Return the zips of a listing that hold ControlNets."""
    zips = [PurePosixPath(path) for path in sorted(paths) if is_zip(PurePosixPath(path).name)]
    return [
        str(path)
        for path in zips
        if not any(map(is_litter, path.parts)) and not is_part(path.name) and _is_control_net(path)
    ]


def packed_at(path: Path) -> Packed | None:
    """Return the model in a zip on this disk, or in a folder's zips; None if there is no zip.

    Raise InputError if the folder has several, PackageError if a part is missing.
    """
    if is_part(path.name):
        raise InputError(
            f"{path} is one part of a model. Name the folder that has the zips of all parts."
        )
    if path.is_file() and is_zip(path.name):
        return _packed((PurePosixPath(path),))
    try:
        inside = [str(entry) for entry in path.iterdir() if is_zip(entry.name) and entry.is_file()]
    except OSError:  # whoever looks for a folder reports it
        return None
    models, _ = packed_models(inside)
    if len(models) > 1:
        names = _listed([PurePosixPath(zip_) for model in models for zip_ in model.zips[:1]])
        raise InputError(f"{path} has several models: {names}. Name one of these zips.")
    if inside and not models:
        raise PackageError(
            f"{path} has zips, but none of a whole model, or not of every part: text encoder, U-Net and VAE decoder."
            " Download the missing ones."
        )
    return models[0] if models else None


def needed_zips(model: Packed, *, all_parts: bool) -> list[str]:
    """Return the zips to download: of those of one part, the ones that drawing needs."""
    if all_parts or len(model.zips) == 1:
        return list(model.zips)
    parts = {zip_: part_of(PurePosixPath(zip_).stem) for zip_ in model.zips}
    unneeded = set(UNET_PARTS) - set(unet_parts(parts.values()))
    return [zip_ for zip_, part in parts.items() if part not in unneeded]


def choose_packed(
    repository: str,
    models: Sequence[Packed],
    *,
    wanted: Sequence[AttentionImplementation],
    size: str | None,
) -> list[Packed]:
    """Return a model per wanted variant, or that of `original`, else the first.

    Raise InputMissingError for a variant or size that is not there, InputError if several fit.
    """
    if not wanted:
        sized = [model for model in models if size in {None, model.size}] or list(models)
        there = {model.attention_implementation for model in sized}
        first = next((word for word in (*AttentionImplementation, None) if word in there), None)
        return [_choose(repository, first, models, size)]
    chosen: list[Packed] = []
    for attention in dict.fromkeys(wanted):
        model = _choose(repository, attention, models, size)
        if model in chosen:
            raise InputMissingError(
                f"{repository} has one variant that it does not name. Leave --variant out."
            )
        chosen.append(model)
    return chosen


def name_of(stem: str) -> tuple[str, str | None]:
    """Split a zip's name into the model's and the size: `x_split-einsum_512x768_cn` -> `x`, `512x768`."""
    plain = plain_name(stem)
    cut = sorted(
        match.span()
        for pattern in (SIZE_WORD, _KIND, _EXTRA, ATTENTION_WORD)
        for match in pattern.finditer(plain)
    )
    kept, end = "", 0
    for start, stop in cut:
        kept += stem[end : max(start, end)]
        end = max(stop, end)
    return (kept + stem[end:]).strip(" _-"), size_in([stem])


def _packed(zips: tuple[PurePosixPath, ...]) -> Packed:
    model = Packed(zips=tuple(map(str, zips)))
    plain = [plain_name(step) for step in model.steps]
    kinds = [match[1] for step in plain for match in _KIND.finditer(step)]
    return Packed(
        zips=model.zips,
        attention_implementation=attention_in(model.steps),
        kind=kind_of(zips[0].stem) or (kinds[-1] if kinds else None),
        size=size_in(model.steps),
        extra=any(_EXTRA.search(step) for step in plain[-1:]),
    )


def _is_control_net(path: PurePosixPath) -> bool:
    return "cn" in (plain := [plain_name(step) for step in path.with_suffix("").parts])[:-1] or any(
        map(_CONTROL_NET.search, plain)
    )


def _choose(
    repository: str,
    attention: AttentionImplementation | None,
    models: Sequence[Packed],
    size: str | None,
) -> Packed:
    said = {model.attention_implementation for model in models}
    of_it = [
        m
        for m in models
        if m.attention_implementation == (attention if attention in said else None)
    ]
    what = attention or "one variant"
    if not of_it:
        there = ", ".join(word for word in AttentionImplementation if word in said)
        raise InputMissingError(
            f"{repository} has no {attention} in its zips, only {there}. Pull that one."
        )
    sizes = sorted({model.size for model in of_it if model.size})
    fitting = [model for model in of_it if model.size == size]
    if not fitting and size:
        unnamed = " and one that no name tells" if None in {m.size for m in of_it} else ""
        raise InputMissingError(
            f"{repository} has {what} not in {size}, only in {', '.join(sizes) or 'a size that no name tells'}"
            f"{unnamed if sizes else ''}. "
            + (f"Use --size {sizes[0]}." if sizes else "Leave --size out.")
        )
    if not fitting and len(sizes) > 1:
        raise InputError(
            f"{repository} has {what} in several sizes: {', '.join(sizes)}. Choose one with --size {sizes[0]}."
        )
    fitting = fitting or of_it
    plainest = [model for model in fitting if not model.extra] or fitting
    if len(plainest) > 1:
        raise InputError(
            f"{repository} has several models: {_listed([PurePosixPath(m.zips[0]) for m in plainest])}. Download one "
            f"with `hf download {repository} FILE --local-dir .` and run `sdq models add FILE`."
        )
    return plainest[0]


def _listed(paths: Sequence[PurePosixPath]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(str(path) for path in paths[:_SHOWN]) + more
