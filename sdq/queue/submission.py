"""What a submission added, or would add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sdq.queue.arguments import renamed
from sdq_core.errors import UsageError

if TYPE_CHECKING:
    from sdq.queue.batch import Batch
    from sdq.submitting.outlook import Outlook


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What `Queue.submit` added; with `dry_run=True`, what it would add. `str` of it is what `sdq submit` prints.

    name: the batch's.
    images_new: images to draw.
    images_known: images that the batch had already.
    images_drawn: images that are new to the batch and were drawn for another; nothing is drawn twice.
    images_failed: images that are new to the batch and were given up for another.
    images_replaced: images of the batch that could no longer be drawn and that these take the place of.
    expected_s: the time that the new images take one worker, s; None if there are no timings yet.
    expected_range_s: its shortest and longest, s; None likewise.
    needed_bytes: the space that the new images need on the disk.
    remarks: what should be known of the prompts, a sentence each: some are cut off, images are asked for twice.
    details: all of it as `sdq submit --json` prints it.
    """

    name: str
    images_new: int
    images_known: int
    images_drawn: int
    images_failed: int
    images_replaced: int
    expected_s: float | None
    expected_range_s: tuple[float, float] | None
    needed_bytes: int
    remarks: Sequence[str] = field(repr=False)
    details: Mapping[str, Any] = field(repr=False)
    _text: str = field(repr=False)
    _batch: Batch | None = field(repr=False)

    @property
    def batch(self) -> Batch:
        """The batch; raise UsageError after a dry run, which makes none."""
        if self._batch is None:
            raise UsageError(
                "A dry run makes no batch. Submit without dry_run, or use `queue.batch(name)` for one that is there."
            )
        return self._batch

    @property
    def id(self) -> int:
        """The batch's id; raise UsageError after a dry run."""
        return self.batch.id

    def __str__(self) -> str:
        return self._text


def submission_of(outlook: Outlook, batch: Batch | None) -> Submission:
    """Return a submission as Python's users have it, without its prompts, which may be many.

    batch: None for a dry run.
    """
    added, details = outlook.submission, outlook.to_dict()
    between = details["drawing_s_range"]
    lines = outlook.full_lines() if batch is None else outlook.lines()
    return Submission(
        name=added.batch_name,
        images_new=added.images_new,
        images_known=added.images_known,
        images_drawn=added.images_drawn,
        images_failed=added.images_failed,
        images_replaced=added.images_replaced,
        expected_s=details["drawing_s"],
        expected_range_s=(between[0], between[1]) if between else None,
        needed_bytes=outlook.expected.space.needed_bytes,
        remarks=[renamed(said) for said in outlook.request.remarks.describe()],
        details=details,
        _text="\n".join(renamed(line) for line in lines),
        _batch=batch,
    )
