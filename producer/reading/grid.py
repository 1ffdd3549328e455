"""Grids: an option with several values asks for each, and several such options for every combination.

In text the values are separated by commas, `--steps 20,30`; in JSON, YAML and TOML they are lists. A prompt file's lone
`7,5` stays the number that spreadsheets of many countries mean by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from db.values import JSON
from producer.reading.characters import plain
from producer.reading.fields import build_line
from producer.reading.json_values import is_decimal_comma
from producer.reading.prompt_line import PromptLine

#: The most combinations of one line or one command.
MAX_COMBINATIONS = 100_000
#: Options whose values a comma separates; in others it is a part of the text.
_SEPARATED = frozenset(
    {"num_inference_steps", "guidance_scale", "scheduler", "rng", "strength", "eta"}
)
#: Of these, the ones that need not be whole.
_FRACTIONS = frozenset({"guidance_scale", "strength", "eta"})
#: Options that take a list of values; the last changes first. Seeds, variants and tags are lists of another kind.
_LISTED = (
    "prompt",
    "negative_prompt",
    "model",
    "num_inference_steps",
    "guidance_scale",
    "scheduler",
    "rng",
    "compute_unit",
    "init_image",
    "strength",
    "eta",
)
#: The most problems reported for one line; the rest would repeat them.
_MOST_WRONG = 5


def build_lines(values: Mapping[str, Any], *, source: str, problems: list[str]) -> list[PromptLine]:
    """Check a line's values by field name; return a line for each combination, or add what is wrong to `problems`."""
    axes = {
        field: several
        for field in _LISTED
        if field in values and (several := values_of(field, values[field])) is not None
    }
    if not axes:
        line = build_line(values, source=source, problems=problems)
        return [] if line is None else [line]
    combinations = prod(map(len, axes.values()))
    if combinations > MAX_COMBINATIONS:
        problems.append(f"{source}: {too_many(combinations)}")
        return []
    if not combinations:
        empty = next(field for field, several in axes.items() if not several)
        problems.append(f"{source}: {empty} lists no value")
        return []
    made: list[PromptLine] = []
    wrong: list[str] = []
    for combination in product(*axes.values()):
        chosen = dict(zip(axes, combination, strict=True))
        line = build_line({**values, **chosen}, source=source, problems=wrong)
        if line is not None:
            made.append(line)
        elif len(wrong) >= _MOST_WRONG:
            break
    problems += dict.fromkeys(wrong)
    return [] if wrong else made


def values_of(field: str, value: JSON, *, in_file: bool = True) -> Sequence[JSON] | None:
    """Return an option's values if there may be several, None for a single one.

    in_file: the value stands in a prompt file, where a comma may be a decimal one.
    """
    if field not in _LISTED:
        return None
    if isinstance(value, list):
        return value
    if field not in _SEPARATED or not isinstance(value, str) or "," not in value:
        return None
    written = plain(value)
    if written.startswith("[") and written.endswith("]"):
        written = written[1:-1]
    elif in_file and _is_one_number(field, written):
        return None
    return [piece.strip() for piece in written.split(",")]


def _is_one_number(field: str, written: str) -> bool:
    """Tell a decimal comma from a list: steps are whole, so 20,30 are two numbers, but 20,0 is one."""
    return is_decimal_comma(written) and (
        field in _FRACTIONS or not written.partition(",")[2].strip("0")
    )


def too_many(combinations: int) -> str:
    """Return what is wrong with a grid of too many combinations."""
    return (
        f"the lists make a grid of {combinations:,} combinations; the limit is {MAX_COMBINATIONS:,}"
    )
