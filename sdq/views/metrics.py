"""The ledger as Prometheus reads it: its text format, written here so that no package is needed for it.

Names end in their unit, times are Unix seconds, and there are no time stamps: node_exporter's textfile collector
refuses these. Only batches that are not finished have series of their own, so these stay few.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import TYPE_CHECKING

from db.metrics import Measured

if TYPE_CHECKING:
    from db.ledger import Ledger

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_QUANTILES = {0.5: 50, 0.9: 90, 0.99: 99}


def metrics_text(ledger: Ledger | None) -> str:
    """Return all metrics. ledger: None if nothing was submitted yet."""
    return "".join(f"{line}\n" for line in _lines(ledger))


def _lines(ledger: Ledger | None) -> Iterator[str]:
    yield from _head("sdq_build_info", "gauge", "The version of sdq.")
    yield _sample("sdq_build_info", 1, version=metadata.version("sdq"))
    found = Measured() if ledger is None else ledger.programs.measured()
    yield from _head(
        "sdq_images_total", "counter", "Images of all batches, by what became of them."
    )
    yield _sample("sdq_images_total", found.done, status="completed")
    yield _sample("sdq_images_total", found.failed, status="failed")
    yield from _head(
        "sdq_image_duration_seconds",
        "summary",
        "The time that an engine took, of the newest images.",
    )
    if found.drawing_s:
        for quantile, value in _quantiles(found).items():
            yield _sample("sdq_image_duration_seconds", value, quantile=f"{quantile:g}")
    if found.last_finished_at is not None:
        yield from _head(
            "sdq_last_image_timestamp_seconds", "gauge", "When the newest image was finished."
        )
        yield _sample("sdq_last_image_timestamp_seconds", found.last_finished_at.timestamp())
    if ledger is not None:
        yield from _of_variants(ledger)
        yield from _of_batches(ledger)


def _of_variants(ledger: Ledger) -> Iterator[str]:
    yield from _head(
        "sdq_variant_paused", "gauge", "1 for each variant that is not drawn until it is resumed."
    )
    for held in ledger.variants.paused():
        variant = held.variant
        yield _sample(
            "sdq_variant_paused",
            1,
            model=variant.model,
            variant=str(variant.attention_implementation),
            compute_unit=str(variant.compute_unit),
        )


def _of_batches(ledger: Ledger) -> Iterator[str]:
    batches = ledger.batches.overview().batches
    yield from _head(
        "sdq_batch_images", "gauge", "Images of each unfinished batch, by what became of them."
    )
    for status in batches:
        left = status.total - status.completed - status.failed
        yield _sample("sdq_batch_images", status.completed, batch=status.name, status="completed")
        yield _sample("sdq_batch_images", status.failed, batch=status.name, status="failed")
        yield _sample("sdq_batch_images", left, batch=status.name, status="waiting")
    yield from _head(
        "sdq_batch_eta_seconds",
        "gauge",
        "The time left of each unfinished batch, where it is known.",
    )
    for status in batches:
        if status.eta_s is not None:
            yield _sample("sdq_batch_eta_seconds", status.eta_s, batch=status.name)


def _quantiles(found: Measured) -> Mapping[float, float]:
    values = found.drawing_s
    if len(values) == 1:
        return dict.fromkeys(_QUANTILES, values[0])
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {quantile: cuts[number - 1] for quantile, number in _QUANTILES.items()}


def _head(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"


def _sample(name: str, value: float, **labels: str) -> str:
    written = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{written}}} {value!r}" if written else f"{name} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
