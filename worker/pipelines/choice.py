"""Chooses the pipeline: the user's choice, else Apple's on a Mac where it is installed, else the built-in one."""

from __future__ import annotations

import importlib.metadata
import logging
import sys
from enum import StrEnum
from pathlib import Path

from sdq_core.errors import ConfigurationError
from sdq_core.models import VariantFolder
from sdq_core.models.controlnet import ControlNets
from sdq_core.values.part_units import PartUnits
from sdq_core.values.safety import Safety
from worker.pipelines.apple_limits import limit_of_model
from worker.pipelines.contract import Pipeline
from worker.runtimes.contract import Runtime

log = logging.getLogger(__name__)

#: The libraries that affect an image besides the runtime, by distribution name. Apple's pipeline has those of the
#: built-in one as well, which may draw in its place.
_LIBRARIES = {
    "builtin": ("numpy", "tokenizers"),
    "apple": (
        "python_coreml_stable_diffusion",
        "diffusers",
        "transformers",
        "torch",
        "numpy",
        "tokenizers",
    ),
}


class PipelineChoice(StrEnum):
    """The values of `--pipeline`."""

    AUTO = "auto"
    BUILTIN = "builtin"
    APPLE = "apple"


def load_pipeline(
    choice: PipelineChoice,
    folder: VariantFolder,
    runtime: Runtime,
    units: PartUnits,
    safety: Safety = Safety.FLAG,
    inputs: Path | None = None,
    controlnets: ControlNets | None = None,
    *,
    with_previews: bool = False,
) -> Pipeline:
    """Load a model variant into the chosen pipeline. inputs: the folder of pictures, None for nowhere.

    controlnets: those that images may follow pictures by, None for none. with_previews: let steps be looked at, which
    Apple's pipeline does not.

    Apple's pipeline runs on any system if chosen by name. ConfigurationError is raised then if it cannot be imported or
    cannot draw with such a model, and it refuses each image that it cannot draw. If it was chosen automatically, the
    built-in one takes its place in both cases.
    """
    from worker.pipelines.builtin import BuiltinPipeline

    if choice is PipelineChoice.BUILTIN or (
        choice is PipelineChoice.AUTO
        and (limit_of_model(folder) or not _is_apples_natural_choice())
    ):
        return BuiltinPipeline.load(
            folder, runtime, units, safety, inputs, controlnets, with_previews
        )

    from worker.pipelines.apple import ApplePipeline
    from worker.pipelines.apple_first import AppleFirst
    from worker.pipelines.apple_package import import_apple

    try:
        import_apple()
    except ConfigurationError as error:
        if choice is PipelineChoice.APPLE:
            raise
        log.warning("%s Using the built-in pipeline.", error)
        return BuiltinPipeline.load(
            folder, runtime, units, safety, inputs, controlnets, with_previews
        )
    apple = ApplePipeline.load(folder, runtime, units, safety, inputs, controlnets)
    return apple if choice is PipelineChoice.APPLE else AppleFirst(apple)


def library_versions(pipeline: str) -> dict[str, str]:
    """Return the versions of the libraries that a pipeline, given by name, computes with."""
    found = {}
    for name in _LIBRARIES.get(pipeline, ()):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # on the path, but not installed
            found[name] = "unknown"
    return found


def _is_apples_natural_choice() -> bool:
    from worker.pipelines.apple_package import is_installed

    return sys.platform == "darwin" and is_installed()
