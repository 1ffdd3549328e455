"""What a submission asks for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from db.values.json import JSON
from db.values.slices import SliceRef
from sdq_core.inputs.store import Picture
from sdq_core.values.order import Priority, Rank
from sdq_core.values.receivers import Receivers
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import OpenPlacement, Placement


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedEntry:
    """One recipe of a submission.

    recipe: the recipe.
    seeds: its seeds, in order.
    fields: the user's own (custom_id, tags, meta), the template that the prompt was made of (dynamic), and what its
        pictures are called (pictures).
    source: ``file:line`` of its first line, for messages; not stored.
    """

    recipe: Recipe
    seeds: Sequence[int]
    fields: Mapping[str, JSON] = field(default_factory=dict)
    source: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class KnownEntry:
    """A slice's worth of an entry that a batch has. number: of the entry, from 1."""

    number: int
    recipe: Recipe
    seeds: Sequence[int]
    fields: Mapping[str, JSON]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A batch's choice of placement for a model where it was left open: decided once, and kept with the batch.

    model: its name.
    asked: what was left open.
    placement: what was chosen.
    """

    model: str
    asked: OpenPlacement
    placement: Placement


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """The options of a batch.

    given: the options of its first submission (`BatchPlan.options`).
    chosen: the choices made for it since.
    receivers: who is told of it.
    """

    given: Mapping[str, JSON]
    chosen: Sequence[Chosen] = ()
    receivers: Receivers = field(default_factory=Receivers)


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """What a batch asks for.

    entries: how many recipes.
    options: those of its submissions; lines may have set their own.
    """

    entries: int
    options: BatchOptions


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """A submission before anything is stored.

    name: the user's name for the batch, or None to derive one from `source_name`.
    source_name: the source's base name.
    source: the absolute path of the prompt file(s), ``-`` for standard input or ``--prompt``.
    key: hash of the expanded plan, that is of each entry's recipe, seeds and fields, in order. If it equals the batch's
    most recent key, nothing is added.
    entries: its recipes and seeds. Entries with equal seeds should share one sequence, which is then cut only once.
    options: the options of the submission.
    pictures: what its recipes need, to be kept before it is stored.
    chosen: the choices where variant or compute unit was left open.
    slice_size: the most images per slice.
    interleave: draw the first seed of every entry, then the second, then more at a time, instead of entry by entry.
    priority: the batch's from now on; None keeps the one it has, at first an ordinary one.
    at_front: draw the batch before all others of its priority.
    receivers: who is told of the batch from now on, in place of those of the same kind so far.
    """

    name: str | None
    source_name: str
    source: str
    key: str
    entries: Sequence[PlannedEntry]
    options: Mapping[str, JSON] = field(default_factory=dict)
    chosen: Sequence[Chosen] = ()
    pictures: Sequence[Picture] = ()
    slice_size: int = 25
    interleave: bool = False
    priority: Priority | None = None
    at_front: bool = False
    receivers: Receivers = field(default_factory=Receivers)


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What a submission added.

    Every image of the plan is counted once, in one of the four counts of images.

    batch_id, batch_name: the batch.
    images_new: images to draw.
    images_known: images that the batch already had.
    images_drawn: images new to the batch, but already drawn for another.
    images_failed: images new to the batch, but already given up for another.
    slices: the new slices to queue now, so none of a paused batch or variant. `Work.open_slices` lists older ones.
    slices_new: how many unfinished slices are new, paused or not.
    images_replaced: images of the batch that could no longer be drawn, and which the plan's take the place of.
    rank: the batch's.
    moved: the submission gave the batch its place in the order.
    new_of: how many of `images_new` are of each of the plan's entries, in their order; empty for a plan that the batch
    has already.
    """

    batch_id: int
    batch_name: str
    images_new: int
    images_known: int
    images_drawn: int
    slices: Sequence[SliceRef]
    rank: Rank
    images_failed: int = 0
    slices_new: int = 0
    images_replaced: int = 0
    moved: bool = False
    new_of: Sequence[int] = ()
