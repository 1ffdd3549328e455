"""AUTOMATIC1111's words for what sdq has: samplers, models, and the fields of `txt2img`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from db.values import JSON
from sdq.web.api.a1111_pictures import noise_of, start_of, units_of
from sdq.web.api.errors import ApiError
from sdq.web.api.generation import MOST_IMAGES, read_generation, whole
from sdq.web.api.given import Given
from sdq_core.values.variants import SAMPLER_NAMES

#: Its fields with pictures, which no answer repeats.
_PICTURES = {"init_images", "mask", "alwayson_scripts"}
#: Its option that names the model.
CHECKPOINT = "sd_model_checkpoint"

#: Its fields by those of a request for images.
_FIELDS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "steps": "steps",
    "cfg_scale": "guidance_scale",
}
_DEFAULTS: Mapping[str, JSON] = {
    "prompt": "",
    "negative_prompt": "",
    "seed": -1,
    "width": None,
    "height": None,
    "batch_size": 1,
    "n_iter": 1,
}


#: What is drawn in another way than asked for, or not at all, if one of these is set; what it says then.
_REFUSED = {
    "enable_hr": "second pass in a larger size",
    "tiling": "tiling",
    "script_name": "such script",
    "refiner_checkpoint": "refiner",
    "styles": "list of styles",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request of `txt2img` or `img2img`. parameters: as the answer repeats them. line: the keys of a jsonl line."""

    parameters: Mapping[str, JSON]
    line: Mapping[str, JSON]
    sends_images: bool


def read_asked(
    body: Mapping[str, JSON], model: str, given: Given, *, from_picture: bool = False
) -> Asked:
    """Return what is asked for; raise ApiError for what cannot be drawn.

    model: the one that is chosen. given: keeps the pictures that it brings. from_picture: it is `img2img`.
    """
    for name, what in _REFUSED.items():
        if body.get(name):
            raise ApiError(422, f"There is no {what} here. Leave {name} out.")
    settings = {} if body.get("override_settings") is None else body["override_settings"]
    if not isinstance(settings, dict):
        raise ApiError(422, "override_settings has to be an object.")
    asked = {
        field: body[name] for name, field in _FIELDS.items() if body.get(name) not in (None, "")
    }
    if sampler := _text(body, "sampler_name") or _text(body, "sampler_index"):
        asked["scheduler"] = sampler
    sends_images = True if body.get("send_images") is None else body["send_images"]
    if not isinstance(sends_images, bool):
        raise ApiError(422, "send_images has to be true or false.")
    asked["model"] = _text(settings, CHECKPOINT) or model
    asked["n"] = _count(body)
    asked.update(noise_of(body, settings))
    if from_picture:
        asked.update(start_of(body, given))
    if units := units_of(body, asked.get("init_image")):
        asked["controlnet"] = units
    return Asked(
        parameters={**_DEFAULTS, **body, **dict.fromkeys(_PICTURES & body.keys())},
        line={**read_generation(asked, given).line, **_sides(body)},
        sends_images=sends_images,
    )


def samplers() -> list[dict[str, JSON]]:
    """Return the schedulers by its names."""
    return [
        {"name": name, "aliases": [str(scheduler)], "options": {}}
        for scheduler, name in SAMPLER_NAMES.items()
    ]


def schedulers() -> list[dict[str, JSON]]:
    """Return its schedules of noise, of which sdq has the one that belongs to each sampler."""
    return [
        {
            "name": "automatic",
            "label": "Automatic",
            "aliases": None,
            "default_rho": -1.0,
            "need_inner_model": False,
        }
    ]


def model_entry(name: str, folder: str) -> dict[str, JSON]:
    """Return a model as its list has it."""
    return {
        "title": name,
        "model_name": name,
        "hash": None,
        "sha256": None,
        "filename": folder,
        "config": None,
    }


def _text(fields: Mapping[str, JSON], name: str) -> str:
    given = fields.get(name)
    if given is None:
        return ""
    if not isinstance(given, str):
        raise ApiError(422, f"{name} has to be a text.")
    return given


def _sides(body: Mapping[str, JSON]) -> dict[str, int]:
    sides = {name: body[name] for name in ("width", "height") if body.get(name) is not None}
    pixels = {name: whole(side) for name, side in sides.items()}
    if None in pixels.values():
        raise ApiError(422, "width and height have to be whole numbers.")
    return {name: side for name, side in pixels.items() if side is not None}


def _count(body: Mapping[str, JSON]) -> int:
    given = [body.get(name) for name in ("batch_size", "n_iter")]
    factors = [1 if one is None else whole(one) or 0 for one in given]
    if not all(1 <= factor <= MOST_IMAGES for factor in factors):
        raise ApiError(
            422, f"batch_size and n_iter have to be whole numbers from 1 to {MOST_IMAGES}."
        )
    count = factors[0] * factors[1]
    if count > MOST_IMAGES:
        raise ApiError(
            422,
            f"batch_size times n_iter is {count}; at most {MOST_IMAGES} images are drawn at a time.",
        )
    return count
