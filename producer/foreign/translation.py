"""From what another tool wrote to a prompt line, with everything noted that is lost on the way.

The prompt stays as it is, except for extra networks, which are no words to the tool either. The seed stays, too, and
its noise is made as the tool made it, where that is known.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from db.values import JSON
from producer.changes import Changes
from producer.foreign import infotext
from producer.foreign.differences import Differences
from producer.foreign.foreign_image import ForeignImage, Lost
from producer.foreign.models_here import ModelsHere
from producer.foreign.samplers import is_usual_schedule, scheduler_named
from producer.planning.defaults import Defaults
from producer.reading.dialects import foreign_syntax
from producer.reading.fields import build_line
from producer.reading.json_values import number, whole
from producer.reading.prompt_line import PromptLine
from sdq_core.errors import InputError, PackageError
from sdq_core.values.rng import Rng
from sdq_core.values.seeds import MAX_SEED
from sdq_core.values.steps import DISTILLED
from sdq_core.values.variants import Scheduler

_NETWORK = re.compile(r"<(?:lora|lyco|hypernet)[^<>:]*:[^<>]*>", re.IGNORECASE)
#: Not from the middle of spaces: a million of them would be tried from each.
_LEFT_COMMAS = re.compile(r"(?<!\s)\s*,(?:\s*,)+")


#: What is lost -> an example, and what it is drawn with.
_Notes = dict[Lost, tuple[str, str]]


class Translation:
    """Makes prompt lines of other tools' images.

    models: those that are here.
    defaults: for what an image does not say. named_model: the command names its model, for all of them.
    changes: what `--set` changes; no more is lost of that.
    differences: what is lost is noted there.
    """

    def __init__(
        self,
        models: ModelsHere,
        defaults: Defaults,
        *,
        named_model: bool,
        changes: Changes,
        differences: Differences,
    ) -> None:
        self._models = models
        self._defaults = defaults
        self._named_model = named_model
        self._changed = changes.values
        self._differences = differences

    def line(self, image: ForeignImage, source: str, problems: list[str]) -> PromptLine | None:
        """Return an image's line, or add what is wrong with it to `problems` and return None. source: its file.

        Raise InputMissingError or PackageError if its model cannot be drawn at all.
        """
        notes: _Notes = {lost: (example, "") for lost, example in image.lost.items()}
        try:
            values = self._values(image, notes)
        except PackageError:  # the model's fault, and none of the image's
            raise
        except InputError as error:
            problems.append(f"{source}: {error}")
            return None
        line = build_line(values, source=source, problems=problems)
        if line is None:
            return None
        weighted = bool(self._changed.get("weighted", line.weighted))
        for text in (line.prompt, line.negative_prompt or ""):
            if hints := foreign_syntax(text, weighted=weighted)[1]:
                notes.setdefault(Lost.SYNTAX, (hints[0].partition(";")[0], ""))
        if "rng" not in self._changed and (lost := _lost_noise(image, line.scheduler)):
            notes[lost] = (image.tool, "")
        for lost, (example, instead) in notes.items():
            self._differences.note(lost, source, example, instead=instead)
        if image.tool != infotext.OWN:
            origin = {"file": source, "tool": image.tool, **_former_seed(image)}
            line = replace(line, meta={"rerun": origin})
        return line

    def _values(self, image: ForeignImage, notes: _Notes) -> dict[str, JSON]:
        model = self._model(image, notes)
        shape = self._models.shape_of(model)
        size = f"{_pixels(image.width)}x{_pixels(image.height)}"
        if image.width and image.height and size != f"{shape.width}x{shape.height}":
            notes.setdefault(Lost.SIZE, (size, f"{shape.width}x{shape.height}"))
        missing = [
            name
            for name, value in (("steps", image.steps), ("guidance scale", image.guidance_scale),
                                ("sampler", image.sampler), ("seed", image.seed))
            if value is None
        ]  # fmt: skip
        if missing:
            notes.setdefault(Lost.UNKNOWN, (", ".join(missing), ""))
        return {
            "prompt": _without_networks(image.prompt, notes),
            "negative_prompt": _without_networks(image.negative_prompt, notes),
            "num_inference_steps": image.steps,
            "guidance_scale": self._guidance(image),
            "scheduler": self._scheduler(image, notes),
            "rng": image.rng and str(image.rng),
            "weighted": image.weighted,
            "eta": image.eta,
            "seed": _seed(image, notes),
            "model": model,
            "variants": image.variants,
            "compute_unit": image.compute_unit,
        }

    def _model(self, image: ForeignImage, notes: _Notes) -> str:
        if "model" in self._changed:
            return str(self._changed["model"])
        found = self._models.named(image.model) if image.model and not self._named_model else None
        if found is None and image.model and image.model != self._defaults.model:
            notes.setdefault(Lost.MODEL, (image.model, self._defaults.model))
        return found or self._defaults.model

    def _guidance(self, image: ForeignImage) -> JSON:
        if image.guidance_scale is None or "guidance_scale" in self._changed:
            return None
        return number("guidance_scale", image.guidance_scale)

    def _scheduler(self, image: ForeignImage, notes: _Notes) -> str | None:
        if image.sampler is None or "scheduler" in self._changed:
            return None
        scheduler, schedule = scheduler_named(image.sampler)
        if scheduler is None:
            notes.setdefault(Lost.SAMPLER, (image.sampler, str(self._defaults.scheduler)))
            return None
        schedule = schedule or image.schedule or ""
        if not is_usual_schedule(schedule):
            notes.setdefault(Lost.SCHEDULE, (schedule, ""))
        return str(scheduler)


def _seed(image: ForeignImage, notes: _Notes) -> int:
    if image.seed is None:
        return 0
    seed = whole("seed", image.seed)
    # torch's generator of the CPU takes no more of it.
    if not 0 <= seed <= MAX_SEED and image.rng is not Rng.TORCH:
        notes.setdefault(Lost.LONG_SEED, (str(seed), ""))
    return seed % (MAX_SEED + 1)


def _lost_noise(image: ForeignImage, scheduler: Scheduler | None) -> Lost | None:
    if image.rng is None:
        return Lost.NOISE
    adds_noise = scheduler in {Scheduler.EULER_ANCESTRAL_DISCRETE, *DISTILLED}
    if adds_noise and not image.steps_go_on:
        return Lost.STEP_NOISE
    return Lost.GUESSED_NOISE if image.rng_is_guessed else None


def _former_seed(image: ForeignImage) -> dict[str, Any]:
    """Return the seed that an image had, if it is drawn with another."""
    seed = 0 if image.seed is None else whole("seed", image.seed)
    return {} if 0 <= seed <= MAX_SEED else {"seed": seed}


def _without_networks(prompt: str, notes: _Notes) -> str:
    if found := _NETWORK.search(prompt):
        notes.setdefault(Lost.NETWORKS, (found[0], ""))
        return _LEFT_COMMAS.sub(",", _NETWORK.sub("", prompt)).strip(" ,\n")
    return prompt


def _pixels(side: JSON) -> str:
    return f"{side:g}" if isinstance(side, float) else str(side)[:10].strip()
