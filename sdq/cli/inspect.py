"""`sdq inspect`: what the pictures are like."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from sdq.cli.batch import named_batch
from sdq.cli.candidates import batch_names, scoring_model_names
from sdq.cli.options import existing_ledger, settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq.data_folder import make_data_folder
from sdq_core.errors import EXIT_FAILURE, EXIT_OK, ConfigurationError
from sdq_core.settings import Settings

if TYPE_CHECKING:
    from rich.progress import Progress

    from db.ledger import Ledger
    from sdq.upkeep.inspection import Findings
    from sdq.upkeep.scoring import ScoringFindings
    from sdq_core.images.root import OutputRoot

_SHOWN = 20


@click.command("inspect")
@click.argument("batches", nargs=-1, metavar="[BATCH]...", shell_complete=batch_names)
@click.option("--again", is_flag=True, help="Measure again what is already measured.")
@click.option(
    "--clip",
    metavar="MODEL",
    shell_complete=scoring_model_names,
    help="Score with this CLIP model how well each image shows its prompt.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Read N files at once [as many as the machine has cores].",
)
@outcome_options
@settings_options
def command(
    settings: Settings,
    batches: tuple[str, ...],
    again: bool,
    clip: str | None,
    threads: int | None,
    outcome: Outcome,
) -> int:
    """Measure the finished images of these batches, or of all, and find those that look alike.

    Each image gets its perceptual hash, brightness, contrast, sharpness, and whether it has one colour only, unless a
    worker measured it when it was drawn. Then all these images are compared. Those whose hashes differ in at most 6 of
    64 bits look alike: the one that was tried first is kept, and the others name it as near_duplicate_of.

    With --clip, each image also gets its clip_score, the cosine between the model's embeddings of picture and prompt.
    Images that another model has scored are scored again, so one inspection never mixes two models. `sdq models add`
    adds such a model.

    An interrupted inspection is resumed by the next. A worker that draws on this machine goes first. The exit code is 1
    if a file is missing or is not as it was recorded.
    """
    try:
        from sdq.upkeep import inspection

        score = None if clip is None else _scoring(settings, clip)
    except ImportError as error:
        from worker.runtimes.installing import how_to_install

        raise ConfigurationError(
            f"Measuring needs {error.name}, which is not installed: {how_to_install()}."
        ) from error
    from rich.console import Console
    from rich.progress import Progress

    from sdq_core.images.root import OutputRoot

    at_once = threads or os.cpu_count() or 1
    with existing_ledger(settings) as ledger:
        named = [named_batch(ledger, name) for name in batches]
        scopes: list[int | None] = [*dict.fromkeys(status.id for status in named)] or [None]
        findings, seconds = inspection.Findings(), 0.0
        scores: ScoringFindings | None = None
        if ledger is not None:
            root = OutputRoot(settings.outputs, home=settings.home, ledger_id=ledger.id)
            if again:
                _forget(ledger, root, scopes, scores=score is not None)
            console = Console(stderr=True)
            with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
                began = time.monotonic()
                findings = inspection.inspect(
                    ledger, root, scopes, threads=at_once, **_shown(bar, "Measuring images")
                )
                seconds = time.monotonic() - began
                if score is not None:
                    scores = score(
                        ledger, root, scopes, threads=at_once, **_shown(bar, "Scoring images")
                    )
    for why, paths in findings.unfit.items():
        # Once, although several batches ask for it, and although it was not scored either.
        paths[:] = dict.fromkeys(paths + (scores.unfit[why] if scores else []))
    for line in (*_lines(findings, seconds), *(_score_lines(scores) if scores else ())):
        outcome.say(line)
    outcome.tell(
        images_measured=findings.measured,
        seconds=round(seconds, 3),
        images_inspected=findings.inspected,
        near_duplicates=findings.near_duplicates,
        constant=findings.constant,
        **findings.unfit,
        **(
            {
                "clip_model": scores.model,
                "images_scored": scores.scored,
                "scoring_seconds": round(scores.seconds, 3),
                "without_score": scores.without,
            }
            if scores
            else {}
        ),
    )
    return EXIT_OK if findings.clean else EXIT_FAILURE


def _scoring(settings: Settings, clip: str) -> Callable[..., ScoringFindings]:
    """Return what scores images; raise if there is no such model, before anything is measured."""
    from sdq.upkeep.scoring import score
    from sdq_core.models.scoring import find_scoring_model
    from worker.runtimes.choice import choose_runtime

    model = find_scoring_model(settings.models, clip)
    make_data_folder(settings)  # the runtime keeps what it prepares there
    runtime = choose_runtime(cache=settings.cache, threads=None)
    return partial(score, model=model, runtime=runtime)


def _forget(ledger: Ledger, root: OutputRoot, scopes: list[int | None], *, scores: bool) -> None:
    root.look()  # before anything is forgotten that could not be measured again
    for scope in scopes:
        ledger.measures.forget(scope)
        if scores:
            ledger.scores.forget(scope)


def _shown(bar: Progress, what: str) -> dict[str, Any]:
    """Return what shows the progress of a new task."""
    task = bar.add_task(what, total=None)
    return {
        "on_start": lambda total: bar.update(task, total=total),
        "on_image": lambda: bar.advance(task),
    }


def _lines(findings: Findings, seconds: float) -> Iterator[str]:
    from sdq.views.words import counted

    rate = f", {findings.measured / seconds:,.0f} a second" if findings.measured else ""
    yield f"{counted(findings.measured, 'image')} measured{rate}."
    for why, paths in findings.unfit.items():
        yield from (f"{why}: {path}" for path in paths[:_SHOWN])
        if len(paths) > _SHOWN:
            yield f"{why}: {len(paths) - _SHOWN:,} more"
    if not findings.clean:
        yield "To draw missing and changed images again, run `sdq verify --repair`."
    alike = counted(findings.near_duplicates, "near-duplicate")
    constant = counted(findings.constant, "image of one colour", "images of one colour")
    yield f"{alike} and {constant} among {counted(findings.inspected, 'image')}."


def _score_lines(scores: ScoringFindings) -> Iterator[str]:
    from sdq.views.words import counted

    rate = f", {scores.scored / scores.seconds:,.1f} a second" if scores.scored else ""
    yield f"{counted(scores.scored, 'image')} scored{rate}."
    if scores.without:
        yield f"The model gives no score for {counted(len(scores.without), 'image')}, such as {scores.without[0]}."
