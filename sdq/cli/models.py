"""`sdq models`: list, download, check and remove models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from sdq.cli.data_folder import refuse_absent_drive
from sdq.cli.options import settings_options, value_of
from sdq.cli.question import confirm
from sdq_core.errors import EXIT_FAILURE, EXIT_OK, InputError, InputMissingError, StorageError
from sdq_core.printable import printable
from sdq_core.settings import Settings, whole_path
from sdq_core.values.variants import AttentionImplementation

if TYPE_CHECKING:
    from sdq_core.models.inventory import ModelFacts


class _ListByDefault(click.Group):
    """`sdq models --json` is `sdq models list --json`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in {"-h", "--help"}):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("models", cls=_ListByDefault)
def command() -> None:
    """List, download, check and remove models. Without a command, list them."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@settings_options
def list_command(settings: Settings, as_json: bool) -> None:
    """List the available models, as their own files describe them."""
    from sdq_core.models import ModelStore
    from sdq_core.models.inventory import inventory, skipped

    store = ModelStore(settings.models)
    models = list(inventory(store))
    if as_json:
        click.echo(json.dumps([asdict(model) for model in models], indent=2, default=str))
    else:
        click.echo("\n".join(_described(models)))
    for sentence in skipped(store):
        click.echo(printable(sentence), err=True)


def _described(models: Sequence[ModelFacts]) -> list[str]:
    from sdq.views.table import table_lines

    rows = [("MODEL", "VARIANT", "KIND", "SIZE", "IMAGE", "WEIGHTS", "UNET", "BATCH", "SOURCE")]
    for model in models:
        size = f"{model.size_bytes / 1e6:,.1f} MB"
        start = (model.name, str(model.attention_implementation), model.kind, size)
        if model.problem:
            rows.append((*start, "unusable", "", "", "", ""))
            continue
        rows.append(
            (
                *start,
                f"{model.width}x{model.height}",
                str(model.precision),
                str(model.unet),
                str(model.unet_batch),
                model.source or "",
            )
        )
    lines = table_lines(rows, texts=len(rows[0]))
    lines += [
        f"{model.name} {model.attention_implementation} is unusable: {model.problem}"
        for model in models
        if model.problem
    ]
    return [printable(line) for line in lines]


@command.command("pull")
@click.argument("repository", metavar="OWNER/NAME")
@click.option(
    "--variant",
    metavar="NAMES",
    help="original, split_einsum or split_einsum_v2; separate several with commas [original, else the first found].",
)
@click.option(
    "--kind",
    type=click.Choice(["packages", "compiled"]),
    default="packages",
    show_default=True,
    help="Compiled models run on Macs only.",
)
@click.option("--revision", metavar="REV", help="Branch, tag or commit [main].")
@click.option(
    "--base",
    metavar="OWNER/NAME",
    help="Repository with tokenizer and scheduler [known for Apple's].",
)
@click.option("--name", metavar="NAME", help="Name for the model [the repository's].")
@click.option(
    "--all-parts",
    is_flag=True,
    help="Also download the VAE encoder and U-Net chunks, which drawing does not need.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@settings_options
def pull_command(
    settings: Settings,
    repository: str,
    variant: str | None,
    kind: str,
    revision: str | None,
    base: str | None,
    name: str | None,
    all_parts: bool,
    quiet: bool,
) -> None:
    """Download a model's packages from the Hugging Face Hub.

    Resumes an interrupted pull, checks every file's hash, and downloads only what drawing needs. For tokens, mirrors
    and offline mode, use huggingface_hub's own settings: `hf auth login`, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.
    """
    from sdq_core.models import hub
    from sdq_core.models.pull import Request, pull

    if name is not None and (not name or name.startswith(".") or "/" in name):
        raise InputError(f"--name {name!r} is not a valid folder name. Choose another one.")
    if quiet:
        hub.hide_progress()
    request = Request(
        repository=repository,
        variants=_variants(variant),
        kind=kind,
        revision=revision,
        base=base,
        name=name,
        all_parts=all_parts,
    )
    refuse_absent_drive(settings)
    say = (lambda _: None) if quiet else (lambda text: click.echo(text, err=True))
    for pulled in pull(request, settings.models, say):
        state = "pulled" if pulled.fresh else "already here, every file checked"
        click.echo(
            f"{pulled.name} {pulled.attention_implementation}: {state}, "
            f"{pulled.size_bytes / 1e6:,.1f} MB in {pulled.folder}"
        )


@command.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@settings_options
def verify_command(settings: Settings, names: tuple[str, ...]) -> None:
    """Check every file of pulled models against its hash from the Hub."""
    from sdq_core.models import ModelStore
    from sdq_core.models.record import differences, read_pull_record

    store = ModelStore(settings.models)
    broken = []
    for name in names or store.names():
        variants = store.attention_implementations(name)
        if not variants:
            raise InputMissingError(f"There is no model {name!r} here. `sdq models` lists them.")
        for attention in variants:
            folder = store.folder_of(name, attention)
            record = read_pull_record(folder) if folder else None
            if folder is None or record is None:
                store.find(name, attention)
                click.echo(
                    f"{name} {attention}: complete; not pulled, so there are no hashes to check"
                )
                continue
            problems = list(differences(folder, record))
            for problem in problems:
                click.echo(f"{name} {attention}: {problem}")
            if problems:
                broken.append(
                    f"sdq models pull {record.repository} --variant {attention} --name {name}"
                )
            else:
                click.echo(f"{name} {attention}: {len(record.files)} files as on the Hub")
    if broken:
        commands = " and ".join(f"`{command}`" for command in broken)
        raise StorageError(f"Some files are damaged. To repair them, run {commands}.")


@command.command("remove")
@click.argument("name")
@click.option("--variant", metavar="NAMES", help="Only these variants [all].")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@settings_options
def remove_command(settings: Settings, name: str, variant: str | None, yes: bool) -> int:
    """Delete a model from the models folder; of an added model, only the links. Images and their records stay."""
    from sdq_core.models.keep import own_folders, remove_folder

    folders = own_folders(settings.models, name, _variants(variant))
    for folder in folders:
        click.echo(f"remove {folder}", err=True)
    if not yes and not confirm("Delete?", option="--yes"):
        click.echo("Nothing was removed.")
        return EXIT_FAILURE
    for folder in folders:
        remove_folder(folder)
        click.echo(f"removed {folder}")
    return EXIT_OK


@command.command("add")
@click.argument("path", type=click.Path())
@click.option("--name", metavar="NAME", help="Name for the model [from the folder].")
@click.option(
    "--variant", metavar="NAME", help="Its attention implementation [read from the U-Net]."
)
@click.option(
    "--base",
    metavar="OWNER/NAME",
    help="Where to download tokenizer and scheduler, if they are not beside the packages.",
)
@click.option("--copy", is_flag=True, help="Copy the packages instead of linking to them.")
@settings_options
def add_command(
    settings: Settings,
    path: str,
    name: str | None,
    variant: str | None,
    base: str | None,
    copy: bool,
) -> None:
    """Add packages from this disk as a model, by linking to them."""
    from sdq_core.models.keep import add

    refuse_absent_drive(settings)
    variants = _variants(variant)
    for folder in add(
        whole_path(path),
        settings.models,
        name=name,
        attention=variants[0] if variants else None,
        base=base,
        copy=copy,
        say=lambda sentence: click.echo(printable(sentence), err=True),
    ):
        click.echo(f"added {folder}")


@command.command("convert")
@click.argument("model", metavar="OWNER/NAME|DIR")
@click.option(
    "--variant",
    metavar="NAME",
    default="original",
    show_default=True,
    help="Attention implementation of the U-Net.",
)
@click.option(
    "--bits",
    type=click.Choice(["2", "4", "6", "8"]),
    help="Palettize the weights to this many bits.",
)
@click.option("--name", metavar="NAME", help="Name for the model [from its own].")
@settings_options
def convert_command(
    settings: Settings, model: str, variant: str, bits: str | None, name: str | None
) -> None:
    """Convert a diffusers model with Apple's torch2coreml (needs python_coreml_stable_diffusion)."""
    from sdq_core.models.convert import convert

    refuse_absent_drive(settings)
    attention = _variants(variant)[0]
    for folder in convert(model, settings.models, attention=attention, bits=bits, name=name):
        click.echo(f"converted {folder}")


def _variants(text: str | None) -> tuple[AttentionImplementation, ...]:
    if text is None:
        return ()
    from producer.reading.words import parse_variants

    with value_of("--variant"):
        found = parse_variants(text)
    named = tuple(word for word in found if isinstance(word, AttentionImplementation))
    if named != found:
        raise InputError(
            f"--variant any does not name any files. Use one or more of {', '.join(AttentionImplementation)}."
        )
    return named
