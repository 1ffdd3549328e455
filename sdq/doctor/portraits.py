"""Self-portraits: what a model drew by a prompt and seed of ours when `sdq doctor --model` first met it here.

They are PNGs as sdq writes them, in the data folder, one for each revision of a variant. Each records what it was drawn
with, so that it can be drawn again also if a later sdq asks newcomers for another picture. Nothing replaces them:
whoever wants a new one deletes the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from PIL import Image

from sdq.doctor.references import Reference, read_reference
from sdq_core.errors import InputMissingError
from sdq_core.images.encode import encode_png
from sdq_core.images.metadata import ImageMetadata
from sdq_core.images.store import store_file
from sdq_core.models import VariantFolder
from sdq_core.values.machine import this_machine
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import ComputeUnit, Variant

#: A subject that the demo model can draw, too. Four steps, as in `sdq bench --quick`: the CPU has to draw large models.
PROMPT = "a lighthouse on the right and the sea at sunset with clouds"
SEED = 1
STEPS = 4


@dataclass(frozen=True, kw_only=True)
class Portraits:
    """The portraits in a folder, which may not exist yet."""

    folder: Path

    def path_of(self, model: VariantFolder) -> Path:
        """Return where a variant's portrait is, or is to be."""
        return self.folder / f"{model.revision}.png"

    def find(self, model: VariantFolder) -> Reference | None:
        """Return a variant's portrait, None if there is none; raise InputError if it cannot be read."""
        path = self.path_of(model)
        try:
            return read_reference(path, f"Delete {path}, and run this again to record another one.")
        except InputMissingError:
            return None

    @staticmethod
    def recipe(model: VariantFolder, unit: ComputeUnit) -> Recipe:
        """Return the recipe by which a variant without a portrait is drawn, with SEED, on a unit."""
        variant = Variant(
            model=model.model,
            revision=model.revision,
            attention_implementation=model.attention_implementation,
            compute_unit=unit,
        )
        return Recipe(
            variant=variant,
            prompt=PROMPT,
            width=model.width,
            height=model.height,
            num_inference_steps=STEPS,
        )

    def keep(
        self, model: VariantFolder, unit: ComputeUnit, picture: Image.Image, runtime: str
    ) -> Reference:
        """Store a variant's first portrait; raise OutputError or StorageError if that fails."""
        recipe, path, machine = self.recipe(model, unit), self.path_of(model), this_machine()
        about = ImageMetadata(
            recipe=recipe,
            seed=SEED,
            version=metadata.version("sdq"),
            provenance={"runtime": runtime, "os": machine.os, "chip": machine.chip},
        )
        store_file(encode_png(picture, about), path)
        return Reference(
            path=path, recipe=recipe, seed=SEED, picture=picture, provenance=about.provenance
        )
