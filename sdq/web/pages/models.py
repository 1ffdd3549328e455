"""The models: what each is, how fast it was measured, and what keeps it from being drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response

from db.values import Benchmark, PausedVariant
from producer.planning.speed import is_usable
from sdq.views.words import milliseconds, size
from sdq.web.pages.shown import to_the_minute
from sdq.web.reading import sources_of
from sdq.web.templates import page
from sdq_core.errors import SdqError
from sdq_core.models import ModelStore
from sdq_core.models.inventory import ModelFacts, inventory, skipped


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """A row of `sdq bench`. share: of the fastest model's images an hour, 0 to 1. bad: its images are not right."""

    placement: str
    runtime: str
    step: str
    image: str
    rate: str
    share: float
    memory: str
    likeness: str
    bad: bool
    where: str
    when: str
    error: str | None
    is_fastest: bool


@dataclass(frozen=True, kw_only=True)
class _Model:
    """A model with its variants. drawn_with: empty for a model that is drawn as any other."""

    name: str
    variants: Sequence[ModelFacts]
    sizes: str
    sources: str
    drawn_with: str
    paused: Sequence[PausedVariant]
    measured: Sequence[_Measured]


def models(request: Request) -> Response:
    """Show what can be drawn with here."""
    sources = sources_of(request)
    store = sources.models
    found = list(inventory(store))
    drawing = [one for one in found if one.attention_implementation]
    ledger = sources.existing_ledger
    paused = ledger.variants.paused() if ledger else []
    names = {one.name for one in drawing}
    return page(
        request,
        "models.html",
        {
            "models": [
                _model(
                    name,
                    list(variants),
                    [held for held in paused if held.variant.model == name],
                    [
                        row
                        for row in (ledger.benchmarks.newest(name) if ledger else ())
                        if _is_here(store, row)
                    ],
                )
                for name, variants in groupby(drawing, key=lambda one: one.name)
            ],
            "controlnets": [one for one in found if one.is_controlnet],
            "scoring": [
                one for one in found if not one.attention_implementation and not one.is_controlnet
            ],
            "elsewhere": [held for held in paused if held.variant.model not in names],
            "skipped": skipped(store),
            "folder": str(store.models),
        },
    )


def _model(
    name: str,
    variants: Sequence[ModelFacts],
    paused: Sequence[PausedVariant],
    measured: Sequence[Benchmark],
) -> _Model:
    usual = next((one.usual for one in variants if one.usual), None)
    return _Model(
        name=name,
        variants=variants,
        sizes=_common(f"{one.width} × {one.height}" for one in variants if one.width),
        sources=_common(one.source for one in variants if one.source),
        drawn_with=f"{usual.describe()}, {usual.why().replace('`', '')}" if usual else "",
        paused=paused,
        measured=_measured(measured),
    )


def _is_here(store: ModelStore, row: Benchmark) -> bool:
    """Say whether what was measured is here, and was not replaced in place meanwhile."""
    variant = row.variant
    try:
        found = store.find(variant.model, variant.attention_implementation)
    except SdqError:
        return False
    return found.goes_by(variant.revision)


def _common(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


def _measured(rows: Sequence[Benchmark]) -> Sequence[_Measured]:
    """Show measurements, the fastest first, and those without a result last."""
    ordered = sorted(rows, key=lambda row: -(row.images_per_hour or 0))
    most = max((row.images_per_hour or 0 for row in rows), default=0) or 1
    fastest: dict[str, Benchmark] = {}
    for row in filter(is_usable, ordered):
        fastest.setdefault(row.machine.host, row)
    return [
        _Measured(
            placement=row.variant.placement.describe(),
            runtime=", ".join(filter(None, (row.precision, row.runtime))),
            step="" if row.step_ms is None else milliseconds(row.step_ms),
            image="" if row.image_ms is None else milliseconds(row.image_ms),
            rate="" if row.images_per_hour is None else f"{row.images_per_hour:,.0f}",
            share=(row.images_per_hour or 0) / most,
            memory="" if row.peak_bytes is None else size(row.peak_bytes),
            likeness=_likeness(row),
            bad=row.error is None and row.psnr_db is not None and not is_usable(row),
            where=f"{row.machine.host}: {row.machine.chip}",
            when=to_the_minute(row.measured_at),
            error=row.error,
            is_fastest=fastest.get(row.machine.host) is row,
        )
        for row in ordered
    ]


def _likeness(row: Benchmark) -> str:
    if row.psnr_db is None:
        return ""
    return "same pixels" if math.isinf(row.psnr_db) else f"{row.psnr_db:.1f} dB"
