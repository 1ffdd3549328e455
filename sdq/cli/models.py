"""`sdq models`: list, download, check and remove models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from sdq.cli.candidates import kept_names, model_names, words
from sdq.cli.model_options import variants_of
from sdq.cli.models_pull import pull_command
from sdq.cli.options import settings_options
from sdq.cli.outcome import Outcome, outcome_options
from sdq.cli.question import confirm
from sdq.data_folder import refuse_absent_drive
from sdq_core.errors import EXIT_FAILURE, EXIT_OK, InputMissingError, StorageError
from sdq_core.printable import printable
from sdq_core.settings import Settings, whole_path
from sdq_core.values.scheduler_settings import (
    PREDICTION_TYPES,
    SPACINGS,
    TIMESTEPS,
    options_of,
)
from sdq_core.values.variants import Scheduler


class _ListByDefault(click.Group):
    """`sdq models --json` is `sdq models list --json`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # a shell asks which commands there are
            return super().parse_args(ctx, args)
        if not args or (args[0].startswith("-") and args[0] not in {"-h", "--help"}):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("models", cls=_ListByDefault)
def command() -> None:
    """List, download, check and remove models. Without a command, list them."""


command.add_command(pull_command)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print names only.")
@settings_options
def list_command(settings: Settings, as_json: bool, quiet: bool) -> None:
    """List the available models, as their own files describe them."""
    from sdq.views.models import model_lines
    from sdq_core.models import ModelStore
    from sdq_core.models.inventory import inventory, skipped

    store = ModelStore(settings.models)
    if quiet and not as_json:
        for name in filter(store.attention_implementations, store.names()):
            click.echo(printable(name))
        return
    models = list(inventory(store))
    if as_json:
        click.echo(json.dumps([asdict(model) for model in models], indent=2, default=str))
    else:
        click.echo("\n".join(model_lines(models)))
    for sentence in skipped(store):
        click.echo(printable(sentence), err=True)


@command.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=kept_names)
@outcome_options
@settings_options
def verify_command(settings: Settings, names: tuple[str, ...], outcome: Outcome) -> None:
    """Check every file of pulled models against its hash from the Hub."""
    from sdq_core.models import ModelStore
    from sdq_core.models.controlnet import ControlNets
    from sdq_core.models.record import differences, read_pull_record
    from sdq_core.models.scoring import find_scoring_model, scoring_folder

    store = ModelStore(settings.models)
    broken: list[str] = []
    checked: list[dict[str, object]] = []
    nets = ControlNets(settings.models)
    for name in names or [*store.names(), *nets.names()]:
        variants = store.attention_implementations(name)
        if not variants and scoring_folder(settings.models, name) is not None:
            find_scoring_model(settings.models, name)
            outcome.say(f"{name}: complete; not pulled, so there are no hashes to check")
            checked.append({"name": name, "variant": None, "files": None, "problems": []})
            continue
        if not variants and (net := nets.entry(name)):
            nets.find(name)
            checked.append(_verified_net(net, name, broken, outcome))
            continue
        if not variants:
            raise InputMissingError(f"There is no model {name!r} here. `sdq models` lists them.")
        for attention in variants:
            folder = store.folder_of(name, attention)
            record = read_pull_record(folder) if folder else None
            if folder is None or record is None:
                store.find(name, attention)
                outcome.say(
                    f"{name} {attention}: complete; not pulled, so there are no hashes to check"
                )
                checked.append({"name": name, "variant": attention, "files": None, "problems": []})
                continue
            problems = list(differences(folder, record))
            for problem in problems:
                outcome.say(f"{name} {attention}: {problem}")
            files = len(record.files)
            checked.append(
                {"name": name, "variant": attention, "files": files, "problems": problems}
            )
            if problems:
                broken.append(
                    f"sdq models pull {record.repository} --variant {attention} --name {name}"
                    + (f" --size {record.size}" if record.size else "")
                    + (f" --unet {record.unet}" if record.unet else "")
                )
            else:
                outcome.say(f"{name} {attention}: {files} files as on the Hub")
    outcome.tell(well=not broken, checked=checked)
    if broken:
        commands = " and ".join(f"`{command}`" for command in broken)
        raise StorageError(f"Some files are damaged. To repair them, run {commands}.")


@command.command("remove")
@click.argument("name", shell_complete=kept_names)
@click.option("--variant", metavar="NAMES", help="Only these variants [all].")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@outcome_options
@settings_options
def remove_command(
    settings: Settings, name: str, variant: str | None, yes: bool, outcome: Outcome
) -> int:
    """Delete a model from the models folder; of an added model, only the links. Images and their records stay."""
    from sdq_core.models.keep import own_folders, remove_folder
    from sdq_core.models.usual_file import set_usual
    from sdq_core.values.names import one_spelling

    folders = own_folders(settings.models, name, variants_of(variant))
    for folder in () if outcome.quiet and yes else folders:
        click.echo(f"remove {folder}", err=True)
    if not yes and not confirm("Delete?", option="--yes"):
        outcome.say("Nothing was removed.")
        return EXIT_FAILURE
    for folder in folders:
        remove_folder(folder)
    if not variant:
        set_usual(settings.models, one_spelling(name), None)
    _tell(outcome, "removed", folders)
    return EXIT_OK


@command.command("set")
@click.argument("name", shell_complete=model_names)
@click.option("--num-inference-steps", "--steps", type=int, metavar="N", help="Denoising steps.")
@click.option("--guidance-scale", "--cfg-scale", type=float, metavar="X", help="0 for no guidance.")
@click.option(
    "--scheduler",
    metavar="NAME",
    shell_complete=words(*Scheduler),
    help="As for `sdq submit` [with few steps, that of the model's scheduler file].",
)
@click.option(
    "--prediction-type",
    type=click.Choice(PREDICTION_TYPES),
    help="What the U-Net predicts [of the model's scheduler file].",
)
@click.option(
    "--timestep-spacing",
    type=click.Choice(SPACINGS),
    help="How the steps are spread [of the model's scheduler file].",
)
@click.option(
    "--timesteps",
    metavar="T[,T...]",
    help="The timesteps that the model was distilled for, as 800: for LCM or TCD.",
)
@click.option("--reset", is_flag=True, help="Forget what was set before.")
@outcome_options
@settings_options
def set_command(
    settings: Settings,
    name: str,
    num_inference_steps: int | None,
    guidance_scale: float | None,
    scheduler: str | None,
    prediction_type: str | None,
    timestep_spacing: str | None,
    timesteps: str | None,
    reset: bool,
    outcome: Outcome,
) -> None:
    """Set how a model is drawn where neither a prompt nor the command says, for models that need few steps.

    What you leave out stays as it was. Images that are already submitted do not change. --prediction-type,
    --timestep-spacing and --timesteps stand in place of what the model's scheduler file says, so they make another
    revision of it: submit again what is not drawn yet.
    """
    from sdq.submitting.usual import set_usually

    refuse_absent_drive(settings)
    folder = set_usually(
        settings,
        name,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
        scheduler=scheduler,
        scheduler_settings={
            "prediction_type": prediction_type,
            "timestep_spacing": timestep_spacing,
            TIMESTEPS: timesteps,
        },
        reset=reset,
    )
    usual = folder.usual
    if usual:
        outcome.say(f"{name} is drawn with {usual.describe()}, {usual.why()}.{usual.remedy(name)}")
    else:
        outcome.say(f"{name} is drawn as any other model.")
    if folder.scheduler_settings:
        outcome.say(
            f"In place of its scheduler file, {options_of(folder.scheduler_settings)} holds for it."
        )
    outcome.tell(
        name=name,
        usual=usual.to_dict() if usual else None,
        scheduler_settings=folder.scheduler_settings,
    )


@command.command("add")
@click.argument("path", type=click.Path())
@click.option("--name", metavar="NAME", help="Name for the model [from the folder or zip].")
@click.option(
    "--variant", metavar="NAME", help="Its attention implementation [read from the U-Net]."
)
@click.option(
    "--base",
    metavar="OWNER/NAME",
    help="Where to download tokenizer and scheduler, if they are not beside the packages [built in].",
)
@click.option("--copy", is_flag=True, help="Copy the packages instead of linking to them.")
@outcome_options
@settings_options
def add_command(
    settings: Settings,
    path: str,
    name: str | None,
    variant: str | None,
    base: str | None,
    copy: bool,
    outcome: Outcome,
) -> None:
    """Add packages or compiled models from this disk, by linking to them, or what is in a zip, unpacked.

    Two packages whose names end in _image and _text (or _image_encoder and _text_encoder) are a CLIP model, which
    `sdq inspect --clip` scores images with.
    """
    from sdq_core.models.keep import add

    refuse_absent_drive(settings)
    variants = variants_of(variant)
    folders = add(
        whole_path(path),
        settings.models,
        name=name,
        attention=variants[0] if variants else None,
        base=base,
        copy=copy,
        say=lambda sentence: click.echo(printable(sentence), err=True),
    )
    _tell(outcome, "added", folders)


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
@outcome_options
@settings_options
def convert_command(
    settings: Settings,
    model: str,
    variant: str,
    bits: str | None,
    name: str | None,
    outcome: Outcome,
) -> None:
    """Convert a diffusers model with Apple's torch2coreml (needs python_coreml_stable_diffusion)."""
    from sdq_core.models.convert import convert

    refuse_absent_drive(settings)
    attention = variants_of(variant)[0]
    folders = convert(model, settings.models, attention=attention, bits=bits, name=name)
    _tell(outcome, "converted", folders)


def _verified_net(net: Path, name: str, broken: list[str], outcome: Outcome) -> dict[str, object]:
    """Check a ControlNet's files; add the command that repairs them, and return what is told of it."""
    from sdq_core.models.controlnet import name_of
    from sdq_core.models.record import differences, read_pull_record

    record = read_pull_record(net)
    problems = list(differences(net, record)) if record else []
    for problem in problems:
        outcome.say(f"{name}: {problem}")
    if record is None:
        outcome.say(f"{name}: complete; not pulled, so there are no hashes to check")
    elif problems:
        pulled = name_of(Path(record.archives[0]).with_suffix("")) if record.archives else name
        broken.append(f"sdq models pull {record.repository} --controlnet {pulled}")
    else:
        outcome.say(f"{name}: {len(record.files)} files as on the Hub")
    files = len(record.files) if record else None
    return {"name": name, "variant": None, "files": files, "problems": problems}


def _tell(outcome: Outcome, done: str, folders: Sequence[Path]) -> None:
    for folder in folders:
        outcome.say(f"{done} {folder}")
    outcome.tell(**{done: [str(folder) for folder in folders]})
