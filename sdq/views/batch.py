"""All that is known of one batch besides its progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from db.ledger import Ledger
from db.values import BatchRequest, BatchStatus, Chosen
from sdq.views.batch_object import batch_object
from sdq.views.facts import fact_lines
from sdq.views.history import source
from sdq.views.status import describe_rank, status_word
from sdq.views.words import duration, local_time
from sdq_core.images.filing import Filing
from sdq_core.values.receivers import Receivers
from sdq_core.values.recipes import DEFAULT_RNG


def batch_facts(status: BatchStatus, request: BatchRequest, folder: Path) -> list[str]:
    """Return what a batch is, one fact to a line."""
    given = request.options.given
    filing = Filing.of(given)
    left = status.total - status.completed - status.failed
    not_done = "not drawn" if status.state == "cancelled" else "to draw"
    parts = [f"{status.completed:,} done", f"{left:,} {not_done}", f"{status.failed:,} failed"]
    eta = "" if status.completed_at or status.eta_s is None else duration(status.eta_s)
    return fact_lines(
        [
            ("batch", f"{status.name} (id {status.id})"),
            ("status", status_word(status) + (f", {eta} left" if eta else "")),
            ("order", None if status.completed_at else describe_rank(status.rank)),
            ("images", f"{status.total:,}: {', '.join(parts)}"),
            ("prompts", f"{request.entries:,}, from {source(status)}"),
            ("submitted", local_time(status.created_at)),
            ("begun", local_time(status.started_at) if status.started_at else None),
            ("finished", local_time(status.completed_at) if status.completed_at else None),
            ("folder", str(folder)),
            ("files", None if filing.is_default else filing.describe()),
            ("model", given.get("model")),
            ("variant", _variant(given)),
            *(("chosen", _chosen(choice)) for choice in request.options.chosen),
            ("settings", _settings(given)),
            ("negative", given.get("negative_prompt")),
            ("seeds", _seeds(given)),
            ("notices", ", ".join(_told(request.options.receivers)) or None),
        ]
    )


def batch_as_dict(
    ledger: Ledger, status: BatchStatus, request: BatchRequest, folder: Path
) -> dict[str, Any]:
    """Return the same for JSON."""
    return batch_object(
        ledger,
        status,
        source=status.source,
        prompts=request.entries,
        folder=str(folder),
        options=dict(request.options.given),
        notify=request.options.receivers.shown(),
        chosen=[
            {
                "model": choice.model,
                "asked": choice.asked.to_dict(),
                "placement": choice.placement.to_dict(),
            }
            for choice in request.options.chosen
        ],
    )


def _variant(given: Mapping[str, Any]) -> str | None:
    """Return what the first submission named; lines may have named their own, as with all its options."""
    if not given:
        return None  # from before batches kept their options
    variants = ", ".join(given.get("variants") or ["auto"])
    unit = given.get("compute_unit")
    return f"{variants} on {unit}" if unit else variants


def _chosen(choice: Chosen) -> str:
    return f"{choice.placement.describe()} for {choice.model}"


def _settings(given: Mapping[str, Any]) -> str | None:
    if "num_inference_steps" not in given:
        return None
    said = (
        f"{given['num_inference_steps']} steps, guidance scale {given['guidance_scale']:g}, "
        f"{given['scheduler']}"
    )
    if (rng := given.get("rng", DEFAULT_RNG)) != DEFAULT_RNG:
        said += f", noise of {rng}"
    return f"{said}, weighted" if given.get("weighted") else said


def _seeds(given: Mapping[str, Any]) -> str | None:
    if random := given.get("random_seeds"):
        return f"{random:,} random"
    return given.get("seeds")


def _told(receivers: Receivers) -> Iterator[str]:
    """Yield who is told of a batch, without what is secret."""
    shown = receivers.shown()
    for name in ("webhook", "ping"):
        if name in shown:
            yield f"{name} {shown[name]}"
    yield from shown.get("apprise", ())
    if receivers.mac:
        yield "macOS"
    if receivers.on_done:
        yield "a command"
