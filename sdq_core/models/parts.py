"""The names of a model's parts and of the folders that hold them.

Apple's converter writes `Stable_Diffusion_version_X_vae_decoder.mlpackage`, Xcode and other converters `VAEDecoder`.
Any case is read, `-` and spaces as `_`. The part is what a name ends with, because a whole U-Net and its chunks can be
side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sdq_core.models.litter import is_litter
from sdq_core.values.variants import AttentionImplementation

#: How a folder's parts are stored -> their extension.
KINDS: Mapping[str, str] = {"packages": ".mlpackage", "compiled": ".mlmodelc"}

#: Also the parts of models that are not supported, so that they are refused by name.
_PATTERNS: Mapping[str, str] = {
    "text_encoder_2": "text_?encoder_?2",
    "text_encoder_t5": "text_?encoder_?t5",
    "text_encoder": "text_?encoder",
    "control-unet_chunk1": "control(?:led)?_?unet_?chunk_?1",
    "control-unet_chunk2": "control(?:led)?_?unet_?chunk_?2",
    "control-unet": "control(?:led)?_?unet",
    "unet_chunk1": "unet_?chunk_?1",
    "unet_chunk2": "unet_?chunk_?2",
    "unet_refiner_chunk1": "unet_?refiner_?chunk_?1",
    "unet_refiner_chunk2": "unet_?refiner_?chunk_?2",
    "unet_refiner": "unet_?refiner",
    "unet": "unet",
    "vae_decoder": "vae_?decoder",
    "vae_encoder": "vae_?encoder",
    "safety_checker": "safety_?checker",
    "mmdit": "(?:mm_?dit|multi_?modal_?diffusion_?transformer)",
}
_PARTS = [
    (part, re.compile(rf"(?:^|_){pattern}\.ml(?:package|modelc)$"))
    for part, pattern in _PATTERNS.items()
]

#: The names that Apple's tools write.
_APPLES = re.compile(
    r"(?:^|_)(?:text_encoder(?:_2)?|(?:control-)?unet(?:_chunk[12])?|vae_(?:de|en)coder|safety_checker|mmdit)"
    r"\.mlpackage$|"
    r"^(?:TextEncoder(?:2|T5)?|Unet(?:Refiner)?(?:Chunk[12])?|ControlledUnet(?:Chunk[12])?|VAE(?:De|En)coder|SafetyChecker|"
    r"MultiModalDiffusionTransformer)\.mlmodelc$"
)

_WORDS = "|".join(sorted(AttentionImplementation, key=len, reverse=True))
#: A size among the words of a plain name.
SIZE_WORD = re.compile(r"(?:^|_)([1-9]\d{1,4})x([1-9]\d{1,4})(?=_|$)")
#: An attention among the words of a plain name.
ATTENTION_WORD = re.compile(rf"(?:^|_)({_WORDS})(?=_|$)")
_KIND = re.compile(rf"(?:^|_)({'|'.join(KINDS)})$")
_DOWNLOAD = re.compile(rf"_({_WORDS})_({'|'.join(KINDS)})$")


def part_of(name: str) -> str | None:
    """Return the part that a package's or compiled model's name stands for, None for other names."""
    if is_litter(name):
        return None
    plain = plain_name(name)
    return next((part for part, pattern in _PARTS if pattern.search(plain)), None)


def kind_of(name: str) -> str | None:
    """Return the kind (of `KINDS`) of a network's file name, None for anything else."""
    if is_litter(name):
        return None
    return next((kind for kind, ending in KINDS.items() if name.lower().endswith(ending)), None)


def is_apples(name: str) -> bool:
    """Say whether Apple's tools name a part so."""
    return _APPLES.search(name) is not None


def sort_parts(names: Iterable[str], kind: str) -> dict[str, list[str]]:
    """Return part -> its names of that kind.

    Where Apple's tools named one of several, only that one: the others are copies under a name of one's own.
    """
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        if kind_of(name) == kind and (part := part_of(name)):
            found.setdefault(part, []).append(name)
    for part, named in found.items():
        found[part] = [name for name in named if is_apples(name)] or named
    return found


def attention_in(steps: Iterable[str]) -> AttentionImplementation | None:
    """Return what a path's names say of the attention; the last one that says something counts."""
    said = [match[1] for step in steps for match in ATTENTION_WORD.finditer(plain_name(step))]
    return AttentionImplementation(said[-1]) if said else None


def model_in(steps: Iterable[str]) -> tuple[str, ...]:
    """Return a path's names without kinds and attention: variants of one model have the same."""
    bare = (ATTENTION_WORD.sub("", _KIND.sub("", plain_name(step))).strip("_") for step in steps)
    return tuple(step for step in bare if step)


def size_in(steps: Iterable[str]) -> str | None:
    """Return the last size that a path names, as `512x768`; None if it names none."""
    said = [f"{m[1]}x{m[2]}" for step in steps for m in SIZE_WORD.finditer(plain_name(step))]
    return said[-1] if said else None


def split_download(name: str) -> tuple[str, AttentionImplementation | None]:
    """Split `coreml-stable-diffusion-v1-4_original_packages` into model and attention."""
    match = _DOWNLOAD.search(plain_name(name))
    if match and match.start():
        return name[: match.start()], AttentionImplementation(match[1])
    return name, None


def plain_name(name: str) -> str:
    """Return a name in lower case with `_` between its words; its length stays."""
    return re.sub(r"[-\s]", "_", "".join(c.lower() if c.isascii() else c for c in name))
