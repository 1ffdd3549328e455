"""What a submission adds and costs, in one view: of `sdq submit`, its `--dry-run`, `sdq run`, and Python."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import Any

from db.ledger import Ledger
from db.values import Submission
from sdq.submitting.planned import Planned
from sdq.submitting.request import Request
from sdq.submitting.submission import describe_submission
from sdq.views.batch_object import batch_id
from sdq.views.forecast import Forecast, empty_ledger, forecast
from sdq.views.plan import cost_lines, too_large
from sdq.views.status import describe_rank
from sdq_core.errors import SdqError, StorageError
from sdq_core.settings import Settings
from sdq_core.values.order import Rank

#: Of the hints, when the plan is in short.
_FEW_HINTS = 2


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A submission, tried or stored, with all that its user should know of it.

    trouble: why the ledger could not be asked what it costs, once it was stored.
    """

    request: Request
    planned: Planned
    submission: Submission
    expected: Forecast
    stored: bool
    trouble: SdqError | None = None

    def lines(self, *, with_place: bool = True) -> list[str]:
        """Return it in short, for what was stored: some eight lines at most.

        with_place: say where the batch stands in the order.
        """
        return [
            describe_submission(self.submission, self.request),
            *(self._place() if with_place else ()),
            *self.planned.describe_files(drawn=self.submission.images_drawn),
            *self.planned.describe_choices(),
            *cost_lines(self.expected, in_full=False),
            *([f"It is stored, but its time is not known. {self.trouble}"] if self.trouble else ()),
            *self.request.remarks.describe(most_hints=_FEW_HINTS),
        ]

    def full_lines(self) -> list[str]:
        """Return all of it, for what was only tried."""
        return [
            describe_submission(self.submission, self.request, with_slices=True),
            *self._place(),
            *self.planned.describe_files(drawn=self.submission.images_drawn),
            *self.planned.describe_choices(),
            *cost_lines(self.expected, in_full=True),
            *self.request.remarks.describe(),
            "Nothing was stored or queued.",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON; times in seconds, sizes in bytes. One that was only tried has no id."""
        submission = self.submission
        name = submission.batch_name
        return {
            **(
                {"id": batch_id(submission.batch_id), "name": name}
                if self.stored
                else {"batch": name}
            ),
            "images_new": submission.images_new,
            "images_known": submission.images_known,
            "images_drawn": submission.images_drawn,
            "images_failed": submission.images_failed,
            "images_replaced": submission.images_replaced,
            "slices": len(submission.slices) if self.stored else submission.slices_new,
            "priority": submission.rank.priority,
            "at_front": submission.rank.place > 0,
            **self.expected.to_dict(),
            "files": self.planned.filing.to_dict(),
            "chosen": [choice.to_dict() for choice in self.planned.choices],
            "remarks": {
                **self.request.remarks.to_dict(),
                "has_default_seed": self.request.has_default_seed,
            },
        }

    def _place(self) -> list[str]:
        """Say where the batch stands in the order, unless it is an ordinary one or nothing of it is new."""
        rank = self.submission.rank
        return (
            []
            if rank == Rank() or not self.submission.images_new
            else [f"It is drawn {describe_rank(rank)}."]
        )

    def require_space(self) -> None:
        """Raise StorageError if the images would not fit on their disk, or it is not there."""
        space = self.expected.space
        trouble = too_large(space)
        if trouble:
            raise StorageError(
                f"The images need {trouble}. Free some space, name another folder with --outputs, or leave --strict "
                "out to draw until it is full. Nothing was queued."
            )
        if space.problem:
            raise StorageError(f"{space.problem} Nothing was queued.")


def try_out(
    settings: Settings, request: Request, planned: Planned, ledger: Ledger | None
) -> Outlook:
    """Try a submission, and store and queue nothing. ledger: None if there is none yet."""
    with contextlib.nullcontext(ledger) if ledger else empty_ledger() as tried:
        outdated = tried.submissions.replaceable(planned.plan, planned.outdated)
        submission = tried.submissions.preview(planned.plan, instead_of=outdated)
        return outlook(settings, request, planned, submission, tried, stored=False)


def outlook(
    settings: Settings,
    request: Request,
    planned: Planned,
    submission: Submission,
    ledger: Ledger,
    *,
    stored: bool = True,
) -> Outlook:
    """Return the outlook of a submission. stored: it was, and so the ledger has its images among those that wait.

    What was stored is no failure if the ledger cannot be asked any more: whoever submits it again would be misled.
    """
    estimate = partial(
        forecast,
        plan=planned.plan,
        submission=submission,
        settings=settings,
        suffix=planned.filing.image_format.suffix,
        stored=stored,
    )
    trouble = None
    try:
        expected = estimate(ledger)
    except SdqError as error:
        if not stored:
            raise
        expected, trouble = estimate(None), error
    return Outlook(
        request=request,
        planned=planned,
        submission=submission,
        expected=expected,
        stored=stored,
        trouble=trouble,
    )
