"""What draws each line: what it names, what its batch started with, or what measured fastest.

`auto` is decided once, when a batch first needs it, and kept with the batch: variant and compute unit determine the
pixels, so a file that is submitted again after a new measurement must not become a second copy of all its images. In
this order:

1. what the line or the command names;
2. what the batch has: what its first submission named, else what was chosen for it before;
3. what a new batch gets (`producer.planning.measurements`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from db.values import BatchOptions, Chosen
from producer.planning.choice import Because, Choice
from producer.planning.measurements import Measurements
from sdq_core.values.variants import (
    ANY,
    AttentionImplementation,
    ComputeUnit,
    OpenPlacement,
    Placement,
    VariantWord,
    Whichever,
)

AUTO = "auto"

#: Variants as the user named them, perhaps with `any`; None for auto.
Named = tuple[VariantWord, ...] | None


class Choose(Protocol):
    """Decides what draws the images of a plan."""

    def __call__(
        self, model: str, variants: Named, unit: ComputeUnit | None, /
    ) -> Sequence[Placement | Whichever]:
        """Return what draws each of a line's images; `any` leaves it to the worker.

        variants, unit: what was named for the line, None for auto.
        """

    def to_keep(self) -> Sequence[Chosen]:
        """Return what was decided where something was left open, for the batch to keep."""


class Unmeasured:
    """Chooses as if nothing had ever been measured: `original` on ALL."""

    def __call__(
        self, _model: str, variants: Named, unit: ComputeUnit | None, /
    ) -> Sequence[Placement | Whichever]:
        """Return what was named, completed."""
        return [
            ANY
            if word is ANY
            else Placement(attention_implementation=word, compute_unit=unit or ComputeUnit.ALL)
            for word in variants or (AttentionImplementation.ORIGINAL,)
        ]

    def to_keep(self) -> Sequence[Chosen]:
        """Keep nothing."""
        return ()


class Chooser:
    """Chooses for one submission; batch: the options of the batch it adds to, None for a new one."""

    def __init__(self, measurements: Measurements, batch: BatchOptions | None) -> None:
        self._measurements = measurements
        given = batch.given if batch else {}
        self._batch_variants: Named = tuple(map(_word, given.get("variants") or ())) or None
        unit = given.get("compute_unit")
        self._batch_unit = ComputeUnit(unit) if unit else None
        self._kept = {
            (kept.model, kept.asked): kept.placement for kept in (batch.chosen if batch else ())
        }
        # What was decided here, and what the batch's own options decided, each by what was asked.
        self._decided: dict[tuple[str, OpenPlacement], Choice] = {}
        self._remarked: dict[tuple[str, OpenPlacement], Choice] = {}

    def __call__(
        self, model: str, variants: Named, unit: ComputeUnit | None
    ) -> Sequence[Placement | Whichever]:
        """Return what draws each of a line's images."""
        words = self._batch_variants if variants is None else variants
        if variants is None and words and ANY in words and unit:
            words = None  # the batch's `any` does not go with a compute unit
        leaves_it_open = words is not None and ANY in words
        asked = _each(words if leaves_it_open else variants, unit)
        wanted = _each(words, unit or self._batch_unit)
        placements = [one.settled or self._choice(model, one).placement for one in wanted]
        if asked != wanted:
            self._remark(model, asked, placements)
        return [ANY, *placements] if leaves_it_open else placements

    @property
    def choices(self) -> list[Choice]:
        """All that was decided or is worth telling, in the order it came up."""
        return list(dict.fromkeys([*self._decided.values(), *self._remarked.values()]))

    def to_keep(self) -> Sequence[Chosen]:
        """Return what was decided where something was left open, for the batch to keep."""
        return [
            Chosen(model=model, asked=asked, placement=choice.placement)
            for (model, asked), choice in self._decided.items()
        ]

    def _choice(self, model: str, asked: OpenPlacement) -> Choice:
        if (model, asked) not in self._decided:
            fresh = self._measurements.choose(model, asked)
            kept = self._kept_for(model, asked)
            if kept is not None and kept != fresh.placement:
                fresh = Choice(
                    model=model,
                    placement=kept,
                    because=Because.BATCH,
                    instead=fresh.placement if fresh.is_measured else None,
                )
            self._decided[model, asked] = fresh
        return self._decided[model, asked]

    def _kept_for(self, model: str, asked: OpenPlacement) -> Placement | None:
        """Return what the batch started with: for the same question, else for the open one if it fits."""
        for question in (asked, OpenPlacement()):
            kept = self._kept.get((model, question))
            if kept is not None and asked.admits(kept):
                return kept
        return None

    def _remark(
        self, model: str, asked: Sequence[OpenPlacement], placements: Sequence[Placement]
    ) -> None:
        """Remember that the batch's own options decided, to tell the user if a measurement would differ."""
        for question in asked:
            if (model, question) not in self._remarked:
                fresh = self._measurements.choose(model, question)
                better = fresh.is_measured and fresh.placement not in placements
                self._remarked[model, question] = Choice(
                    model=model,
                    placement=placements[0],
                    because=Because.BATCH,
                    instead=fresh.placement if better else None,
                )


def _each(words: Named, unit: ComputeUnit | None) -> list[OpenPlacement]:
    """Return what is asked for: one per named variant, or one with the variant left open for None."""
    if words is None:
        return [OpenPlacement(compute_unit=unit)]
    return [
        OpenPlacement(attention_implementation=word, compute_unit=unit)
        for word in words
        if word is not ANY
    ]


def _word(text: str) -> VariantWord:
    return ANY if text == ANY else AttentionImplementation(text)
