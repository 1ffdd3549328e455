"""`sdq doctor`: is this installation well, and does it draw as it should?"""

from __future__ import annotations

import json
import os

import click

from sdq.cli.options import settings_options
from sdq_core.errors import EXIT_FAILURE, EXIT_OK
from sdq_core.printable import printable
from sdq_core.settings import Settings


@click.command("doctor")
@click.option("--no-draw", is_flag=True, help="Do not draw the demo model.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@settings_options
def command(settings: Settings, no_draw: bool, as_json: bool) -> int:
    """Look at everything that sdq needs, draw the demo model on every compute unit, and say what is wrong.

    The pictures are compared with recorded ones. The report has no secrets in it and may be pasted into a bug report.
    Nothing is changed, started or left behind. The exit code is 0 when all is well, 1 otherwise.
    """
    from sdq.doctor import examine

    report = examine(
        settings, os.environ, draw=not no_draw, say=lambda text: click.echo(text, err=True)
    )
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    else:
        click.echo("\n".join(map(printable, report.lines())))
    return EXIT_FAILURE if report.problems else EXIT_OK
