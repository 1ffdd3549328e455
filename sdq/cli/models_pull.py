"""`sdq models pull`: download a model."""

from __future__ import annotations

import re
from dataclasses import asdict

import click

from sdq.cli.model_options import variants_of
from sdq.cli.options import settings_options
from sdq.cli.outcome import Outcome
from sdq.data_folder import refuse_absent_drive
from sdq_core.errors import InputError
from sdq_core.printable import printable
from sdq_core.settings import Settings


@click.command("pull")
@click.argument("repository", metavar="OWNER/NAME")
@click.option(
    "--variant",
    metavar="NAMES",
    help="original, split_einsum or split_einsum_v2; separate several with commas [original, else the first found].",
)
@click.option(
    "--kind",
    type=click.Choice(["packages", "compiled"]),
    help="Pull these only [packages, else compiled models].",
)
@click.option("--revision", metavar="REV", help="Branch, tag or commit [main].")
@click.option(
    "--base",
    metavar="OWNER/NAME",
    help="Repository with tokenizer and scheduler [known for Apple's, else built in].",
)
@click.option(
    "--size",
    metavar="WxH",
    help="Image size, if the repository has several [what has none in its name].",
)
@click.option(
    "--name",
    metavar="NAME",
    help="Name for the model [the repository's, with its size and --unet].",
)
@click.option(
    "--all-parts",
    is_flag=True,
    help="Also download U-Net chunks and ControlNet U-Nets, which drawing does not need.",
)
@click.option(
    "--unet",
    metavar="WORDS",
    help="Use the separate U-Net in the folder of this name, such as a mixed-bit recipe (4_50).",
)
@click.option(
    "--controlnet",
    "controlnets",
    metavar="NAMES",
    help="Download these ControlNets instead of a model; separate several with commas.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@settings_options
def pull_command(
    settings: Settings,
    repository: str,
    variant: str | None,
    kind: str | None,
    revision: str | None,
    base: str | None,
    size: str | None,
    name: str | None,
    all_parts: bool,
    unet: str | None,
    controlnets: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Download a model's packages, compiled models, or zips of them, from the Hugging Face Hub.

    Resumes an interrupted pull, checks every file's hash, and downloads only what drawing needs. For tokens, mirrors
    and offline mode, use huggingface_hub's own settings: `hf auth login`, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.
    """
    from sdq_core.models import hub
    from sdq_core.models.pull import Request, pull
    from sdq_core.models.pull_controlnets import pull_controlnets

    if name is not None and (not name or name.startswith(".") or "/" in name):
        raise InputError(f"--name {name!r} is not a valid folder name. Choose another one.")
    if size is not None and not re.fullmatch(r"[1-9]\d{1,4}x[1-9]\d{1,4}", size):
        raise InputError(f"--size {size!r} is not a size. Write width and height as 512x768.")
    if quiet:
        hub.hide_progress()
    request = Request(
        repository=repository,
        variants=variants_of(variant),
        kind=kind,
        revision=revision,
        base=base,
        size=size,
        name=name,
        all_parts=all_parts,
        unet=unet,
        controlnets=tuple(filter(None, map(str.strip, (controlnets or "").split(",")))),
    )
    refuse_absent_drive(settings)
    say = (lambda _: None) if quiet else (lambda text: click.echo(printable(text), err=True))
    outcome = Outcome(as_json=as_json, quiet=False)
    if request.controlnets:
        nets = pull_controlnets(request, settings.models, say)
        for net in nets:
            outcome.say(
                f"{net.name}: {'pulled' if net.fresh else 'already here, every file checked'}, "
                f"{net.size_bytes / 1e6:,.1f} MB in {net.folder}"
            )
        outcome.tell(pulled=[asdict(net) for net in nets])
        return
    found = pull(request, settings.models, say)
    for pulled in found:
        state = "pulled" if pulled.fresh else "already here, every file checked"
        outcome.say(
            f"{pulled.name} {pulled.attention_implementation}: {state}, "
            f"{pulled.size_bytes / 1e6:,.1f} MB in {pulled.folder}"
        )
    outcome.tell(pulled=[asdict(pulled) for pulled in found])
