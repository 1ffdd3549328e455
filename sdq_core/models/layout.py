"""What of a Hub repository is needed to draw: the parts of one variant, and the settings files beside a base model.

Folders of parts are found by what lies in them, not by a fixed place: Apple's repositories hold
`original/packages/*.mlpackage`, its XL ones `packages/*.mlpackage`, others their parts at the top.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from sdq_core.errors import InputMissingError
from sdq_core.models.parts import KINDS, part_of
from sdq_core.values.variants import AttentionImplementation

#: Settings beside a base model, as diffusers lays them out. Weights are in none of these files.
SETTINGS = (
    *(
        f"{folder}/{name}"
        for folder in ("tokenizer", "tokenizer_2")
        for name in ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")
    ),
    "scheduler/scheduler_config.json",
    "feature_extractor/preprocessor_config.json",
)

#: Without these nothing can be drawn.
REQUIRED_SETTINGS = (
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "scheduler/scheduler_config.json",
)

_DRAWING = ("text_encoder", "text_encoder_2", "vae_decoder", "safety_checker")
_CHUNKS = ("unet_chunk1", "unet_chunk2")


@dataclass(frozen=True, kw_only=True)
class PartsFolder:
    """A folder of a repository with all parts of one variant.

    path: within the repository, empty for its top. attention_implementation: as its path says, None when it does not.
    parts: part -> the name of its package -> its files' paths in the repository.
    """

    path: str
    attention_implementation: AttentionImplementation | None
    parts: Mapping[str, tuple[str, tuple[str, ...]]]
    loose: tuple[str, ...]

    def needed(self, *, all_parts: bool) -> list[str]:
        """List the files that drawing needs: the whole U-Net, its chunks only where there is none."""
        unet = ("unet",) if "unet" in self.parts else _CHUNKS
        wanted = (
            self.parts if all_parts else [part for part in _DRAWING + unet if part in self.parts]
        )
        return [path for part in wanted for path in self.parts[part][1]] + list(self.loose)

    def names(self) -> list[str]:
        """List the parts' package names."""
        return [name for name, _ in self.parts.values()]


def parts_folders(paths: Iterable[str], kind: str) -> list[PartsFolder]:
    """Find the folders that hold a text encoder, a U-Net and a VAE decoder of one kind (of `KINDS`)."""
    found: dict[str, dict[str, tuple[str, list[str]]]] = defaultdict(dict)
    paths = list(paths)
    for path in paths:
        steps = PurePosixPath(path).parts
        for depth, step in enumerate(steps[:-1]):
            if step.endswith(KINDS[kind]) and (part := part_of(step)):
                folder = "/".join(steps[:depth])
                found[folder].setdefault(part, (step, []))[1].append(path)
                break
    folders = []
    for folder, parts in sorted(found.items()):
        if {"text_encoder", "vae_decoder"} <= parts.keys() and (
            "unet" in parts or parts.keys() >= set(_CHUNKS)
        ):
            beside = [str(PurePosixPath(folder) / name) for name in ("vocab.json", "merges.txt")]
            folders.append(
                PartsFolder(
                    path=folder,
                    attention_implementation=_attention(folder),
                    parts={part: (name, tuple(files)) for part, (name, files) in parts.items()},
                    loose=tuple(path for path in beside if path in paths),
                )
            )
    return folders


def choose_folders(
    repository: str,
    folders: list[PartsFolder],
    kind: str,
    wanted: list[AttentionImplementation],
) -> list[PartsFolder]:
    """Pick a folder per wanted variant, or the first there is; raise InputMissingError naming what there is."""
    if not folders:
        raise InputMissingError(
            f"{repository} holds no complete model as {kind} ({KINDS[kind]}): try --kind "
            f"{'compiled' if kind == 'packages' else 'packages'}, or unpack its archive and `sdq models add` it."
        )
    said = {folder.attention_implementation: folder for folder in reversed(folders)}
    if not wanted:
        return [said.get(AttentionImplementation.ORIGINAL) or folders[0]]
    chosen = []
    for attention in dict.fromkeys(wanted):
        # A repository that does not say holds one variant; what it is shows once it is here.
        folder = said.get(attention) or said.get(None)
        if folder is None or folder in chosen:
            there = ", ".join(word for word in AttentionImplementation if word in said)
            raise InputMissingError(
                f"{repository} has no {attention} as {kind}, only {there or 'one variant that it does not name'}."
            )
        chosen.append(folder)
    return chosen


def _attention(folder: str) -> AttentionImplementation | None:
    steps = {step.lower() for step in PurePosixPath(folder).parts}
    return next((word for word in AttentionImplementation if word in steps), None)
