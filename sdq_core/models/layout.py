"""What drawing needs from a Hub repository: the parts of one variant, and the settings files of its base model.

Folders of parts are found by their content, not by a fixed path: Apple's repositories hold
`original/packages/*.mlpackage`, its XL ones `packages/*.mlpackage`, others their parts at the top.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from sdq_core.errors import InputError, InputMissingError
from sdq_core.models.litter import is_litter
from sdq_core.models.parts import (
    KINDS,
    attention_in,
    kind_of,
    model_in,
    part_of,
    plain_name,
    size_in,
    sort_parts,
)
from sdq_core.models.scoring import encoders_in
from sdq_core.models.unets import UNET_PARTS, unet_parts
from sdq_core.values.variants import AttentionImplementation

#: A base model's settings in diffusers' layout. None of these files contains weights.
SETTINGS = (
    *(
        f"{folder}/{name}"
        for folder in ("tokenizer", "tokenizer_2")
        for name in (
            "vocab.json",
            "merges.txt",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
        )
    ),
    "scheduler/scheduler_config.json",
    "feature_extractor/preprocessor_config.json",
    "model_index.json",
    "vae/config.json",
)

#: Without these nothing can be drawn.
REQUIRED_SETTINGS = (
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "scheduler/scheduler_config.json",
)

_DRAWING = ("text_encoder", "text_encoder_2", "vae_decoder", "vae_encoder", "safety_checker")


@dataclass(frozen=True, kw_only=True)
class PartsFolder:
    """A folder of a repository with all parts of one variant.

    path: within the repository, empty for its top.
    attention_implementation: from its path, None if that does not tell.
    parts: part -> its package's name and its files' paths in the repository.
    loose: paths of vocabulary files beside the parts.
    unet: the folder that the U-Net is in where it is another one than `path`; empty for that one.
    """

    path: str
    attention_implementation: AttentionImplementation | None
    parts: Mapping[str, tuple[str, tuple[str, ...]]]
    loose: tuple[str, ...]
    unet: str = ""

    def inside(self, path: str) -> str:
        """Return where a needed file of the repository is in a folder with all parts side by side."""
        folder = next(
            (one for one in (self.unet, self.path) if one and path.startswith(f"{one}/")), ""
        )
        return path[len(folder) :].lstrip("/")

    def needed(self, *, all_parts: bool) -> list[str]:
        """Return the files that drawing needs: the whole U-Net, or its chunks if there is none."""
        needed = [part for part in _DRAWING if part in self.parts]
        wanted = self.parts if all_parts else [*needed, *unet_parts(self.parts)]
        return [path for part in wanted for path in self.parts[part][1]] + list(self.loose)

    @property
    def size(self) -> str | None:
        """The size that its path names, as `512x768`."""
        return size_in(PurePosixPath(self.path).parts)

    def names(self) -> list[str]:
        """Return the parts' package names."""
        return [name for name, _ in self.parts.values()]


def parts_folders(paths: Iterable[str], kind: str) -> list[PartsFolder]:
    """Return the folders with a text encoder, a U-Net and a VAE decoder of one kind (of `KINDS`)."""
    paths = list(paths)
    folders = []
    for folder, networks in sorted(_networks(paths, kind).items()):
        parts = {part: names[0] for part, names in sort_parts(networks, kind).items()}
        if {"text_encoder", "vae_decoder"} <= parts.keys() and unet_parts(parts):
            beside = [str(PurePosixPath(folder) / name) for name in ("vocab.json", "merges.txt")]
            folders.append(
                PartsFolder(
                    path=folder,
                    attention_implementation=attention_in(PurePosixPath(folder).parts),
                    parts={part: (name, tuple(networks[name])) for part, name in parts.items()},
                    loose=tuple(path for path in beside if path in paths),
                )
            )
    return folders


def lone_unets(
    paths: Iterable[str], kind: str
) -> dict[str, Mapping[str, tuple[str, tuple[str, ...]]]]:
    """Return the folders that have nothing but a U-Net, each with its parts as `PartsFolder` has them.

    Apple's repository of mixed-bit models has its recipes so: `unet-mbp-sdxl-1-base/recipe_4_50_bit_mixedpalette`.
    """
    found: dict[str, Mapping[str, tuple[str, tuple[str, ...]]]] = {}
    for folder, networks in sorted(_networks(paths, kind).items()):
        parts = {part: names[0] for part, names in sort_parts(networks, kind).items()}
        if unet_parts(parts) and not parts.keys() - set(UNET_PARTS):
            found[folder] = {part: (name, tuple(networks[name])) for part, name in parts.items()}
    return found


def with_lone_unet(
    repository: str, folder: PartsFolder, paths: Iterable[str], kind: str, wanted: str
) -> PartsFolder:
    """Return a folder of parts with another U-Net; raise InputMissingError unless just one has the wanted words."""
    unets = lone_unets(paths, kind)
    fitting = [path for path in unets if plain_name(wanted) in plain_name(path)]
    if len(fitting) != 1:
        raise InputMissingError(
            f"{repository} has {'several U-Nets' if fitting else 'no U-Net'} {wanted!r} by itself as {kind}. "
            + (f"It has {', '.join(unets)}." if unets else "Leave --unet out.")
        )
    kept = {part: held for part, held in folder.parts.items() if part not in UNET_PARTS}
    return replace(folder, parts={**kept, **unets[fitting[0]]}, unet=fitting[0])


def _networks(paths: Iterable[str], kind: str) -> Mapping[str, Mapping[str, list[str]]]:
    """Return folder -> name of a part of one kind in it -> the paths of its files."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in paths:
        steps = PurePosixPath(path).parts
        if any(is_litter(step) for step in steps):
            continue
        for depth, step in enumerate(steps[:-1]):
            if kind_of(step) == kind and part_of(step):
                found["/".join(steps[:depth])][step].append(path)
                break
    return found


def in_one_size(repository: str, folders: list[PartsFolder], size: str | None) -> list[PartsFolder]:
    """Return the folders of the size that is asked for, else those whose path names none, else of the only size.

    Raise InputMissingError if that size is not there, InputError if several fit.
    """
    sizes = {folder.size for folder in folders}
    named = sorted(size for size in sizes if size)
    if folders and size and size not in sizes:
        raise InputMissingError(
            f"{repository} has no folder of {size}"
            + (
                f", only of {', '.join(named)}. Use --size {named[0]}."
                if named
                else ". Leave --size out."
            )
        )
    if not size and None not in sizes and len(named) > 1:
        raise InputError(
            f"{repository} has several sizes: {', '.join(named)}. Choose one with --size {named[0]}."
        )
    if not size and None not in sizes:
        return folders
    return [folder for folder in folders if folder.size == size]


def settings_beside(paths: Collection[str], folder: str) -> dict[str, str]:
    """Return which of `SETTINGS` are where, beside a folder's parts or up to two folders above, in folders or loose."""
    here = PurePosixPath(folder)
    found = {}
    for setting in SETTINGS:
        # A loose `vocab.json` is the first tokenizer's, and a loose `config.json` may be anybody's.
        loose = (
            () if "_2/" in setting or setting.startswith("vae/") else (PurePosixPath(setting).name,)
        )
        found[setting] = next(
            (
                path
                for place in (here, *here.parents[:2])
                for name in (setting, *loose)
                if (path := str(place / name)) in paths
            ),
            "",
        )
    return {setting: path for setting, path in found.items() if path}


def one_model(folders: list[PartsFolder]) -> tuple[list[PartsFolder], list[PartsFolder]]:
    """Return the folders of the model that is nearest to the repository's top, and the others."""
    nearest = min(
        (model_in(PurePosixPath(folder.path).parts) for folder in folders),
        key=lambda names: (len(names), names),
        default=(),
    )
    ours = [f for f in folders if model_in(PurePosixPath(f.path).parts) == nearest]
    return ours, [folder for folder in folders if folder not in ours]


def choose_kind(
    repository: str, paths: Iterable[str], wanted: Iterable[AttentionImplementation]
) -> str:
    """Return the first of `KINDS` that a repository has, and has in every wanted variant if one does.

    Raises InputMissingError if it has a complete model as neither, also for models that score pictures.
    """
    paths = list(paths)
    there = {kind: folders for kind in KINDS if (folders := parts_folders(paths, kind))}
    if not there and (scoring := encoders_in({path.partition("/")[0] for path in paths})):
        raise InputMissingError(
            f"{repository} has models that score pictures and draw none: {', '.join(sorted(scoring)[:10])}. Download "
            "the two packages of one with `hf download`, and run `sdq models add`."
        )
    if not there:
        raise InputMissingError(
            f"{repository} has no complete model, neither as packages nor compiled, nor in a zip. If it has another "
            "archive, unpack that and run `sdq models add`."
        )
    needed = set(wanted)
    whole = (
        kind
        for kind, folders in there.items()
        if None in (said := {folder.attention_implementation for folder in folders})
        or needed <= said
    )
    return next(whole, next(iter(there)))


def choose_folders(
    repository: str,
    folders: list[PartsFolder],
    kind: str,
    wanted: list[AttentionImplementation],
) -> list[PartsFolder]:
    """Return a folder per wanted variant, or the first one; raise InputMissingError with those that exist."""
    if not folders:
        raise InputMissingError(
            f"{repository} has no complete model as {kind} ({KINDS[kind]}). Leave --kind out."
        )
    said = {folder.attention_implementation: folder for folder in reversed(folders)}
    if not wanted:
        return [said.get(AttentionImplementation.ORIGINAL) or folders[0]]
    chosen = []
    for attention in dict.fromkeys(wanted):
        # A repository that does not tell holds one variant; its U-Net tells which, once it is here.
        folder = said.get(attention) or said.get(None)
        if folder is None or folder in chosen:
            there = ", ".join(word for word in AttentionImplementation if word in said)
            raise InputMissingError(
                f"{repository} has no {attention} as {kind}, only {there or 'one variant that it does not name'}. "
                "Pull that one."
            )
        chosen.append(folder)
    return chosen
