"""AUTOMATIC1111's infotext, which Forge, SD.Next and most galleries write too, and sdq itself.

https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/master/modules/infotext_utils.py
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from producer.foreign.foreign_image import ForeignImage, Lost
from producer.reading.pasted import TEMPLATE
from sdq_core.errors import InputError
from sdq_core.images.infotext import ETA, WEIGHTED, Infotext, parse_infotext
from sdq_core.values.rng import Rng

TOOL, OWN = "AUTOMATIC1111", "sdq"

#: AUTOMATIC1111's default, which it does not write.
_GPU = "GPU"
#: The words of AUTOMATIC1111 and, the last, of stable-diffusion.cpp, in small letters.
_RNGS = {"cpu": Rng.TORCH, "nv": Rng.NVIDIA, "gpu": Rng.NVIDIA, "cuda": Rng.NVIDIA}
_SIZE = re.compile(r"([0-9]{1,6})\s*[x\u00d7]\s*([0-9]{1,6})")
_USED = frozenset(
    {"Steps", "Sampler", "Schedule type", "CFG scale", "CFG Scale", "Seed", "Size", "Model", "RNG", "sdq variant",
     "sdq compute unit", "sdq weighted", "sdq eta"}
)  # fmt: skip
#: What changes no picture by itself, or is told by what stands beside it.
_UNIMPORTANT = frozenset(
    {"Version", "Model hash", "VAE hash", "VAE", "Lora hashes", "TI hashes", "TI", "Hashes", "User", "Created Date",
     "Batch size", "Batch pos", "Emphasis", "VAE Decoder", "VAE Encoder", "Style Selector Enabled",
     "Civitai resources", "Civitai metadata", "Civitai Hash Index", "Eta", "NGMS", "Parser", "Backend", "App",
     "Pipeline", "Operations", "Module 1", "Module 2", "Denoising strength"}
)  # fmt: skip
#: Beginnings of names -> what they mean.
_LOST = (
    (("Hires", "Refine", "First pass size", "Upscale", "Postprocess", "ADetailer"), Lost.SECOND_PASS),
    (("ControlNet", "IP-Adapter", "T2I-Adapter"), Lost.CONTROL),
    (("Mask", "Inpaint", "Init image", "Conditional mask"), Lost.FROM_IMAGE),
    (("AddNet", "Hypernet"), Lost.NETWORKS),
    (("Schedule ", "Sampler sigma"), Lost.SCHEDULE),
)  # fmt: skip


def read(texts: Mapping[str, str]) -> ForeignImage | None:
    """Return what an image's infotext says, None without one."""
    for name in ("parameters", "exif:UserComment", "exif:ImageDescription"):
        text = texts.get(name, "").strip()
        if name != "parameters" and "Steps:" not in text:
            continue
        if text.startswith("{"):
            raise InputError("its generation data are of a tool that sdq does not read")
        if text:
            return of_infotext(parse_infotext(_without_template(text)))
    return None


def of_infotext(infotext: Infotext) -> ForeignImage:
    """Return what an infotext says; raise InputError for one without settings."""
    pairs = infotext.pairs
    if not pairs:
        raise InputError("its generation data have no settings (Steps: 20, Sampler: ...)")
    is_own = pairs.get("Version", "").startswith("sdq ")
    size = _SIZE.fullmatch(pairs.get("Size", ""))
    return ForeignImage(
        tool=OWN if is_own else TOOL,
        prompt=infotext.prompt,
        negative_prompt=infotext.negative_prompt,
        steps=pairs.get("Steps"),
        sampler=pairs.get("Sampler"),
        schedule=pairs.get("Schedule type"),
        guidance_scale=pairs.get("CFG scale", pairs.get("CFG Scale")),
        seed=pairs.get("Seed"),
        model=pairs.get("Model"),
        width=size and size[1],
        height=size and size[2],
        variants=pairs.get("sdq variant") if is_own else None,
        compute_unit=pairs.get("sdq compute unit") if is_own else None,
        weighted=WEIGHTED in pairs if is_own else None,
        eta=pairs.get(ETA) if is_own else None,
        rng=Rng.NUMPY if is_own and "RNG" not in pairs else _rng(pairs),
        rng_is_guessed=not is_own and pairs.get("RNG", _GPU) == _GPU and not _is_comfyui(pairs),
        steps_go_on=not _is_comfyui(pairs),
        lost=_lost(pairs),
    )


def _rng(pairs: Mapping[str, str]) -> Rng | None:
    """Return what made the noise: without a word about it, the GPU, which is AUTOMATIC1111's default."""
    if _is_comfyui(pairs):
        return Rng.TORCH
    return _RNGS.get(pairs.get("RNG", _GPU).lower())


def _is_comfyui(pairs: Mapping[str, str]) -> bool:
    """Tell whether a node of ComfyUI wrote them."""
    return pairs.get("Version", "").startswith("ComfyUI")


def _lost(pairs: Mapping[str, str]) -> dict[Lost, str]:
    found: dict[Lost, str] = {}
    if pairs.get("Clip skip", "1") != "1":
        found[Lost.CLIP_SKIP] = pairs["Clip skip"]
    for name, value in pairs.items():
        if name in _USED or name in _UNIMPORTANT or name == "Clip skip":
            continue
        lost = next((kind for begins, kind in _LOST if name.startswith(begins)), Lost.OTHER)
        found.setdefault(lost, f"{name}: {value}")
    strength = pairs.get("Denoising strength")
    if strength and Lost.SECOND_PASS not in found:
        found.setdefault(Lost.FROM_IMAGE, f"Denoising strength: {strength}")
    return found


def _without_template(text: str) -> str:
    """Return the text without what an extension writes below the settings: what it made the prompt from."""
    lines = text.split("\n")
    while len(lines) > 1 and TEMPLATE.match(lines[-1]):
        lines.pop()
    return "\n".join(lines)
