"""An export into a folder: which images are new to the data set, into which part each goes, and when a part is full.

However large the batches are, memory holds one page of them and the keys of the parts that are open, one for each
split. Whatever is killed, the next export goes on from the last finished part, and what comes of it is what would have
come of one export: the same files, byte by byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from db.columns.where import Where
from db.drawn import STORED, DrawnSlice
from db.ledger import Ledger
from db.values import FinishedImage
from sdq.exports.folder import export_folder, work_folder
from sdq.exports.format import SplitState
from sdq.exports.formats import SAME_COLUMNS, make_format
from sdq.exports.index import Index
from sdq.exports.look_alikes import apart_from, look_alikes
from sdq.exports.options import ExportOptions
from sdq.exports.parts import Parts
from sdq.exports.rows import PRIVATE, filled
from sdq.exports.sample import Sample, key_of, name_of
from sdq.exports.sources import Source, Sources
from sdq_core.errors import OutputError, UsageError
from sdq_core.images.root import OutputRoot
from sdq_core.images.store import storage_problem

#: Images of a random order that are read at once.
_AT_ONCE = 1000
_SEED = STORED["seed"].position


@dataclass(kw_only=True)
class Exported:
    """What an export did.

    new: samples that it added, by split.
    uncaptioned: those of them whose caption is empty.
    alike: images left out that look like another one.
    missing, changed: images without their file, or with another.
    splits: what the data set has now.
    """

    new: Counter[str] = field(default_factory=Counter)
    uncaptioned: int = 0
    alike: int = 0
    missing: int = 0
    changed: int = 0
    splits: Mapping[str, SplitState] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """How many the data set has now."""
        return sum(state.samples for state in self.splits.values())


def export(
    ledger: Ledger,
    batch_ids: Sequence[int],
    root: OutputRoot,
    folder: Path,
    options: ExportOptions,
    *,
    where: Where | None = None,
    distance: int | None = None,
    on_image: Callable[[], object] = lambda: None,
) -> Exported:
    """Add the finished images of batches to a data set, which is made if it is not there.

    where: only the images that it chooses.
    distance: leave out images that look like another one, if their hashes differ in at most so many bits.
    on_image: called for each image that is dealt with.

    Raise UsageError for options with which older parts would be wrong, OutputError for a folder that is no data set of
    ours or that lacks a part, TryAgainError if another export writes it, StorageError if the disk is full; then the
    same again goes on.
    """
    make_format(options)  # a missing library is named before anything is made
    done = Exported()
    with (
        export_folder(folder, root.path),
        _storage_problems(folder),
        Index.opened(folder) as index,
        work_folder(folder) as work,
    ):
        _keep_to(index, options, folder)
        _require_parts(index, folder)
        index.add_condition(_told(where))
        sources = Sources(root, options.conversion, work, read_files=not options.link.is_same_file)
        slices = partial(_slices, ledger, batch_ids, where)
        if options.format in SAME_COLUMNS:
            if index.columns is None:
                index.set_columns(filled(slices()))
            options = replace(options, columns=frozenset(index.columns or ()))
        format_ = make_format(options)
        alike = frozenset() if distance is None else look_alikes(slices(), distance, index.has)
        done.alike = len(alike)
        new = _new_images(apart_from(slices(), alike), index, on_image)
        images = _images(new) if options.shuffle is None else _shuffled(new, ledger, index, options)
        with Parts(format_, folder, index) as parts:
            for image in images:
                source = sources.find(image)
                if source is not None:
                    sample = _sample(image, source, options)
                    if parts.add(sample):
                        done.new[sample.split] += 1
                        done.uncaptioned += not sample.caption
                on_image()
        done.missing, done.changed = sources.missing, sources.changed
        done.splits = index.splits()
        if done.splits and not index.is_finished:
            format_.finish(folder, done.splits)
            index.set_finished()
    return done


def _keep_to(index: Index, options: ExportOptions, folder: Path) -> None:
    """Refuse options with which the older parts of a data set would be wrong."""
    asked, has = options.kept(), index.options
    if not index.splits():  # a new folder, or one in which an earlier export finished nothing
        index.begin(asked)
        return
    for name, value in asked.items():
        if value != has.get(name):
            kept = has.get(name)
            had = f"without --{name}" if kept is None else f"with --{name} {shlex.quote(kept)}"
            raise UsageError(
                f"{folder} was exported {had}, and its files are not written again. Export into a new folder, or leave "
                "the options as they were."
            )


def _require_parts(index: Index, folder: Path) -> None:
    """Refuse to go on where somebody deleted a part: its images would count as being there."""
    gone = next((path for path in index.files() if not path.exists()), None)
    if gone is not None:
        raise OutputError(
            f"{gone} is gone, but an earlier export made it. Put it back, or delete {folder} and export again."
        )


def _told(where: Where | None) -> str:
    """Return a condition as the card tells it, without the names of machines; an empty text for none."""
    if where is None:
        return ""
    private = sorted(where.columns & PRIVATE)
    return f"a condition on {' and '.join(private)}" if private else where.text


def _slices(ledger: Ledger, batch_ids: Sequence[int], where: Where | None) -> Iterator[DrawnSlice]:
    for batch_id in batch_ids:
        yield from ledger.batches.drawn_slices(batch_id, where=where)


def _new_images(
    slices: Iterable[DrawnSlice], index: Index, on_image: Callable[[], object]
) -> Iterator[tuple[int, FinishedImage]]:
    """Yield the slice that asks for it and each image that is in no finished part."""
    for drawn in slices:
        for row in drawn.rows:
            if index.has(name_of(drawn.recipe, row[_SEED])):
                on_image()
            else:
                yield drawn.id, drawn.image(row)


def _images(found: Iterator[tuple[int, FinishedImage]]) -> Iterator[FinishedImage]:
    for _, image in found:
        yield image


def _shuffled(
    found: Iterator[tuple[int, FinishedImage]],
    ledger: Ledger,
    index: Index,
    options: ExportOptions,
) -> Iterator[FinishedImage]:
    """Yield the images in an order that depends on the seed and each image's own key only."""
    index.collect(
        (_place(key_of(image), options.shuffle), slice_id, image.id) for slice_id, image in found
    )
    for page in index.collected(_AT_ONCE):
        yield from ledger.batches.images_with(page)


def _place(key: str, seed: int | None) -> bytes:
    return hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:16]


def _sample(image: FinishedImage, source: Source, options: ExportOptions) -> Sample:
    return Sample(
        key=key_of(image),
        split=options.splits.of(image.recipe.prompt),
        caption=options.caption.of(image),
        image=image,
        file=source.file,
        extension=source.extension,
        width=source.width,
        height=source.height,
        movable=source.movable,
    )


@contextlib.contextmanager
def _storage_problems(folder: Path) -> Iterator[None]:
    """Translate what the system says of a file that cannot be written."""
    try:
        yield
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else None
        raise storage_problem(error, Path(named) if named else folder) from error
