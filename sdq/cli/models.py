"""`sdq models`: what can be drawn with."""

from __future__ import annotations

import click

from sdq.cli.options import settings_options
from sdq.errors import SdqError
from sdq.settings import Settings


@click.command("models")
@settings_options
def command(settings: Settings) -> None:
    """List the models here, with their variants and picture sizes."""
    from sdq.models import ModelStore

    store = ModelStore(settings.models)
    for name in store.names():
        for attention in store.attention_implementations(name):
            try:
                folder = store.find(name, attention)
            except SdqError as error:
                click.echo(f"{name}\t{attention}\tunusable: {error}")
            else:
                click.echo(
                    f"{name}\t{attention}\t{folder.width}x{folder.height}\t{folder.revision}"
                )
