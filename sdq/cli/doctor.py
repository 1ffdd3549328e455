"""`sdq doctor`: is anything wrong with this installation, and does it draw what it should?"""

from __future__ import annotations

import json
import os

import click

from sdq.cli.candidates import model_names
from sdq.cli.model_options import variants_of
from sdq.cli.options import existing_ledger, settings_options
from sdq.cli.runtime_option import runtime_option
from sdq.data_folder import make_data_folder
from sdq.submitting.options import value_of
from sdq_core.errors import EXIT_FAILURE, EXIT_OK, UsageError
from sdq_core.printable import printable
from sdq_core.settings import Settings


@click.command("doctor")
@click.option(
    "--compute-unit",
    "names",
    multiple=True,
    metavar="UNIT",
    help="Draw on this compute unit only (ALL, CPU_AND_GPU, CPU_AND_NE or CPU_ONLY); may be repeated [each].",
)
@click.option(
    "--model",
    metavar="NAME",
    shell_complete=model_names,
    help="Draw this model's portrait instead of the demo model; record it the first time.",
)
@click.option(
    "--variant",
    metavar="NAMES",
    help="With --model: original, split_einsum or split_einsum_v2; separate several with commas [each].",
)
@click.option("--no-draw", is_flag=True, help="Do not draw anything.")
@click.option(
    "--forget",
    is_flag=True,
    help="Only forget on which compute units parts of models failed here, so that they are tried again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
@runtime_option
def command(
    settings: Settings,
    names: tuple[str, ...],
    model: str | None,
    variant: str | None,
    no_draw: bool,
    forget: bool,
    as_json: bool,
) -> int:
    """Check everything that sdq needs, draw the demo model on every compute unit, and report what is wrong.

    The images are compared with reference images. The report contains no secrets and can be pasted into a bug report.
    With --model, each compute unit draws that model with the same prompt and seed, and is compared with the picture
    that was recorded when this was first done, in the folder `portraits` of the data folder. Do it once while all is
    well.

    Nothing else is changed, started or left behind, except by --forget. The exit code is 0 if no problem is found, else
    1.
    """
    from producer.reading.words import parse_compute_unit
    from sdq.doctor import Subject, examine
    from sdq.doctor.one_line import one_line
    from sdq.submitting.request import model_name
    from sdq_core.values.variants import ComputeUnit

    if names and no_draw:
        raise UsageError("Use --compute-unit or --no-draw, not both.")
    if model and no_draw:
        raise UsageError("Use --model or --no-draw, not both.")
    if variant and not model:
        raise UsageError(
            "Use --variant with --model NAME: the demo model is drawn in every variant."
        )
    if forget:
        return _forget(settings, as_json=as_json)
    with value_of("--compute-unit"):
        units = {parse_compute_unit(name) for name in names} or set(ComputeUnit)
    subject = (
        Subject.of(settings, model_name(model, settings.models), variants_of(variant))
        if model
        else None
    )
    if subject is not None:
        make_data_folder(settings)  # for the portrait
    report = examine(
        settings,
        os.environ,
        subject=subject,
        units=() if no_draw else units,
        say=lambda text: click.echo(text, err=True),
    )
    if as_json:
        document = {**report.to_dict(), "in_one_line": one_line(report)}
        click.echo(json.dumps(document, indent=2))
    else:
        lines = [*report.lines(), "", "For an issue:", one_line(report)]
        click.echo("\n".join(map(printable, lines)))
    return EXIT_FAILURE if report.problems else EXIT_OK


def _forget(settings: Settings, *, as_json: bool) -> int:
    from sdq.views.words import counted
    from sdq_core.values.machine import this_machine

    with existing_ledger(settings) as ledger:
        forgotten = ledger.unit_trials.forget(this_machine()) if ledger else 0
    if as_json:
        click.echo(json.dumps({"forgotten": forgotten}))
    else:
        click.echo(
            f"{counted(forgotten, 'failure')} forgotten." if forgotten else "Nothing to forget."
        )
    return EXIT_OK
