"""A summary as JSON. Durations are in ms or, where named so, seconds.

Times are RFC 3339 in UTC, but for those of batches, which are as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from db.ledger import Ledger
from db.summaries.values import Summary
from db.values import FinishedImage, PausedVariant
from sdq.views.batch_object import batch_object
from sdq.views.report.clock import bars, zones
from sdq.views.report.sentences import headline, next_steps, retry_commands, sample_rule
from sdq.views.report.stages import stages
from sdq.views.status import rfc3339
from sdq_core.values.quality import LEAST_PSNR_DB

_MOST_BARS = 60


def report_as_dict(
    ledger: Ledger, summary: Summary, paused: Sequence[PausedVariant]
) -> dict[str, Any]:
    """Return the whole report. ledger: the one that it is of."""
    step_s, shown = bars(summary, _MOST_BARS)
    gap = summary.longest_gap
    return {
        "headline": headline(summary),
        "batch": batch_object(ledger, summary.batch) if summary.batch else None,
        "since": rfc3339(summary.since),
        "made_at": rfc3339(summary.made_at),
        "zone": zones(summary),
        "first_at": rfc3339(summary.first),
        "last_at": rfc3339(summary.last),
        "images": {
            "done": summary.done,
            "failed": summary.failed,
            "open": summary.open,
            "drawn_before": summary.drawn_before,
            "retried": summary.times.retried,
            "flagged": summary.times.flagged,
            "constant": summary.times.constant,
            "near_duplicates": summary.times.near_duplicates,
        },
        "images_per_hour": _rounded(summary.images_per_hour),
        "size_bytes": summary.times.size_bytes,
        "longest_gap": None if gap is None else [rfc3339(moment) for moment in gap],
        "batches": [
            {**batch_object(ledger, part.status), "done": part.done, "failed": part.failed}
            for part in summary.parts
        ],
        "throughput": {
            "step_seconds": step_s,
            "steps": [
                {"begin": rfc3339(bar.begin), "done": bar.done, "failed": bar.failed}
                for bar in shown
            ],
        },
        "stages": {
            "images": summary.times.images,
            "unet_calls": summary.times.unet_calls,
            **{
                stage.key: {"total": round(stage.total_ms, 3), "mean": round(stage.mean_ms, 3)}
                for stage in stages(summary.times)
            },
        },
        "drawn_by": [
            {
                **one.variant.placement.to_dict(),
                "model": one.variant.model,
                "host": one.host,
                "chip": one.chip,
                "runtime": one.runtime,
                "engines": one.engines,
                "load_ms": round(one.load_ms, 3),
                "images": one.times.images,
                "image_ms": _rounded(one.times.drawing_ms / one.times.images),
            }
            for one in summary.drawn_by
        ],
        "changed_since_an_update": [
            {
                **one.variant.placement.to_dict(),
                "model": one.variant.model,
                "host": one.host,
                "changes": list(one.check.changes),
                "path": one.check.path,
                "psnr_db": _rounded(one.check.psnr_db),
                "expected_db": LEAST_PSNR_DB,
                "error": one.check.error,
            }
            for one in summary.changed
        ],
        "failures": [
            {
                "error": cause.error,
                "count": cause.count,
                "batches": dict(cause.images),
                "retry": list(retry_commands(cause)),
            }
            for cause in summary.causes
        ],
        "failures_of_other_causes": summary.other_causes,
        "failed_images": [
            {
                "batch": failed.batch_name,
                "entry": failed.entry,
                "seed": failed.seed,
                "prompt": failed.recipe.prompt,
                "attempts": failed.attempts,
                "error": failed.error,
            }
            for failed in summary.failed_images
        ],
        "slowest": [
            {**_image(one), "drawing_ms": round(one.drawing_ms, 3)} for one in summary.slowest
        ],
        "flagged": [
            {**_image(one), "concept_scores": dict(one.image.concept_scores)}
            for one in summary.flagged
        ],
        "cut_prompts": {
            "count": summary.cut_count,
            "first": [
                {
                    "batch": cut.batch_name,
                    "entry": cut.entry,
                    "prompt": cut.prompt,
                    "tokens": cut.tokens,
                }
                for cut in summary.cut_prompts
            ],
        },
        "sample": {
            "rule": sample_rule(summary),
            "images": [_image(one) for one in summary.sample],
        },
        "paused": [
            {
                "variant": str(held.variant),
                "key": held.variant.key,
                "reason": held.reason,
                "since": rfc3339(held.since),
            }
            for held in paused
        ],
        "next": [
            {"why": step.sentence, "command": step.command} for step in next_steps(summary, paused)
        ],
    }


def _image(image: FinishedImage) -> dict[str, Any]:
    return {
        "path": image.image.path,
        "batch": image.batch_name,
        "entry": image.entry,
        "seed": image.seed,
        "prompt": image.recipe.prompt,
        "finished_at": rfc3339(image.finished_at),
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
