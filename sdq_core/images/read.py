"""From an image file to the recipe and seed that draw it again.

Files come from anywhere, so nothing in them is trusted: no pixels are decoded, only the record is read
(`sdq_core.images.record_text`), and every value is checked. Time and memory are bounded whatever the file contains.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdq_core.errors import InputError, InputMissingError
from sdq_core.images.metadata import RECORD_VERSION
from sdq_core.images.record_text import record_text
from sdq_core.values.limits import (
    BAD_CHARACTER,
    MAX_GUIDANCE_SCALE,
    MAX_SIDE,
    MAX_STEPS,
    MAX_TEXT_CHARS,
)
from sdq_core.values.recipes import Recipe
from sdq_core.values.seeds import check_seed

_RECIPE_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "revision": (str,),
    "attention_implementation": (str,),
    "compute_unit": (str,),
    "prompt": (str,),
    "negative_prompt": (str,),
    "num_inference_steps": (int,),
    "guidance_scale": (int, float),
    "scheduler": (str,),
    "width": (int,),
    "height": (int,),
    "rng": (str,),
}


_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """What an image file records about itself."""

    recipe: Recipe
    seed: int
    software: str
    provenance: dict[str, Any]


def read_record(path: Path) -> FileRecord:
    """Read the `sdq` record of an image file.

    Raise InputMissingError for a file that does not exist or cannot be read, InputError for one that is no image of a
    format that sdq writes, has no record, or has one that cannot be used.
    """
    try:
        with open(path, "rb", opener=open_at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise InputError(f"{path} is a pipe or a device, not an image.")
            text = record_text(file, path)
    except (FileNotFoundError, NotADirectoryError):
        raise InputMissingError(f"{path} does not exist.") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, not an image.") from None
    except OSError as error:
        raise InputMissingError(f"Cannot read {path} ({error.strerror}).") from None
    except ValueError:  # a zero byte
        raise InputMissingError(f"No file can have the name {str(path)!r}.") from None
    return _parsed(text, path)


def open_at_once(path: str, flags: int) -> int:
    """Open a file that may be a pipe, for `open`: opening one without a writer would never return."""
    return os.open(path, flags | os.O_NONBLOCK)


def _parsed(text: bytes, path: Path) -> FileRecord:
    def bad(what: str) -> InputError:
        return InputError(f"The sdq record of {path} cannot be used: {what}.")

    try:
        record = json.loads(text, parse_int=_integer, parse_float=_real, parse_constant=_constant)
    except (ValueError, RecursionError):
        raise bad("it is not JSON") from None
    if not isinstance(record, dict):
        raise bad("it is not an object")
    version = record.get("version")
    if version != RECORD_VERSION:
        raise bad(
            f"its version is {str(version)[:20]!r}, but this sdq reads {RECORD_VERSION}; update sdq"
        )
    fields, seed, provenance = (record.get(key) for key in ("recipe", "seed", "provenance"))
    if type(seed) is not int or not isinstance(fields, dict) or not isinstance(provenance, dict):
        raise bad("recipe, seed or provenance is missing")
    for name, types in _RECIPE_TYPES.items():
        if type(fields.get(name)) not in types:
            raise bad(f"its recipe's {name} is missing or of the wrong type")
        if isinstance(text := fields[name], str) and (
            len(text) > MAX_TEXT_CHARS or BAD_CHARACTER.search(text)
        ):
            raise bad(f"its recipe's {name} is too long or contains characters that are not text")
    _check_conditions(fields, bad)
    try:
        check_seed(seed)
        recipe = Recipe.from_dict(fields)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, InputError) as error:
        raise bad(str(error)[:200]) from None
    sizes = 1 <= recipe.width <= MAX_SIDE and 1 <= recipe.height <= MAX_SIDE
    steps = 1 <= recipe.num_inference_steps <= MAX_STEPS
    if not (sizes and steps and 0 <= recipe.guidance_scale <= MAX_GUIDANCE_SCALE):
        raise bad("its recipe's numbers are out of range")
    software = record.get("software")
    return FileRecord(
        recipe=recipe,
        seed=seed,
        software=software if isinstance(software, str) and len(software) <= 200 else "",
        provenance=provenance,
    )


def _check_conditions(fields: dict[str, Any], bad: Callable[[str], InputError]) -> None:
    """Raise InputError for conditions that no recipe has."""
    for name in ("init_image", "mask"):
        if name in fields and not (
            isinstance(fields[name], str) and _DIGEST.fullmatch(fields[name])
        ):
            raise bad(f"its recipe's {name} is not a sha256")
    strength = fields.get("strength")
    if ("init_image" in fields) != ("strength" in fields) or (
        "mask" in fields and strength is None
    ):
        raise bad("its recipe has a picture without a strength, or the other way round")
    if strength is not None and (type(strength) not in {int, float} or not 0 < strength <= 1):
        raise bad("its recipe's strength is out of range")
    eta = fields.get("eta", 0)
    if type(eta) not in {int, float} or not 0 <= eta <= 1:
        raise bad("its recipe's eta is out of range")
    for name in ("controlnets", "original_size", "crop"):
        if name in fields and not isinstance(fields[name], list):
            raise bad(f"its recipe's {name} is of the wrong type")


def _integer(digits: str) -> int:
    if len(digits) > 30:  # the time of int() grows with the square of the digits
        raise ValueError("too many digits")
    return int(digits)


def _real(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):  # strict JSON could not hold it again
        raise ValueError("too large")
    return number


def _constant(text: str) -> float:
    raise ValueError(text)
