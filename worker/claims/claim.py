"""A claim: a slice's job while this worker has it, kept alive by heartbeats."""

from __future__ import annotations

from dataclasses import dataclass

from rq import Queue
from rq.executions import Execution
from rq.job import Job


@dataclass(frozen=True)
class Claim:
    """A job of ours with the queue that it came from and RQ's record of its execution."""

    job: Job
    queue: Queue
    execution: Execution
    slice_id: int
