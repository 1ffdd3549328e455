"""What path templates are made of: tokens, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sdq_core.images.path import batch_folder
from sdq_core.images.safe_names import cleaned, cut, slug
from sdq_core.values.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class PathFacts:
    """What tokens stand for. entry: the number of the prompt in its batch. date: ``2026-11-26``, or empty."""

    batch_name: str
    entry: int
    seed: int
    recipe: Recipe
    custom_id: str | None = None
    date: str = ""


#: Token -> its value, and the most bytes that it takes.
NUMBERS: Mapping[str, tuple[Callable[[PathFacts], int], int]] = {
    "index": (lambda facts: facts.entry, 9),
    "seed": (lambda facts: facts.seed, 10),
    "steps": (lambda facts: facts.recipe.num_inference_steps, 4),
}
TEXTS: Mapping[str, tuple[Callable[[PathFacts], str], int]] = {
    "batch": (lambda facts: batch_folder(facts.batch_name), 211),
    "custom_id": (lambda facts: cut(cleaned(facts.custom_id or ""), 100), 100),
    "guidance": (lambda facts: f"{facts.recipe.guidance_scale:g}", 12),
    "scheduler": (lambda facts: str(facts.recipe.scheduler), 24),
    "model": (lambda facts: cut(cleaned(_last_name(facts.recipe.variant.model)), 60), 60),
    "variant": (lambda facts: str(facts.recipe.variant.attention_implementation), 16),
    "date": (lambda facts: facts.date or "_", 10),
    "slug": (lambda facts: slug(facts.recipe.prompt, 60), 60),
    "recipe": (lambda facts: facts.recipe.content_key[:12], 12),
}
TOKENS = ("batch", "index", "custom_id", "seed", "steps", "guidance", "scheduler", "model", "variant", "date", "slug",
          "recipe")  # fmt: skip

#: The same for all images of a batch.
CONSTANT = frozenset({"batch", "date"})


@dataclass(frozen=True)
class Token:
    """A token of a template. width: of a number with zeros before it, 0 for none."""

    name: str
    width: int = 0


def _last_name(model: str) -> str:
    """Return a model's name, of one that is named by its folder that folder's."""
    return model.rstrip("/").rpartition("/")[2] or "model"
