"""`sdq completion`: what a shell needs to complete sdq's command lines."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a shell's completion script: commands, options, files, and the names of batches and models.

    \b
    bash (4.4 or newer), in ~/.bashrc:   eval "$(sdq completion bash)"
    zsh, in ~/.zshrc after compinit:     eval "$(sdq completion zsh)"
    fish:  sdq completion fish > ~/.config/fish/completions/sdq.fish

    The bash of macOS is too old; its zsh is not.
    """
    from sdq.cli import cli

    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(complete(cli, {}, "sdq", "_SDQ_COMPLETE").source())
