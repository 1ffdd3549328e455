"""From what `sdq rerun` names to a request, as `sdq submit` makes one of prompt files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from db.columns.where import parse_where
from db.ledger import Ledger
from producer import PromptSource, Remarks, describe_source
from producer.changes import Changes
from producer.foreign.differences import Differences
from producer.foreign.models_here import ModelsHere, Shape
from producer.foreign.translation import Translation
from producer.other_seeds import SAME, other_seeds
from producer.planning.cap import MAX_IMAGES
from producer.planning.defaults import MAX_NAME_CHARS
from producer.reading.lines import STANDARD_INPUT
from producer.rerun import KNOWN_SUFFIXES, Rerun
from sdq.cli.batch import named_batch
from sdq.submitting.options import SubmitOptions, value_of
from sdq.submitting.request import Request, checked_preferences, read_defaults
from sdq_core.errors import InputMissingError, PromptFileError, UsageError
from sdq_core.models import ModelStore, resolver
from sdq_core.models.any_variant import complete_variants
from sdq_core.models.outdated import require_variant
from sdq_core.printable import printable
from sdq_core.settings import Settings
from sdq_core.values.variants import RecipeVariant

_ENDING = "-rerun"
#: `night/3/42`: the third prompt with seed 42.
_IMAGE = re.compile(r"(?P<batch>.+)/(?P<entry>\d{1,9})/(?P<seed>\d{1,10})", re.DOTALL)
_SKIP = "Add --skip-broken to leave these out."


@dataclass(frozen=True, kw_only=True)
class RerunRequest:
    """A request, with what was read for it.

    tools: how many images of each tool.
    skipped: what was wrong with those that were left out.
    """

    request: Request
    tools: dict[str, int]
    differences: Differences
    skipped: Sequence[str]


def read_rerun(
    what: Sequence[str],
    options: SubmitOptions,
    settings: Settings,
    ledger: Ledger | None,
    *,
    changes: Sequence[str],
    seeds: str,
    skip_broken: bool,
    stdin: BinaryIO | None = None,
) -> RerunRequest:
    """Read what is named: files, folders, ``-`` for standard input, batches, images of them such as ``night/3/42``.

    changes, seeds: as typed behind `--set` and `--seeds`.
    skip_broken: leave out what cannot be read instead of refusing all.
    """
    preferences = checked_preferences(settings)
    changed = Changes(changes, seeds_by="--seeds, such as --seeds 7 or --seeds +10")
    with value_of("--seeds"):
        with_seeds = other_seeds(seeds)
    defaults, _ = read_defaults(options, preferences, settings.models)
    store = ModelStore(settings.models)
    known = ledger.variants.known().values() if ledger else ()
    differences, remarks = Differences(), Remarks()
    translation = Translation(
        ModelsHere(store.names(), lambda model: _shape(store, model)),
        defaults,
        named_model=options.model is not None,
        changes=changed,
        differences=differences,
    )
    resolve = resolver(store, known)

    @cache
    def is_here(variant: RecipeVariant) -> bool:
        resolve(variant.model, variant.attention_implementation)
        try:
            require_variant(store, variant)
        except InputMissingError:
            return False
        return True

    rerun = Rerun(translation, is_here, changes=changed, differences=differences, remarks=remarks)
    names = [_add(rerun, word, ledger, stdin) for word in what]
    lines = rerun.lines(with_seeds)
    if rerun.problems and (not skip_broken or not lines):
        raise PromptFileError(rerun.problems, advice=_SKIP if lines else "")
    _refuse_unused(options, rerun)
    return RerunRequest(
        request=Request(
            lines=lines,
            defaults=defaults,
            source=_source(names, changes, seeds),
            remarks=remarks,
            preferences=preferences,
            recorded={},
            max_images=options.max_images or MAX_IMAGES,
            options=options,
        ),
        tools=dict(rerun.tools),
        differences=differences,
        skipped=rerun.problems,
    )


def _add(rerun: Rerun, word: str, ledger: Ledger | None, stdin: BinaryIO | None) -> PromptSource:
    """Add what a word of the command names; return its name and what it stands for."""
    if word == STANDARD_INPUT or _is(Path(word).is_file):
        rerun.add_file(word, stdin=stdin)
        return describe_source([word])
    status = ledger.batches.find(word) if ledger else None
    if status is None and _is(Path(word).exists):
        rerun.add_file(word)
        return describe_source([word])
    if status is None and (named := _IMAGE.fullmatch(word)):
        return _add_image(rerun, ledger, named)
    if status is None and ("/" in word or Path(word).suffix.lower() in KNOWN_SUFFIXES):
        raise InputMissingError(f"There is no file {word!r}.")
    status = status or named_batch(ledger, word)
    assert ledger is not None  # or there would be no batch
    if not rerun.add_batch(ledger.batches.images(status.id)):
        raise InputMissingError(f"Batch {status.name!r} has no finished images yet.")
    return PromptSource(name=status.name, text=status.name)


def _add_image(rerun: Rerun, ledger: Ledger | None, named: re.Match[str]) -> PromptSource:
    """Add one image of a batch."""
    status = named_batch(ledger, named["batch"])
    assert ledger is not None  # or there would be no batch
    entry, seed = int(named["entry"]), int(named["seed"])
    where = parse_where(f"entry = {entry} and seed = {seed}")
    if not rerun.add_batch(ledger.batches.images(status.id, where=where)):
        raise InputMissingError(
            f"Batch {status.name!r} has no finished image of prompt {entry} with seed {seed}."
        )
    return PromptSource(name=status.name, text=f"{status.name}/{entry}/{seed}")


def _is(question: Callable[[], bool]) -> bool:
    """Ask a path; a name that no file can have, or where this user may not look, is nothing."""
    try:
        return question()
    except (OSError, ValueError):
        return False


def _shape(store: ModelStore, model: str) -> Shape:
    """Return the shape of a model's first variant."""
    present = list(complete_variants(store, model).values())
    return Shape(width=present[0].width, height=present[0].height)


def _source(sources: Sequence[PromptSource], changes: Sequence[str], seeds: str) -> PromptSource:
    """Return the batch's source: the command that was given, so that another one makes another batch."""
    words = ["sdq", "rerun", *(source.text for source in sources)]
    words += [word for change in changes for word in ("--set", change)]
    words += ["--seeds", seeds] if seeds != SAME else []
    name = sources[0].name[: MAX_NAME_CHARS - len(_ENDING)]
    return PromptSource(name=f"{name}{_ENDING}", text=printable(shlex.join(words)))


def _refuse_unused(options: SubmitOptions, rerun: Rerun) -> None:
    """Raise UsageError for options that would change nothing: an image of sdq says all of it itself."""
    for option, value in (
        ("model", options.model),
        ("variant", options.variant),
        ("compute_unit", options.compute_unit),
    ):
        if value is not None and not rerun.leaves_open:
            written = f"--{option.replace('_', '-')}"
            raise UsageError(
                f"{written} is for images of other tools, and sdq's own have theirs. Use --set {option}={value}."
            )
