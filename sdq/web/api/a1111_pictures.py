"""AUTOMATIC1111's words for pictures, ControlNets and noise, as those of a request for images."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence

from db.values import JSON
from sdq.web.api.errors import ApiError, wrong
from sdq.web.api.given import DECODING, Given, decoded
from sdq_core.errors import InputError
from sdq_core.values.annotators import Annotator
from sdq_core.values.rng import Rng
from sdq_core.values.variants import SAMPLER_NAMES, Scheduler

#: Preprocessors of its extension that a map needs, and those that sdq has.
MODULES = ("none", *map(str, Annotator))
_NO_MODULE = {None, "", "none", "None"}
#: Its usual one is less than that of other tools.
_STRENGTH = 0.75
#: How its names of ControlNets end: `control_v11p_sd15_canny [d14c016b]`.
_HASH = re.compile(r"\s*\[[0-9a-f]+\]$")
#: Where it takes the noise of a seed from.
_RNGS = {"CPU": Rng.TORCH, "GPU": Rng.NVIDIA, "NV": Rng.NVIDIA}


def noise_of(body: Mapping[str, JSON], settings: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the noise that is asked for; raise ApiError for what is not known. settings: `override_settings`."""
    found: dict[str, JSON] = {}
    if (source := settings.get("randn_source")) is not None:
        if source not in _RNGS:
            raise ApiError(422, f"randn_source has to be one of {', '.join(_RNGS)}.")
        found["rng"] = str(_RNGS[source])
    # Clients send it with every sampler, and those that have none ignore it there, too.
    named = body.get("sampler_name") or body.get("sampler_index")
    if body.get("eta") is not None and named == SAMPLER_NAMES[Scheduler.TCD]:
        found["eta"] = body["eta"]
    top, left = (settings.get(f"sdxl_crop_{side}") or 0 for side in ("top", "left"))
    if top or left:
        found["crop"] = f"{left},{top}"
    return found


def start_of(body: Mapping[str, JSON], given: Given) -> dict[str, JSON]:
    """Return the picture that `img2img` begins from, with its mask; raise ApiError for what is not drawn here."""
    pictures = body.get("init_images")
    if not isinstance(pictures, list) or len(pictures) != 1:
        raise ApiError(422, "init_images has to be a list of one picture in base64.")
    if body.get("resize_mode") not in {None, 0}:
        raise ApiError(
            422, "Pictures are stretched to the size of the images: resize_mode has to be 0."
        )
    strength = body.get("denoising_strength")
    found: dict[str, JSON] = {
        "init_image": given.put("init_images", decoded("init_images", _text(pictures[0]))),
        "strength": _STRENGTH if strength is None else strength,
    }
    if body.get("mask") is not None:
        mask = decoded("mask", _text(body["mask"]))
        if body.get("inpainting_mask_invert"):
            mask = _inverted(mask)
        found["mask"] = given.put("mask", mask)
    return found


def units_of(body: Mapping[str, JSON], init_image: JSON) -> Sequence[Mapping[str, JSON]]:
    """Return the ControlNets of `alwayson_scripts`; raise ApiError for other scripts, and for what they cannot do.

    init_image: what those without a picture follow, None for nothing.
    """
    scripts = body.get("alwayson_scripts") or {}
    if not isinstance(scripts, dict):
        raise ApiError(422, "alwayson_scripts has to be an object.")
    found: list[Mapping[str, JSON]] = []
    for name, script in scripts.items():
        arguments = script.get("args") if isinstance(script, dict) else None
        if not arguments:
            continue
        if str(name).lower() != "controlnet" or not isinstance(arguments, list):
            raise ApiError(422, f"There is no script {str(name)[:100]!r} here. Leave it out.")
        units = [
            unit for unit in arguments if not isinstance(unit, dict) or unit.get("enabled", True)
        ]
        found += [_unit(unit, init_image) for unit in units]
    return found


def _unit(unit: JSON, init_image: JSON) -> Mapping[str, JSON]:
    if not isinstance(unit, dict):
        raise ApiError(422, "A unit of controlnet has to be an object.")
    module, model = unit.get("module"), unit.get("model")
    if module not in _NO_MODULE and module not in MODULES:
        raise ApiError(
            422, f"There is no preprocessor {str(module)[:100]!r} here. Send a map, or use canny."
        )
    if unit.get("control_mode") not in {None, 0, "Balanced"}:
        raise ApiError(422, "control_mode has to be Balanced.")
    picture = unit.get("image") or unit.get("input_image")
    if isinstance(picture, dict):
        picture = picture.get("image")
    return {
        "name": _HASH.sub("", model) if isinstance(model, str) else model,
        "image": picture or init_image,
        "annotate": None if module in _NO_MODULE else module,
        "scale": unit.get("weight"),
        "start": unit.get("guidance_start"),
        "end": unit.get("guidance_end"),
    }


def _text(value: JSON) -> str:
    if not isinstance(value, str):
        raise ApiError(422, "Pictures have to be texts in base64.")
    return value


def _inverted(mask: bytes) -> bytes:
    """Return a mask with black for white; raise ApiError for what is no picture."""
    from PIL import ImageOps

    from sdq_core.inputs.picture import read_mask

    try:
        with DECODING:
            inverted = ImageOps.invert(read_mask(mask))
    except InputError as error:
        raise wrong(f"mask {error}.", "mask") from None
    written = io.BytesIO()
    inverted.save(written, "PNG")
    return written.getvalue()
