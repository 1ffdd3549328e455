"""Draw Things: JSON in XMP's `exif:UserComment`, with `c` for the prompt and `uc` for the negative one.

https://github.com/receyuki/stable-diffusion-prompt-reader/blob/master/sd_prompt_reader/format/drawthings.py; the app's
own settings are under `v2`.
"""

from __future__ import annotations

from collections.abc import Mapping

from producer.foreign.foreign_image import ForeignImage, Lost
from producer.foreign.json_text import dict_of, json_object, text_of
from sdq_core.errors import InputError
from sdq_core.values.rng import Rng

TOOL = "Draw Things"

#: Its modes of seeds, by name and number. Its others, such as its default, make noise that sdq does not have.
_RNGS = {
    "torchcpucompatible": Rng.TORCH,
    "1": Rng.TORCH,
    "nvidiagpucompatible": Rng.NVIDIA,
    "3": Rng.NVIDIA,
}

_LOST = {
    "lora": Lost.NETWORKS,
    "control": Lost.CONTROL,
    "controls": Lost.CONTROL,
    "hires_fix": Lost.SECOND_PASS,
    "upscaler": Lost.SECOND_PASS,
    "refiner": Lost.SECOND_PASS,
}


def read(texts: Mapping[str, str]) -> ForeignImage | None:
    """Return what Draw Things wrote, None without it."""
    for name in ("xmp:UserComment", "exif:UserComment"):
        text = texts.get(name, "").strip()
        if not text.startswith("{") or '"c"' not in text:
            continue
        said = json_object(text, "comment")
        prompt = text_of(said.get("c"))
        if prompt is None:
            raise InputError("its comment has no prompt")
        more = dict_of(said.get("v2"))
        width, _, height = (text_of(said.get("size")) or "").partition("x")
        lost = {kind: key for key, kind in _LOST.items() if said.get(key)}
        if isinstance(skip := more.get("clipSkip"), int) and skip > 1:
            lost[Lost.CLIP_SKIP] = str(skip)
        if isinstance(strength := said.get("strength"), int | float) and 0 < strength < 1:
            lost[Lost.FROM_IMAGE] = f"strength {strength:g}"
        return ForeignImage(
            tool=TOOL,
            prompt=prompt,
            negative_prompt=text_of(said.get("uc")) or "",
            steps=said.get("steps"),
            guidance_scale=said.get("scale", more.get("guidanceScale")),
            sampler=text_of(said.get("sampler")),
            seed=said.get("seed"),
            model=text_of(said.get("model")),
            rng=_rng(said.get("seed_mode", more.get("seedMode"))),
            width=width or None,
            height=height or None,
            lost=lost,
        )
    return None


def _rng(mode: object) -> Rng | None:
    return _RNGS.get(str(mode)[:40].lower().replace(" ", ""))
