"""AUTOMATIC1111's infotext, the `parameters` text that most tools and galleries read.

    {prompt}
    Negative prompt: {negative prompt}             left out when empty
    Steps: 20, Sampler: DPM++ 2M, CFG scale: 7.5, Seed: 42, Size: 512x512, Model: ..., Version: sdq 0.1.0, ...

The format cannot say everything. Readers strip every line and take a line that begins with "Negative prompt:" for the
start of the negative prompt. Such a line inside a prompt is joined to the line before it, which is the same to the
tokenizer; only a prompt whose first line begins that way is misread. The `sdq` chunk holds the exact record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sdq_core.values.recipes import Recipe
from sdq_core.values.rng import Rng
from sdq_core.values.variants import SAMPLER_NAMES

#: What AUTOMATIC1111 calls the noise of a recipe; it has no word for NumPy's.
RNG_WORDS = {Rng.TORCH: "CPU", Rng.NVIDIA: "NV"}
#: The name of the pair that says that weights count.
WEIGHTED = "sdq weighted"
#: AUTOMATIC1111's own `Eta` is of other samplers.
ETA = "sdq eta"

_NEGATIVE = "Negative prompt:"
#: How readers split the last line. Their names have no limit; with one, the time does not grow with its square.
_PAIR = re.compile(r'(\w[\w \-/]{1,100}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
#: With fewer pairs than this, readers take the last line for a part of the prompt.
_MIN_PAIRS = 3


@dataclass(frozen=True, kw_only=True)
class Infotext:
    """What a reader gets from an infotext; pairs in the order they were written."""

    prompt: str
    negative_prompt: str
    pairs: Mapping[str, str]


def write_infotext(recipe: Recipe, seed: int, *, version: str) -> str:
    """Write one image's infotext; `version` is sdq's own."""
    pairs = {
        "Steps": str(recipe.num_inference_steps),
        "Sampler": SAMPLER_NAMES[recipe.scheduler],
        "CFG scale": repr(float(recipe.guidance_scale)).removesuffix(".0"),
        "Seed": str(seed),
        "Size": f"{recipe.width}x{recipe.height}",
        "Model": recipe.variant.model,
        **({"RNG": RNG_WORDS[recipe.rng]} if recipe.rng in RNG_WORDS else {}),
        "Version": f"sdq {version}",
        "sdq variant": str(recipe.variant.attention_implementation),
        "sdq compute unit": str(recipe.variant.compute_unit),
    }
    if recipe.conditions.weighted:
        pairs[WEIGHTED] = "true"
    if recipe.conditions.eta:
        pairs[ETA] = f"{recipe.conditions.eta:g}"
    if recipe.conditions.strength is not None:
        pairs["Denoising strength"] = f"{recipe.conditions.strength:g}"
    for number, each in enumerate(recipe.conditions.controlnets):
        pairs[f"ControlNet {number}"] = (
            f"Module: none, Model: {each.name}, Weight: {each.scale:g}, Guidance Start: {each.start:g}, "
            f"Guidance End: {each.end:g}"
        )
    lines = [_one_prompt(recipe.prompt)]
    if recipe.negative_prompt.strip():
        lines.append(f"{_NEGATIVE} {_one_prompt(recipe.negative_prompt)}")
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in pairs.items()))
    return "\n".join(lines)


def parse_infotext(text: str) -> Infotext:
    """Read an infotext the way AUTOMATIC1111 does."""
    *lines, last = text.strip().split("\n")
    found = _PAIR.findall(last)
    if len(found) < _MIN_PAIRS:
        lines.append(last)
        found = []
    prompt: list[str] = []
    negative: list[str] = []
    part = prompt
    for line in lines:
        stripped = line.strip()
        if stripped.startswith(_NEGATIVE):
            part = negative
            stripped = stripped[len(_NEGATIVE) :].strip()
        part.append(stripped)
    return Infotext(
        prompt="\n".join(prompt),
        negative_prompt="\n".join(negative),
        pairs={name: _unquoted(value) for name, value in found},
    )


def _one_prompt(text: str) -> str:
    """Join every line that readers would take for a negative prompt to the line before it."""
    joined: list[str] = []
    for line in text.strip().split("\n"):
        if joined and line.strip().startswith(_NEGATIVE):
            while not joined[-1].strip():  # behind a blank line it would stand first again
                joined.pop()
            joined[-1] = f"{joined[-1].rstrip()} {line.strip()}"
        else:
            joined.append(line)
    return "\n".join(joined)


def _quoted(value: str) -> str:
    plain = (
        value == value.strip() and not value.startswith('"') and not re.search("[,:\r\n]", value)
    )
    return value if plain else json.dumps(value, ensure_ascii=False)


def _unquoted(value: str) -> str:
    if not (len(value) > 1 and value.startswith('"') and value.endswith('"')):
        return value.strip()
    try:
        return str(json.loads(value))
    except ValueError:
        return value
