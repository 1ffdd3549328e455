"""`sdq web`: the queue and its pictures in a browser."""

from __future__ import annotations

import importlib.util
import re
import threading
import webbrowser

import click

from sdq.cli.options import log_to_stderr, settings_options
from sdq_core.errors import ConfigurationError, UsageError
from sdq_core.privacy import Secrets
from sdq_core.settings import Settings

_NEEDED = ("starlette", "uvicorn", "jinja2", "python_multipart")


@click.command("web")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Listen on this port; 0 for any that is free.  [default: the first free one of 7370 to 7379]",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Listen on this address of the machine; 0.0.0.0 for all.",
)
@click.option(
    "--allow-host",
    "allowed",
    multiple=True,
    metavar="NAME",
    help="A name that browsers ask for, such as that of a reverse proxy; may be repeated.",
)
@click.option(
    "--prefix",
    default="",
    metavar="/PATH",
    help="The path under which a reverse proxy serves the pages.",
)
@click.option("--open", "opens", is_flag=True, help="Open a browser.")
@click.option("--read-only", is_flag=True, help="Show everything, but change nothing.")
@click.option("--new-token", is_flag=True, help="Make a new token; the old one stops working.")
@settings_options
def command(
    settings: Settings,
    port: int | None,
    host: str,
    allowed: tuple[str, ...],
    prefix: str,
    opens: bool,
    read_only: bool,
    new_token: bool,
) -> None:
    """Show the queue and its pictures in a browser, until Ctrl-C.

    Whoever has the printed address may see everything and, unless --read-only is given, pause, cancel and submit. Only
    this machine reaches it, unless --host names another address.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"The pages need {' and '.join(missing)}. Run `pip install 'sdq[web]'`."
        )
    from sdq.data_folder import make_data_folder
    from sdq.web.access import Access, hosts_of, is_loopback
    from sdq.web.app import create_app
    from sdq.web.server import address_of, listen, serve
    from sdq.web.token import opening_page, token_in

    prefix = prefix.rstrip("/")
    if not re.fullmatch(r"(/[\w.~-]+)*", prefix, re.ASCII):
        raise UsageError("--prefix is a path such as /sdq, of letters, digits and ._~-.")
    hosts = hosts_of(host, allowed)
    log_to_stderr(quiet=True)
    listening = listen(host, port)
    make_data_folder(settings)
    access = Access(
        token=token_in(settings.home, new=new_token),
        hosts=hosts,
        read_only=read_only,
        prefix=prefix,
    )
    address = address_of(listening, host, access)
    secrets = click.get_current_context().ensure_object(Secrets)

    def started() -> None:
        click.echo(address)
        if not is_loopback(host):
            click.echo(
                "Other machines reach it, and nothing is encrypted: do so in a network that you trust.",
                err=True,
            )
        click.echo("Stop it with Ctrl-C.", err=True)
        if opens:
            page = opening_page(settings.home, address).as_uri()
            # A browser in the terminal does not return before it is left.
            threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()

    serve(create_app(settings, access, hide=secrets.removed), listening, started)
