"""The models as a table."""

from __future__ import annotations

from collections.abc import Sequence

from sdq.views.table import table_lines
from sdq_core.models.inventory import ModelFacts
from sdq_core.printable import printable
from sdq_core.values.scheduler_settings import options_of

_TITLES = (
    "MODEL",
    "VARIANT",
    "KIND",
    "SIZE",
    "IMAGE",
    "WEIGHTS",
    "UNET",
    "BATCH",
    "SOURCE",
    "DRAWN WITH",
)


def model_lines(models: Sequence[ModelFacts]) -> list[str]:
    """Return a table of models, then why some are unusable."""
    lines = table_lines([_TITLES, *map(_cells, models)], texts=len(_TITLES))
    unusable = [
        f"{model.name} {model.variant} is unusable: {model.problem}"
        for model in models
        if model.problem
    ]
    return [*lines, *map(printable, unusable)]


def _cells(model: ModelFacts) -> tuple[str, ...]:
    size = f"{model.size_bytes / 1e6:,.1f} MB"
    start = (model.name, model.variant, model.kind, size)
    if model.problem:
        return (*start, "unusable", "", "", "", "", "")
    usual = model.usual.describe() if model.usual else ""
    options = options_of(model.scheduler_settings)
    return (
        *start,
        f"{model.width}x{model.height}",
        str(model.precision),
        model.unet or "",
        str(model.unet_batch or ""),
        model.source or "",
        "; ".join(filter(None, (usual, options))),
    )
