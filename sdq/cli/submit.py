"""`sdq submit`: queue images from prompt files and return."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from sdq.cli.options import open_ledger, settings_options, submission_options
from sdq_core.settings import Settings


@click.command("submit")
@submission_options
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be queued, and its time and size; queue nothing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing on success.")
@settings_options
def command(settings: Settings, dry_run: bool, as_json: bool, quiet: bool, **options: Any) -> None:
    """Queue every prompt of the files with every seed, and return.

    Submitting the same file again adds nothing; a longer one adds what is new. Files are txt (one prompt per line),
    csv, tsv or jsonl; - reads standard input. A line may set its own options, such as 'a red boat --seed 7 --steps 30'.

    \b
    Examples:
      sdq submit prompts.txt --seed-range 0-99
      sdq submit prompts.csv --variant original,split_einsum --batch compare
      echo 'a lighthouse in the snow' | sdq submit - --random-seeds 4
    """
    from sdq.cli.submission import describe_submission, plan_from_options, submit_plan

    planned = plan_from_options(settings, options)
    chosen = [choice.to_dict() for choice in planned.choices]
    with open_ledger(settings) as ledger:
        if dry_run:
            from sdq.views.forecast import forecast

            expected = forecast(ledger, planned.plan)
            if as_json:
                click.echo(json.dumps({**asdict(expected), "chosen": chosen}))
            else:
                click.echo("\n".join([*planned.describe_choices(), expected.describe()]))
            return
        submission, _ = submit_plan(settings, ledger, planned.plan)
        if as_json:
            click.echo(
                json.dumps(
                    {
                        "id": submission.batch_id,
                        "name": submission.batch_name,
                        "images_new": submission.images_new,
                        "images_known": submission.images_known,
                        "images_drawn": submission.images_drawn,
                        "slices": len(submission.slices),
                        "chosen": chosen,
                    }
                )
            )
        elif not quiet:
            click.echo("\n".join([describe_submission(submission), *planned.describe_choices()]))
