"""From the fields of the form to the options of a submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sdq.submitting.options import SubmitOptions
from sdq.web.drafts.draft import Draft
from sdq_core.errors import InputError
from sdq_core.settings import Settings
from sdq_core.values.order import Priority
from sdq_core.values.seeds import format_seeds, random_seeds

RANDOM = "random"
DYNAMIC = ("random", "combinatorial")
_MOST_IMAGES_EACH = 100_000
_MOST_CHARS = 10_000

#: The option's name in a message -> the field of the form.
FIELD_OF: Mapping[str, str] = {
    "--seed-range": "seeds",
    "--random-seeds": "count",
    "--steps": "steps",
    "--guidance-scale": "guidance",
    "--scheduler": "scheduler",
    "--variant": "variant",
    "--batch": "name",
}


class FieldError(InputError):
    """What is wrong with a field of the form, a clause."""

    def __init__(self, name: str, clause: str) -> None:
        super().__init__(clause)
        self.field = name


@dataclass(frozen=True)
class Fields:
    """The fields of a form, all of them texts; those that were left empty are None."""

    sent: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """Return what a field has."""
        found = self.sent.get(name, "").strip()
        if len(found) > _MOST_CHARS:
            raise FieldError(name, f"more than {_MOST_CHARS:,} characters")
        return found or None

    def word(self, name: str, words: tuple[str, ...]) -> str | None:
        """Return which of some words a field has."""
        found = self.text(name)
        if found is not None and found not in words:
            raise FieldError(name, f"use one of {', '.join(words)}")
        return found

    def number(self, name: str, most: int) -> int | None:
        """Return the whole number from 1 that a field has."""
        found = self.text(name)
        if found is None:
            return None
        number = int(found) if found.isascii() and found.isdecimal() and len(found) < 10 else 0
        if not 1 <= number <= most:
            raise FieldError(name, f"write a whole number from 1 to {most:,}")
        return number


def options_of(draft: Draft, settings: Settings, models: tuple[str, ...]) -> SubmitOptions:
    """Return what a draft asks for; raise FieldError for a field that cannot be meant.

    models: the names that it may have.
    """
    fields = Fields(draft.fields)
    dynamic = fields.word("dynamic", DYNAMIC)
    wildcards = settings.home / "wildcards"
    return SubmitOptions(
        files=tuple(map(str, draft.prompt_files)),
        negative_prompt=fields.text("negative_prompt"),
        seeds=_seeds(fields, draft.id),
        num_inference_steps=fields.text("steps"),
        guidance_scale=fields.text("guidance"),
        scheduler=fields.text("scheduler"),
        model=fields.word("model", models),
        variant=fields.text("variant"),
        batch=fields.text("name"),
        priority=fields.word("priority", tuple(map(str, Priority))),
        dynamic=dynamic,
        # Those of the data folder only: what was sent has none.
        wildcards=str(wildcards) if dynamic and wildcards.is_dir() else None,
        weighted=fields.text("weighted") is not None,
        literal=fields.text("literal") is not None,
    )


def _seeds(fields: Fields, key: str) -> str | None:
    """Return the seeds of every prompt, random ones always the same for a draft."""
    count, seeds = fields.number("count", _MOST_IMAGES_EACH), fields.text("seeds")
    if seeds is not None and seeds.lower() == RANDOM:
        return format_seeds(random_seeds(count or 1, key))
    if seeds is not None and count is not None:
        raise FieldError("seeds", "say how many images, or which seeds; not both")
    return seeds if count is None else f"0-{count - 1}"
