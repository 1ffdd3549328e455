"""What one variant is to draw of a submission, and how long it takes, from this ledger's own timings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.estimates import ImageTime, RecentImages
from db.ledger import Ledger
from sdq_core.values.machine import this_machine
from sdq_core.values.variants import (
    AnyVariant,
    AttentionImplementation,
    ComputeUnit,
    Placement,
    RecipeVariant,
    Variant,
)


@dataclass(frozen=True, kw_only=True)
class Span:
    """An expected duration and its spread, s."""

    typical_s: float = 0.0
    low_s: float = 0.0
    high_s: float = 0.0

    def __add__(self, other: Span) -> Span:
        return Span(
            typical_s=self.typical_s + other.typical_s,
            low_s=self.low_s + other.low_s,
            high_s=self.high_s + other.high_s,
        )


def span_as_dict(span: Span | None) -> dict[str, Any]:
    """Return a duration for JSON, s; None is one that is not known."""
    return {
        "drawing_s": span and round(span.typical_s, 3),
        "drawing_s_range": span and [round(span.low_s, 3), round(span.high_s, 3)],
    }


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one variant is to draw of a submission.

    span: with one worker, loading included unless it has the variant in memory; None if there are no timings.
    image_s: the time of one image, None likewise.
    timed_images: how many images showed it; 0 if `sdq bench` did.
    """

    variant: RecipeVariant
    images: int
    span: Span | None = None
    image_s: float | None = None
    timed_images: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON, under the names of the command line's options."""
        return {
            "model": self.variant.model,
            "variant": str(self.variant.attention_implementation),
            "compute_unit": str(self.variant.compute_unit),
            "images": self.images,
            **span_as_dict(self.span),
            "image_s": self.image_s and round(self.image_s, 3),
            "timed_images": self.timed_images,
        }


def share_of(
    variant: RecipeVariant,
    images_of: Mapping[int, int],
    recent: RecentImages,
    ledger: Ledger | None,
) -> Share:
    """Return a variant's share. images_of: number of steps -> how many images. ledger: None if it cannot be asked."""
    images = sum(images_of.values())
    times: list[tuple[ImageTime, int]] = []
    for steps, count in images_of.items():
        time = recent.time(variant, steps) or _measured(ledger, variant, steps)
        if time is None:
            return Share(variant=variant, images=images)
        times.append((time, count))
    load_s = times[0][0].load_s
    images_s = sum(count * time.mean_s for time, count in times)
    return Share(
        variant=variant,
        images=images,
        span=Span(
            typical_s=load_s + images_s,
            low_s=sum(count * time.low_s for time, count in times),
            high_s=load_s + sum(count * time.high_s for time, count in times),
        ),
        image_s=images_s / images,
        timed_images=min(time.images for time, _ in times),
    )


def _measured(ledger: Ledger | None, variant: RecipeVariant, steps: int) -> ImageTime | None:
    """Return what `sdq bench` measured of a variant, on this machine if it did; None if nowhere."""
    if ledger is None:
        return None
    wanted = variant if isinstance(variant, Variant) else _usual(variant)
    found = [row for row in ledger.benchmarks.newest(variant.model) if row.variant == wanted]
    machine = this_machine() if found else None
    for row in sorted(found, key=lambda row: row.machine != machine):
        image_ms = row.image_ms_with(steps)
        if image_ms is not None:
            image_s, load_s = image_ms / 1000, (row.warm_load_ms or 0.0) / 1000
            return ImageTime(mean_s=image_s, low_s=image_s, high_s=image_s, load_s=load_s, images=0)
    return None


def _usual(variant: AnyVariant) -> Variant:
    """Return what a worker without a lane and with nothing in memory draws `any` with."""
    word, _, revision = variant.revision.partition(":")
    return Placement(
        attention_implementation=AttentionImplementation(word), compute_unit=ComputeUnit.ALL
    ).of(variant.model, revision)
