"""What happened to a batch, in the order of time, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from db.history import BatchHistory
from db.values import BatchStatus, EngineRecord
from sdq.views.status import rfc3339, status_word
from sdq.views.words import counted, duration, local_time
from sdq_core.printable import printable


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a batch.

    at: when, UTC.
    event: a word for it.
    text: what, for people.
    facts: the same for programs.
    """

    at: datetime
    event: str
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Return it as a line of text."""
        return printable(f"{local_time(self.at)}  {self.event}: {' '.join(self.text.split())}")

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"at": rfc3339(self.at), "event": self.event, **self.facts}


def events(status: BatchStatus, history: BatchHistory) -> Sequence[Event]:
    """Return what happened to a batch, the first first."""
    return sorted(_events(status, history), key=lambda event: event.at)


def now(status: BatchStatus) -> str:
    """Return a line about how an unfinished batch stands."""
    left = "" if status.eta_s is None else f", {duration(status.eta_s)} left"
    return (
        f"Now it is {status_word(status)}: {status.completed:,} of {counted(status.total, 'image')} done, "
        f"{status.failed:,} failed{left}."
    )


def _events(status: BatchStatus, history: BatchHistory) -> Iterator[Event]:
    for number, growth in enumerate(history.growths):
        text = f"{counted(growth.images, 'image')} in {counted(growth.slices, 'slice')}"
        yield Event(
            at=growth.at,
            event="added" if number else "submitted",
            text=text if number else f"{text}, from {source(status)}",
            facts={"images": growth.images, "slices": growth.slices},
        )
    if status.started_at is not None:
        first = history.first_engine
        yield Event(
            at=status.started_at,
            event="begun",
            text=f"with {_engine(first)}" if first else "the first image",
            facts=_facts(first) if first else {},
        )
    for started in history.engines:
        yield Event(
            at=started.at,
            event="engine",
            text=f"{_engine(started.engine)}, in memory after {duration(started.engine.load_ms / 1000)}",
            facts={**_facts(started.engine), "load_ms": started.engine.load_ms},
        )
    for failure in history.failures:
        yield Event(
            at=failure.at,
            event="failed",
            text=f"prompt {failure.entry} seed {failure.seed} after "
            f"{counted(failure.attempts, 'attempt')}: {failure.error}",
            facts={
                "entry": failure.entry,
                "seed": failure.seed,
                "attempts": failure.attempts,
                "error": failure.error,
            },
        )
    for held in history.paused:
        yield Event(
            at=held.since,
            event="paused",
            text=f"{held.variant}: {held.reason}",
            facts={"variant_key": held.variant.key, "reason": held.reason},
        )
    if status.completed_at is not None:
        yield Event(
            at=status.completed_at,
            event="finished",
            text=f"{counted(status.completed, 'image')}, {status.failed:,} failed",
            facts={"completed": status.completed, "failed": status.failed},
        )
    for told in history.told:
        outcomes = ", ".join(f"{receiver} {outcome}" for receiver, outcome in told.outcomes.items())
        yield Event(
            at=told.at,
            event="notice",
            text=f"that it is {told.event}: {outcomes}",
            facts={"of": str(told.event), "outcomes": dict(told.outcomes)},
        )


def source(status: BatchStatus) -> str:
    """Return where a batch's prompts came from."""
    return "standard input" if status.source == "-" else status.source


def _engine(engine: EngineRecord) -> str:
    return f"{engine.variant} ({engine.pipeline} on {engine.runtime}, worker {engine.worker} on {engine.host})"


def _facts(engine: EngineRecord) -> dict[str, Any]:
    return {
        "variant": str(engine.variant),
        "pipeline": engine.pipeline,
        "runtime": engine.runtime,
        "worker": engine.worker,
        "host": engine.host,
        "pid": engine.pid,
    }
