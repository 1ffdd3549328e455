"""`sdq submit`: queue images from prompt files and return."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import click

from sdq.cli.notice_options import notice_options
from sdq.cli.options import existing_ledger, open_ledger, settings_options
from sdq.cli.submit_options import submission_options
from sdq.submitting.options import SubmitOptions
from sdq_core.settings import Settings
from sdq_core.values.receivers import Receivers


@click.command("submit")
@submission_options
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be queued, its time and the space it needs; queue nothing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing on success.")
@settings_options
@notice_options
def command(
    settings: Settings,
    receivers: Receivers,
    options: SubmitOptions,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Queue every prompt of the files with every seed, and return.

    Submitting the same file again adds nothing; a longer one adds what is new. Files are txt (one prompt per line),
    csv, tsv, jsonl, json, yaml or toml; - reads standard input. A line may set its own options, such as 'a red boat
    --seed 7 --steps 30'.

    \b
    Examples:
      sdq submit prompts.txt --seed-range 0-99
      sdq submit prompts.csv --variant original,split_einsum --batch compare
      sdq submit prompts.txt --steps 20,30 --scheduler PNDM,DDIM
      sdq submit templates.txt --dynamic random --seed-range 0-99
      sdq submit prompts.txt --seed-range 0-99 --webhook https://example.org/hook
      echo 'a lighthouse in the snow' | sdq submit - --random-seeds 4
    """
    from sdq.submitting.outlook import outlook, try_out
    from sdq.submitting.planned import plan_request
    from sdq.submitting.request import read_request
    from sdq.submitting.submission import submit_plan

    request = read_request(options, settings)
    with contextlib.ExitStack() as stack:
        existing = stack.enter_context(existing_ledger(settings))
        planned = plan_request(settings, request, existing)
        if dry_run or options.strict:
            tried = try_out(settings, request, planned, existing)
            if dry_run and as_json:
                click.echo(json.dumps(tried.to_dict()))
            elif dry_run:
                click.echo("\n".join(tried.full_lines()))
            if options.strict:
                tried.require_space()
            if dry_run:
                return
        ledger = existing or stack.enter_context(open_ledger(settings))
        plan = replace(planned.plan, receivers=receivers)
        submission = submit_plan(settings, ledger, plan, outdated=planned.outdated)
        if quiet and not as_json:
            return
        stored = outlook(settings, request, planned, submission, ledger)
        click.echo(json.dumps(stored.to_dict()) if as_json else "\n".join(stored.lines()))
