"""`sdq rerun`: draw images again from what is written in them."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import click

from sdq.cli import candidates
from sdq.cli.notice_options import notice_options
from sdq.cli.options import existing_ledger, open_ledger, settings_options
from sdq.cli.submit_options import (
    BATCH_OPTIONS,
    FILE_OPTIONS,
    with_submit_options,
)
from sdq.submitting.options import SubmitOptions
from sdq_core.settings import Settings
from sdq_core.values.receivers import Receivers
from sdq_core.values.variants import AttentionImplementation, ComputeUnit

_OPTIONS = (
    click.option("--model", metavar="NAME|DIR", shell_complete=candidates.model_names,
                 help="What draws images of other tools [the model of the same name, else demo]."),
    click.option("--variant", metavar="NAMES",
                 shell_complete=candidates.words(*AttentionImplementation, "auto", "any"),
                 help="The variants that draw images of other tools [auto]."),
    click.option("--compute-unit", metavar="UNIT", shell_complete=candidates.words(*ComputeUnit, "auto"),
                 help="The compute unit that draws images of other tools [auto]."),
    *BATCH_OPTIONS,
    *FILE_OPTIONS,
)  # fmt: skip


def _submit_options(command: Any) -> Any:
    return with_submit_options(command, _OPTIONS)


@click.command("rerun")
@click.argument(
    "what",
    nargs=-1,
    required=True,
    metavar="FILE|FOLDER|BATCH|-...",
    shell_complete=candidates.batches_or_files,
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting of all of them: steps=40; may be repeated.",
)
@click.option(
    "--seeds",
    "which_seeds",
    default="same",
    show_default=True,
    metavar="SEEDS",
    help="same: their own. +10: the ten that follow each. 0-9: these instead. -1: a random one.",
)
@_submit_options
@click.option(
    "--skip-broken",
    is_flag=True,
    help="Leave out what cannot be read or drawn, and say so, instead of refusing all.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be queued, and what would be drawn otherwise; queue nothing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing on success.")
@settings_options
@notice_options
def command(
    settings: Settings,
    receivers: Receivers,
    options: SubmitOptions,
    what: tuple[str, ...],
    changes: tuple[str, ...],
    which_seeds: str,
    skip_broken: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Queue images again with the settings recorded in their files or in a batch.

    Reads png, jpg, webp and avif files of sdq, AUTOMATIC1111 (and what writes like it), ComfyUI, InvokeAI, Draw Things
    and Mochi Diffusion; folders of them; generation data copied into a txt file or to standard input (-); exported
    jsonl files; and a batch's finished images, or one of them, such as night/3/42 for its third prompt with seed 42. It
    says what it cannot reproduce of other tools' images.

    Images of sdq are drawn exactly as they were, and those that are in the ledger are not drawn again: change
    something with --set or --seeds. See docs/rerun.md.

    \b
    Examples:
      sdq rerun favourite.png --seeds +10
      sdq rerun night/3/42 --seeds +10
      sdq rerun night --set steps=40 --set scheduler=DDIM
      sdq rerun Downloads --skip-broken --model my-model --dry-run
      pbpaste | sdq rerun -
    """
    from sdq.cli.rerun_request import read_rerun
    from sdq.cli.rerun_view import facts, known_images, lines_before, nothing_to_draw
    from sdq.submitting.outlook import outlook, try_out
    from sdq.submitting.planned import plan_request
    from sdq.submitting.submission import submit_plan

    with contextlib.ExitStack() as stack:
        existing = stack.enter_context(existing_ledger(settings))
        read = read_rerun(
            what,
            options,
            settings,
            existing,
            changes=changes,
            seeds=which_seeds,
            skip_broken=skip_broken,
        )
        planned = plan_request(settings, read.request, existing)
        tried = try_out(settings, read.request, planned, existing)
        silent = quiet and not (as_json or dry_run)
        known = known_images(None if silent else existing, planned.plan, settings.outputs)
        # A named batch is wanted even if all of its images are drawn: a selection.
        is_nothing = not tried.submission.images_new and options.batch is None
        if dry_run or is_nothing:
            if as_json:
                none = {} if dry_run else {"id": None, "name": None}
                click.echo(json.dumps({**none, **tried.to_dict(), **facts(read, known)}))
            elif not silent:
                said = (
                    nothing_to_draw(tried.submission, known)
                    if is_nothing
                    else [*known.lines(), *tried.full_lines()]
                )
                click.echo("\n".join([*lines_before(read), *said]))
            if options.strict and not is_nothing:
                tried.require_space()
            return
        if options.strict:
            tried.require_space()
        ledger = existing or stack.enter_context(open_ledger(settings))
        plan = replace(planned.plan, receivers=receivers)
        submission = submit_plan(settings, ledger, plan, outdated=planned.outdated)
        if silent:
            return
        stored = outlook(settings, read.request, planned, submission, ledger)
        if as_json:
            click.echo(json.dumps({**stored.to_dict(), **facts(read, known)}))
        else:
            click.echo("\n".join([*lines_before(read), *known.lines(), *stored.lines()]))
