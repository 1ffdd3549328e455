"""`sdq submit`: queue images from prompt files and return."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict

import click

from sdq.cli.options import existing_ledger, open_ledger, settings_options
from sdq.cli.submit_options import SubmitOptions, submission_options
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
def command(
    settings: Settings, options: SubmitOptions, dry_run: bool, as_json: bool, quiet: bool
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
      echo 'a lighthouse in the snow' | sdq submit - --random-seeds 4
    """
    from sdq.cli.submission import describe_submission, plan_request, read_request, submit_plan

    request = read_request(options, settings)
    with contextlib.ExitStack() as stack:
        existing = stack.enter_context(existing_ledger(settings))
        planned = plan_request(settings, request, existing)
        more = {
            "chosen": [choice.to_dict() for choice in planned.choices],
            "files": planned.filing.to_dict(),
            "remarks": {
                **request.remarks.to_dict(),
                "has_default_seed": request.has_default_seed,
            },
        }
        said = [*request.remarks.describe(), *planned.describe_choices()]
        if dry_run:
            from sdq.views.forecast import empty_ledger, forecast

            expected = forecast(
                existing or stack.enter_context(empty_ledger()), planned.plan, planned.outdated
            )
            nothing_new = [] if expected.images_new else [request.other_seeds().strip()]
            if as_json:
                click.echo(json.dumps({**asdict(expected), **more}))
            else:
                said += planned.describe_files(drawn=expected.images_drawn)
                click.echo("\n".join([*said, *filter(None, nothing_new), expected.describe()]))
            return
        ledger = existing or stack.enter_context(open_ledger(settings))
        submission = submit_plan(settings, ledger, planned.plan, outdated=planned.outdated)
        if as_json:
            click.echo(
                json.dumps(
                    {
                        "id": submission.batch_id,
                        "name": submission.batch_name,
                        "images_new": submission.images_new,
                        "images_known": submission.images_known,
                        "images_drawn": submission.images_drawn,
                        "images_replaced": submission.images_replaced,
                        "slices": len(submission.slices),
                        **more,
                    }
                )
            )
        elif not quiet:
            said += planned.describe_files(drawn=submission.images_drawn)
            click.echo("\n".join([describe_submission(submission, request), *said]))
