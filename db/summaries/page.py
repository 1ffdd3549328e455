"""What is asked about the images of a page of slices, each in one statement for the page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    and_,
    case,
    func,
    select,
    true,
    type_coerce,
)

from db.column_types import EPOCH, MILLISECOND
from db.summaries.values import Times
from db.tables import images, slices
from db.values import ImageStatus

_STAGES = ("text_encode_ms", "denoise_ms", "decode_ms", "safety_ms", "encode_ms", "save_ms")
#: The columns as they are stored: whole microseconds.
_US = {name: type_coerce(images.c[name], BigInteger) for name in _STAGES}
_drawing_us: ColumnElement[int] = (
    _US["text_encode_ms"] + _US["denoise_ms"] + _US["decode_ms"] + _US["safety_ms"]
)
_FLAGGED = images.c.nsfw_flagged.is_(True)
_DONE = str(ImageStatus.DONE)
_FAILED = str(ImageStatus.FAILED)


def settled_for(slice_ids: Sequence[int], since: datetime | None) -> ColumnElement[bool]:
    """Return the condition on images that were settled for some slices, since a time."""
    return and_(
        images.c.slice_id.in_(slice_ids),
        images.c.status.in_([_DONE, _FAILED]),
        images.c.finished_at.is_not(None) if since is None else images.c.finished_at >= since,
    )


def grouped(
    connection: Connection, settled: ColumnElement[bool], origin: datetime, step_s: int
) -> Sequence[Row[Any]]:
    """Return counts and sums of images by step of time from the origin, engine and status.

    A row has slot, engine_id, status, images, first, last, slowest_us and the sums that `times_of` reads.
    """
    finished = type_coerce(images.c.finished_at, BigInteger)
    slot = (finished - (origin - EPOCH) // MILLISECOND) // (step_s * 1000)
    query = (
        select(
            slot.label("slot"),
            images.c.engine_id,
            images.c.status,
            func.count().label("images"),
            func.min(images.c.finished_at).label("first"),
            func.max(images.c.finished_at).label("last"),
            func.max(_drawing_us).label("slowest_us"),
            *(func.sum(column).label(name) for name, column in _US.items()),
            func.sum(images.c.num_unet_calls).label("unet_calls"),
            func.sum(case((images.c.attempts > 1, 1), else_=0)).label("retried"),
            func.sum(case((_FLAGGED, 1), else_=0)).label("flagged"),
            func.sum(images.c.size_bytes).label("size_bytes"),
            func.sum(case((images.c.constant.is_(True), 1), else_=0)).label("constant"),
            func.count(images.c.near_duplicate_of).label("near_duplicates"),
        )
        .where(settled)
        # By name: with parameters of its own, PostgreSQL would not know the expression again.
        .group_by("slot", images.c.engine_id, images.c.status)
    )
    return connection.execute(query).all()


def times_of(row: Row[Any]) -> Times:
    """Return the sums of one row of `grouped`."""
    return Times(
        images=row.images,
        **{name: float(getattr(row, name) or 0) / 1000 for name in _STAGES},
        unet_calls=int(row.unet_calls or 0),
        retried=int(row.retried),
        flagged=int(row.flagged),
        size_bytes=int(row.size_bytes or 0),
        constant=int(row.constant),
        near_duplicates=int(row.near_duplicates),
    )


def slower_than(
    connection: Connection, settled: ColumnElement[bool], least_us: int, limit: int
) -> Sequence[Row[Any]]:
    """Return the slowest finished images above a time in µs, at most `limit`: id, slice_id, us."""
    return connection.execute(
        select(images.c.id, images.c.slice_id, _drawing_us.label("us"))
        .where(settled, images.c.status == _DONE, _drawing_us > least_us)
        .order_by(_drawing_us.desc(), images.c.id)
        .limit(limit)
    ).all()


def flagged_ones(
    connection: Connection, settled: ColumnElement[bool], limit: int
) -> Sequence[Row[Any, Any]]:
    """Return the first flagged images, at most `limit`: id, slice_id."""
    return connection.execute(
        select(images.c.id, images.c.slice_id)
        .where(settled, images.c.status == _DONE, _FLAGGED)
        .order_by(images.c.id)
        .limit(limit)
    ).all()


def cut_entries(connection: Connection, slice_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Return the slices whose prompt was cut, by entry: entry, recipe_id, tokens.

    Images of a recipe are cut alike, so one is read, whichever batch it was drawn for.
    """
    tokens = (
        select(images.c.truncated_tokens)
        .where(images.c.recipe_id == slices.c.recipe_id, images.c.status == _DONE)
        .limit(1)
        .scalar_subquery()
    )
    found = (
        select(slices.c.entry, slices.c.recipe_id, tokens.label("tokens"))
        .where(slices.c.id.in_(slice_ids))
        .subquery()
    )
    query = select(found).where(found.c.tokens > 0).order_by(found.c.entry)
    return connection.execute(query).all()


def with_images(since: datetime | None) -> ColumnElement[bool]:
    """Return the condition on slices that may have images settled since a time: pending ones cost nothing."""
    any_image = (slices.c.done > 0) | (slices.c.failed > 0)
    recent = (
        true()
        if since is None
        else slices.c.finished_at.is_(None) | (slices.c.finished_at >= since)
    )
    return and_(any_image, recent)
