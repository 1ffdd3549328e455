"""What `sdq rerun` says of what it read, beside what every submission says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.ledger import Ledger
from db.values import BatchPlan, Submission
from sdq.cli.rerun_request import RerunRequest
from sdq.views.words import counted
from sdq_core.errors import group_by_cause
from sdq_core.printable import printable

#: How many images are looked up in the ledger for their places.
_LOOKED_UP = 20
_SHOWN = 3
_SKIPPED_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Known:
    """Files of images that are drawn already, of the first that are asked for. gone: some are missing."""

    files: Sequence[Path]
    gone: bool = False

    def lines(self) -> list[str]:
        """Return a sentence, if there are any."""
        if not self.files:
            return []
        more = len(self.files) - _SHOWN
        shown = ", ".join(printable(str(file)) for file in self.files[:_SHOWN])
        said = [f"Drawn already: {shown}{' and more' if more > 0 else ''}."]
        if self.gone:
            said.append("Some of these files are gone: `sdq verify --repair` has them drawn again.")
        return said


def known_images(ledger: Ledger | None, plan: BatchPlan, outputs: Path) -> Known:
    """Look for the plan's first images among those that were drawn."""
    files: list[Path] = []
    if ledger is not None:
        asked = ((entry.recipe, seed) for entry in plan.entries for seed in entry.seeds)
        for (recipe, seed), _ in zip(asked, range(_LOOKED_UP), strict=False):
            found = ledger.batches.image_of_recipe(recipe.content_key, seed)
            if found is not None and found.image is not None:
                files.append(outputs / found.image.path)
    return Known(files=files, gone=not all(file.exists() for file in files))


def lines_before(read: RerunRequest) -> list[str]:
    """Return what was read, what was left out, and what is drawn otherwise."""
    tools = [f"{count:,} of {tool}" for tool, count in read.tools.items()]
    images = counted(sum(read.tools.values()), "image")
    said = [
        f"Read {images} of {next(iter(read.tools))}."
        if len(tools) == 1
        else f"Read {images}: {', '.join(tools)}."
    ]
    if read.skipped:
        causes = group_by_cause(read.skipped)
        said.append(f"Left out {len(read.skipped):,}:")
        said += [f"  {printable(cause)}" for cause in causes[:_SKIPPED_SHOWN]]
        if len(causes) > _SKIPPED_SHOWN:
            said.append(f"  ... and {len(causes) - _SKIPPED_SHOWN:,} more")
    return said + read.differences.describe()


def nothing_to_draw(submission: Submission, known: Known) -> list[str]:
    """Return why nothing is drawn, and what could be."""
    parts = [
        f"{count:,} {what}"
        for count, what in (
            (submission.images_drawn, "drawn already"),
            (
                submission.images_known,
                f"submitted before to batch {printable(submission.batch_name)}",
            ),
            (submission.images_failed, "failed before"),
        )
        if count
    ]
    return [
        f"Nothing to draw: {', '.join(parts)}.",
        *known.lines(),
        "For other images, change something with --set or --seeds. With --batch NAME these become a batch as they are.",
    ]


def facts(read: RerunRequest, known: Known) -> dict[str, Any]:
    """Return it for JSON."""
    return {
        "read": read.tools,
        "skipped": list(read.skipped[:1000]),
        "differences": read.differences.to_list(),
        "drawn_files": [str(file) for file in known.files],
    }
