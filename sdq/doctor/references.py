"""The images that the demo model should draw, recorded with the portable runtime.

They are PNGs as sdq writes them: each records its recipe and seed, and so the revision of the demo model.
`tools/record_doctor_references.py` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

import sdq_core
from sdq_core.errors import InputError, InputMissingError, SdqError
from sdq_core.images.read import read_record
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AttentionImplementation

FOLDER = Path(sdq_core.__file__).resolve().parent / "demo_model" / "reference"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An image and what it was drawn from."""

    path: Path
    recipe: Recipe
    seed: int
    picture: Image.Image
    provenance: Mapping[str, Any]


def references() -> Mapping[AttentionImplementation, Sequence[Reference]]:
    """Return the images, by the variant of the demo model that drew them.

    Raise InputMissingError if there are none, InputError for a damaged one.
    """
    found: dict[AttentionImplementation, list[Reference]] = {}
    for path in sorted(FOLDER.glob("*.png")):
        reference = read_reference(path, "Reinstall sdq.")
        attention = reference.recipe.variant.attention_implementation
        if not isinstance(attention, AttentionImplementation):
            raise InputError(f"{path} does not record which variant drew it. Reinstall sdq.")
        found.setdefault(attention, []).append(reference)
    if not found:
        raise InputMissingError(f"The reference images are missing from {FOLDER}. Reinstall sdq.")
    return found


def read_reference(path: Path, next_step: str) -> Reference:
    """Read an image and its record; raise InputMissingError without the file, InputError if it is damaged.

    next_step: a sentence that says what to do about a damaged one.
    """
    try:
        record = read_record(path)
        with Image.open(path) as picture:
            pixels: Image.Image = picture.convert("RGB")
    except InputMissingError:
        raise
    except SdqError as error:
        raise InputError(f"{error} {next_step}") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{path} is damaged ({error}). {next_step}") from error
    return Reference(
        path=path,
        recipe=record.recipe,
        seed=record.seed,
        picture=pixels,
        provenance=record.provenance,
    )
