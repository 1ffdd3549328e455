"""InvokeAI: `invokeai_metadata` since version 3, `sd-metadata` and `Dream` before.

https://github.com/invoke-ai/InvokeAI/blob/main/invokeai/app/invocations/metadata.py and, in version 2,
ldm/invoke/args.py
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from producer.foreign.foreign_image import ForeignImage, Lost
from producer.foreign.json_text import dict_of, json_object, text_of
from sdq_core.errors import InputError
from sdq_core.values.rng import Rng

TOOL = "InvokeAI"

_MAX_DREAM_CHARS = 20_000
#: Version 2 wrote the negative prompt into the prompt, in brackets.
_NEGATIVE = re.compile(r"\[([^\[\]]*)\]")
_SWITCHES = {"s": "steps", "S": "seed", "W": "width", "H": "height", "C": "guidance_scale", "A": "sampler"}  # fmt: skip
#: What draws its noise, by the `rand_device` of version 3 and later.
_RNGS = {"cpu": Rng.TORCH, "cuda": Rng.NVIDIA}
_LOST = {
    "loras": Lost.NETWORKS,
    "controlnets": Lost.CONTROL,
    "ipAdapters": Lost.CONTROL,
    "t2iAdapters": Lost.CONTROL,
    "refiner_model": Lost.SECOND_PASS,
    "hrf_enabled": Lost.SECOND_PASS,
    "hires_fix": Lost.SECOND_PASS,
    "init_image": Lost.FROM_IMAGE,
    "clip_skip": Lost.CLIP_SKIP,
    "seamless": Lost.OTHER,
    "seamless_x": Lost.OTHER,
    "seamless_y": Lost.OTHER,
    "variations": Lost.OTHER,
    "perlin": Lost.OTHER,
    "threshold": Lost.OTHER,
}


def read(texts: Mapping[str, str]) -> ForeignImage | None:
    """Return what InvokeAI wrote, None without it."""
    if "invokeai_metadata" in texts:
        return _metadata(json_object(texts["invokeai_metadata"], "invokeai_metadata"))
    if "sd-metadata" in texts:
        return _former(json_object(texts["sd-metadata"], "sd-metadata"))
    if "Dream" in texts:
        return _dream(texts["Dream"])
    return None


def _metadata(said: dict[str, Any]) -> ForeignImage:
    prompt = text_of(said.get("positive_prompt"))
    if prompt is None:
        raise InputError("its invokeai_metadata has no prompt")
    model, scale = said.get("model"), said.get("cfg_scale")
    lost = _lost(said)
    mode = text_of(said.get("generation_mode")) or ""
    if mode and not mode.endswith("txt2img"):
        lost[Lost.FROM_IMAGE] = mode
    if isinstance(scale, list):  # one for each step
        scale = scale[0] if scale else None
        lost[Lost.OTHER] = "cfg_scale of each step"
    of_model = dict_of(model)
    return ForeignImage(
        tool=TOOL,
        prompt=prompt,
        negative_prompt=text_of(said.get("negative_prompt")) or "",
        steps=said.get("steps"),
        guidance_scale=scale,
        sampler=text_of(said.get("scheduler")),
        seed=said.get("seed"),
        rng=_RNGS.get(text_of(said.get("rand_device")) or ""),
        model=text_of(of_model.get("name"))
        or text_of(of_model.get("model_name"))
        or text_of(model),
        width=said.get("width"),
        height=said.get("height"),
        lost=lost,
    )


def _former(said: dict[str, Any]) -> ForeignImage:
    image = dict_of(said.get("image"))
    prompt = image.get("prompt")
    if isinstance(prompt, list):  # of several with weights, the first
        prompt = dict_of(prompt[0]).get("prompt") if prompt else None
    if not isinstance(prompt, str):
        raise InputError("its sd-metadata has no prompt")
    lost = _lost(image)
    if image.get("type") not in (None, "txt2img"):
        lost[Lost.FROM_IMAGE] = str(image["type"])[:100]
    if image.get("postprocessing"):
        lost[Lost.SECOND_PASS] = "postprocessing"
    return ForeignImage(
        tool=TOOL,
        **_split(prompt),
        steps=image.get("steps"),
        guidance_scale=image.get("cfg_scale"),
        sampler=text_of(image.get("sampler")),
        seed=image.get("seed"),
        model=text_of(said.get("model_weights")),
        width=image.get("width"),
        height=image.get("height"),
        lost=lost,
    )


def _dream(written: str) -> ForeignImage:
    """Read a command of version 1 and 2: `"a red fox [blurry]" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms`."""
    if len(written) > _MAX_DREAM_CHARS:
        raise InputError("its Dream is too long")
    begin = re.search(r'"?\s+-[sSWHCA]\s*[\w.]', written)
    if begin is None:
        raise InputError("its Dream has no settings")
    prompt = written[: begin.start()].strip().removeprefix('"')
    try:
        words = shlex.split(written[begin.start() :].removeprefix('"'))
    except ValueError:
        raise InputError("its Dream cannot be read") from None
    said: dict[str, Any] = {}
    lost: dict[Lost, str] = {}
    for number, word in enumerate(words):
        name = _SWITCHES.get(word[1:2]) if word[:1] == "-" else None
        if name is not None and not word.startswith("--"):
            said[name] = word[2:] or (words[number + 1] if number + 1 < len(words) else "")
        elif word.startswith(("-I", "-f")):
            lost[Lost.FROM_IMAGE] = word
        elif word.startswith(("-G", "-U", "--hires", "--embiggen")):
            lost[Lost.SECOND_PASS] = word
        elif word.startswith("-"):
            lost.setdefault(Lost.OTHER, word)
    return ForeignImage(tool=TOOL, **_split(prompt), **said, lost=lost)


def _split(prompt: str) -> dict[str, Any]:
    negative = ", ".join(_NEGATIVE.findall(prompt))
    return {"prompt": _NEGATIVE.sub("", prompt).strip(), "negative_prompt": negative}


def _lost(said: Mapping[str, Any]) -> dict[Lost, str]:
    return {kind: name for name, kind in _LOST.items() if said.get(name)}
