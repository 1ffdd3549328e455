"""The values that go into the ledger and come out of it; database rows never leave `db`."""

from db.values.batches import BatchState, BatchStatus
from db.values.benchmarks import Benchmark
from db.values.engines import EngineRecord, PausedVariant
from db.values.files import CheckedFile, CheckedPage, FileStanding, PrunedPage
from db.values.images import (
    FailedImage,
    FinishedImage,
    ImageRecord,
    ImageStatus,
    Recorded,
    Standing,
)
from db.values.json import JSON
from db.values.marks import Mark
from db.values.notices import Notice, NoticeEvent
from db.values.plans import (
    BatchOptions,
    BatchPlan,
    BatchRequest,
    Chosen,
    KnownEntry,
    PlannedEntry,
    Submission,
)
from db.values.slices import Slice, SliceProgress, SliceRef, SliceRefs
from db.values.smoke_checks import CheckedVariant, EarlierImage, SmokeCheck

__all__ = [
    "JSON",
    "BatchOptions",
    "BatchPlan",
    "BatchRequest",
    "BatchState",
    "BatchStatus",
    "Benchmark",
    "CheckedFile",
    "CheckedPage",
    "CheckedVariant",
    "Chosen",
    "EarlierImage",
    "EngineRecord",
    "FailedImage",
    "FileStanding",
    "FinishedImage",
    "ImageRecord",
    "ImageStatus",
    "KnownEntry",
    "Mark",
    "Notice",
    "NoticeEvent",
    "PausedVariant",
    "PlannedEntry",
    "PrunedPage",
    "Recorded",
    "Slice",
    "SliceProgress",
    "SliceRef",
    "SliceRefs",
    "SmokeCheck",
    "Standing",
    "Submission",
]
