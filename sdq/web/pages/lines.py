"""What several things differ in, and what they have in common, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdq_core.values.recipes import DEFAULT_RNG, Recipe

#: More values of one of them are counted.
_NAMED = 3
#: Longer texts of what is given by JSON are cut.
_CHARS = 200


@dataclass(frozen=True, kw_only=True)
class Line:
    """One field. values: of each, None for none. differs: not all of them are the same."""

    name: str
    values: Sequence[str | None]

    @property
    def differs(self) -> bool:
        """Whether not all values are the same."""
        return len(set(self.values)) > 1


def lines_of(columns: Sequence[Mapping[str, str]]) -> Sequence[Line]:
    """Return a line for each field of any column, those that differ first, else in the order of the columns."""
    names = dict.fromkeys(name for column in columns for name in column)
    lines = [Line(name=name, values=[column.get(name) for column in columns]) for name in names]
    return sorted(lines, key=lambda line: not line.differs)


def joined(facts: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    """Return the facts of many things as one's: of each field the values that occur."""
    values: dict[str, dict[str, None]] = {}
    for fact in facts:
        for name, value in fact.items():
            values.setdefault(name, {})[value] = None
    return {name: _some(list(found)) for name, found in values.items()}


def recipe_facts(recipe: Recipe) -> Mapping[str, str]:
    """Return what a recipe says of how to draw, but for its prompts."""
    variant = recipe.variant
    found = {
        "Model": variant.model,
        "Variant": str(variant.attention_implementation),
        "Compute unit": str(variant.compute_unit),
        "Revision": variant.revision[:12],
        "Steps": str(recipe.num_inference_steps),
        "Guidance scale": f"{recipe.guidance_scale:g}",
        "Scheduler": str(recipe.scheduler),
        "Size": f"{recipe.width} × {recipe.height}",
    }
    if recipe.rng is not DEFAULT_RNG:
        found["Noise"] = str(recipe.rng)
    for name, value in recipe.conditions.to_dict().items():
        found[name.replace("_", " ").capitalize()] = str(value)[:_CHARS]
    if nets := recipe.conditions.describe_controlnets():
        found["Controlnets"] = nets
    return found


def _some(values: Sequence[str]) -> str:
    more = len(values) - _NAMED
    named = ", ".join(values[:_NAMED])
    return f"{named} and {more:,} more" if more > 0 else named
