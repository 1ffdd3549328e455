"""The axes of a sheet: a column, or a choice of dynamic prompts, whose values stand side by side or below each other.

Values have their natural order: numbers by their size, texts as they come in the batches. So prompts stand in the order
of their file, and schedulers in the order in which they were asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.columns import Named, parse_columns
from db.values import FinishedImage
from sdq_core.errors import UsageError

#: A value of an axis, None where an image has none.
Value = Hashable

#: A choice as its template writes it: `{red|blue}`, `__animal__`.
_CHOICE = re.compile(r"\{.*\}|__.+__", re.DOTALL)

#: What stands before a value, where the column's own name is long; texts without an entry here stand alone.
_SHORT = {
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "attention_implementation": "variant",
}
_ALONE = frozenset(
    {
        "batch", "prompt", "scheduler", "model", "attention_implementation", "compute_unit",
        "pipeline", "runtime", "precision", "worker", "host", "os", "chip", "custom_id", "path", "init_image",
        "controlnet",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What an axis shows.

    name: as the user would write it.
    of: its value for an image.
    alone: the value says enough without the name.
    numeric: texts that read as numbers stand in their order, as those of a table's own fields.
    """

    name: str
    of: Callable[[FinishedImage], Value]
    alone: bool = False
    numeric: bool = False

    @property
    def short(self) -> str:
        """Its name, as short as users know it."""
        if _CHOICE.fullmatch(self.name):
            return self.name
        return _SHORT.get(self.name, self.name).replace("_", " ")

    def label(self, value: Value) -> str:
        """Return how a value is written on a sheet."""
        name = self.short
        if value is None or value == "":
            return f"no {name}"
        if isinstance(value, bool):
            return f"{name}: {'yes' if value else 'no'}"
        text = f"{value:g}" if isinstance(value, float) else str(value)
        if isinstance(value, datetime):
            text = f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        return text if self.alone else f"{name} {text}"


def axis_named(text: str) -> Axis:
    """Return the axis that a user names: a column such as `steps` or `meta.style`, or a choice such as `__animal__`.

    Raise UsageError for anything else.
    """
    if _CHOICE.fullmatch(text):
        return Axis(name=text, of=lambda image: _choice(image, text), alone=True, numeric=True)
    columns = parse_columns(text)
    if len(columns) != 1:
        raise UsageError(f"An axis shows one column, not {len(columns)}: {text}.")
    return axis_of(columns[0])


def axis_of(column: Named) -> Axis:
    """Return the axis of a column."""
    return Axis(
        name=column.name,
        of=lambda image: _value(column.of(image)),
        alone=column.name in _ALONE,
        numeric=column.kind is None,
    )


#: What a user sets beside prompts and seed.
SETTINGS = tuple(
    axis_of(column)
    for column in parse_columns(
        "num_inference_steps,guidance_scale,scheduler,rng,weighted,eta,width,height,model,attention_implementation,"
        "compute_unit,init_image,strength,mask,original_size,crop,controlnet"
    )
)


def _value(found: Any) -> Value:
    if isinstance(found, list):
        return ", ".join(map(str, found))
    if isinstance(found, dict):
        return json.dumps(found, sort_keys=True, ensure_ascii=False)
    assert isinstance(found, Hashable)
    return found


def _choice(image: FinishedImage, written: str) -> Value:
    """Return what was chosen for the first choice that its template writes so, None if it has none."""
    dynamic = image.fields.get("dynamic")
    if isinstance(dynamic, dict):
        for key in ("choices", "negative_choices"):
            for pair in dynamic.get(key) or ():
                if isinstance(pair, list) and len(pair) == 2 and pair[0] == written:
                    return str(pair[1])
    return None
