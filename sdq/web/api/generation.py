"""What one request for images asks for: from the fields of `/v1/images/generations` to the keys of a prompt line.

Fields that are not known are ignored, as clients of many servers send many. Of what sdq knows, a wrong value is
refused; most are checked where all prompts are (`producer.reading`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.values import JSON
from sdq.web.api.controlnets import followings
from sdq.web.api.errors import wrong
from sdq.web.api.given import Given
from sdq_core.values.seeds import MAX_SEED

MOST_IMAGES = 10
FORMATS = ("url", "b64_json")

#: What `extra_body` may have, by the keys of a prompt line. Those of other names mean the same.
_OPTIONS = {
    "negative_prompt": "negative_prompt",
    "steps": "num_inference_steps",
    "num_inference_steps": "num_inference_steps",
    "guidance_scale": "guidance_scale",
    "scheduler": "scheduler",
    "variant": "variant",
    "compute_unit": "compute_unit",
    "model": "model",
    "rng": "rng",
    "eta": "eta",
    "strength": "strength",
    "original_size": "original_size",
    "crop": "crop",
}
_PICTURES = ("init_image", "mask")
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One prompt with its seeds.

    line: the keys of a jsonl line.
    response_format: `url` or `b64_json`, None if the client has not said.
    is_repeatable: asked for again, it means the same images.
    """

    line: Mapping[str, JSON]
    response_format: str | None = None
    is_repeatable: bool = True

    @property
    def model(self) -> str | None:
        """The model that is named."""
        model = self.line.get("model")
        return model if isinstance(model, str) else None


def read_generation(
    body: Mapping[str, JSON], given: Given, *, key: str | None = None
) -> Generation:
    """Return what a body asks for; raise ApiError, which names the field, for what cannot be meant.

    given: keeps the pictures that it brings. key: makes the seeds where none is given, always the same ones; None for
        random ones.
    """
    if not isinstance(body.get("prompt"), str) or not body["prompt"].strip():
        raise wrong("prompt has to be a text.", "prompt")
    if body.get("stream"):
        raise wrong("Images are not streamed. Leave stream out.", "stream", "unsupported_parameter")
    asked = body.get("response_format")
    if asked is not None and asked not in FORMATS:
        raise wrong(f"response_format has to be {' or '.join(FORMATS)}.", "response_format")
    line: dict[str, JSON] = {"prompt": body["prompt"]}
    for name, field in _OPTIONS.items():
        value = body.get(name)
        _check_single(name, value)
        if value not in {None, ""} and line.setdefault(field, value) != value:
            raise wrong(f"{name} and {field} differ. Leave one out.", name)
    if body.get("weighted") is not None:
        line["weighted"] = body["weighted"]
    for name in _PICTURES:
        if body.get(name) is not None:
            line[name] = given.picture(name, body[name])
    if body.get("controlnet") is not None:
        line["controlnet"] = followings(body["controlnet"], given)
    count = _count(body.get("n"))
    line["seed"] = _seeds(body.get("seed"), count, key)
    line.update(_size(body.get("size")))
    return Generation(
        line=line,
        response_format=asked,
        is_repeatable=key is not None or body.get("seed") not in {None, -1},
    )


def seeds_of_key(key: str, count: int) -> list[int]:
    """Return that many seeds, always the same ones for a key and not alike for two keys."""
    digests = (hashlib.sha256(f"{key}\n{number}".encode()).digest() for number in range(count))
    return list(dict.fromkeys(int.from_bytes(digest[:4], "big") for digest in digests))


def _check_single(name: str, given: JSON) -> None:
    """Refuse several values, of which a prompt file makes a grid."""
    if isinstance(given, list | dict | bool) or (name == "variant" and "," in str(given)):
        raise wrong(f"{name} has to be one text or number.", name)


def whole(given: JSON) -> int | None:
    """Return a whole number, which some clients write as 7.0; None for anything else."""
    if type(given) is float and given.is_integer():
        return int(given)
    return given if type(given) is int else None


def _count(given: JSON) -> int:
    count = 1 if given is None else whole(given)
    if count is None or not 1 <= count <= MOST_IMAGES:
        raise wrong(f"n has to be a whole number from 1 to {MOST_IMAGES}.", "n")
    return count


def _seeds(given: JSON, count: int, key: str | None) -> Sequence[int]:
    if given is None or given == -1:
        return seeds_of_key(key or secrets.token_hex(), count)
    first = whole(given)
    if first is None or not 0 <= first <= MAX_SEED + 1 - count:
        raise wrong(f"seed has to be a whole number from 0 to {MAX_SEED}, or -1.", "seed")
    return list(range(first, first + count))


def _size(given: JSON) -> dict[str, int]:
    if given is None or given == "auto":
        return {}
    found = _SIZE.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise wrong("size has to be written as 512x512, or auto.", "size")
    return {"width": int(found[1]), "height": int(found[2])}
