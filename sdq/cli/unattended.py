"""A command line that is to run later, with neither this terminal nor this environment.

It is checked as if it ran now, as far as that changes nothing. Its paths become whole ones, and what its settings take
from options and variables becomes an environment of its own. Nothing secret is written down: that stays in `sdq.toml`.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from sdq.cli.limit_options import read_limits
from sdq.cli.memory_option import read_max_memory
from sdq.cli.options import existing_ledger, settings_from
from sdq.submitting.options import SubmitOptions
from sdq_core.errors import ConfigurationError, UsageError
from sdq_core.printable import quote
from sdq_core.privacy import has_secret, masked_url
from sdq_core.settings import CONFIGURATION_FILE, EMBEDDED, VARIABLES, Settings, whole_path

#: Options of `sdq worker` that end it.
ENDS = ("burst", "until", "max_images", "max_minutes")

#: What `settings_options` adds; these become variables.
_PLACES = ("home", "redis_url", "database_url", "outputs")
_URLS = ("redis_url", "database_url")
_PATHS = ("files", "wildcards", "log_file")

#: Where programs are, whoever asks.
_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
_MAC_PATH = ("/opt/homebrew/bin", *_PATH)
_SERVERS = ("valkey-server", "redis-server")


@dataclass(frozen=True, kw_only=True)
class Unattended:
    """A command line, checked. command: its name; options: as parsed, by parameter; words: with whole paths."""

    command: str
    options: Mapping[str, Any]
    words: tuple[str, ...]
    environment: Mapping[str, str]


def unattended(line: Sequence[str]) -> Unattended:
    """Check a command line, such as `submit prompts.txt`.

    Raise click's own errors for one that cannot be read, and sdq's for one that could not run.
    """
    context = _parsed(line)
    options = context.params
    command = context.command.name or ""
    settings = settings_from({place: options.get(place) for place in _PLACES})
    if "-" in options.get("files", ()):
        raise UsageError("Nobody writes to standard input then: name a file instead of -.")
    _check(command, options, settings)
    words = (*_names(context), *_written(context))
    if has_secret(*words):
        raise ConfigurationError(
            "The command holds a password, a token or a notice's address, which a service's file would show to "
            f"everybody here. Write it into {settings.home / CONFIGURATION_FILE} if it is a setting."
        )
    return Unattended(
        command=command, options=options, words=words, environment=_environment(settings)
    )


def program() -> str:
    """Return the whole path of this installation's `sdq`; raise ConfigurationError if there is none."""
    path = Path(sys.executable).absolute().with_name("sdq")
    if not os.access(path, os.X_OK):
        raise ConfigurationError(
            f"There is no program {path}, so nothing could start it. Install sdq with pip first."
        )
    return str(path)


def _parsed(line: Sequence[str]) -> click.Context:
    """Read a command line as far as the command's own options, without calling it."""
    context = click.get_current_context().find_root()
    command, rest = context.command, list(line)
    while isinstance(command, click.Group):
        if not rest:
            raise UsageError("Name the command that is to run, such as `submit prompts.txt`.")
        if rest[0].startswith("-"):
            raise UsageError(f"There is no option {quote(rest[0])}. Name the command first.")
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None  # or it has raised
        command = found
        context = (
            click.Context(command, info_name=name, parent=context)
            if isinstance(command, click.Group)
            else command.make_context(name, rest, parent=context)
        )
    return context


def _check(command: str, options: Mapping[str, Any], settings: Settings) -> None:
    """Raise what the command would raise before it changed anything."""
    if command in {"worker", "run"}:
        read_limits(**options)
        read_max_memory(options["max_memory"], settings)
    if command == "worker":
        from sdq.cli.worker import read_lanes, read_recycling

        read_lanes(options["lanes"])
        read_recycling(options["recycle_engine"])
    elif command in {"submit", "run"}:
        from sdq.submitting.planned import plan_request
        from sdq.submitting.request import read_request

        names = (field.name for field in fields(SubmitOptions))
        given = SubmitOptions(**{name: options[name] for name in names if name in options})
        request = read_request(given, settings)
        with existing_ledger(settings) as ledger:
            plan_request(settings, request, ledger)


def _names(context: click.Context) -> list[str]:
    """Return the words that name the command, such as models pull."""
    names: list[str] = []
    while context.parent is not None:
        names.insert(0, context.info_name or "")
        context = context.parent
    return names


def _written(context: click.Context) -> Iterator[str]:
    """Yield the options and arguments that were given, but for settings, spelled in full."""
    arguments: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        value = context.params.get(name)
        source = context.get_parameter_source(name)
        if name in _PLACES or value is None or source is not ParameterSource.COMMANDLINE:
            continue
        values = list(value) if isinstance(value, tuple) else [value]
        if isinstance(parameter, click.Argument):
            arguments += [_whole(name, str(one)) for one in values]
            continue
        for one in values:
            if isinstance(one, bool):
                yield max(parameter.opts if one else parameter.secondary_opts, key=len)
            else:
                yield max(parameter.opts, key=len)
                yield _whole(name, str(one))
    if any(argument.startswith("-") for argument in arguments):
        yield "--"
    yield from arguments


def _whole(name: str, value: str) -> str:
    if name in _PATHS or (name == "model" and "/" in value):
        return str(whole_path(value))
    return value


def _environment(settings: Settings) -> dict[str, str]:
    """Return what settings take from options and variables now, and what else decides how sdq works."""
    said = {"PATH": _search_path(settings), "SDQ_HOME": str(settings.home)}
    if "TZ" in os.environ:
        said["TZ"] = os.environ["TZ"]
    values = {
        "redis_url": settings.redis_url or EMBEDDED,
        "database_url": _whole_database(settings.database_url),
        "outputs": str(settings.outputs),
    }
    for setting, names in VARIABLES.items():
        origin = settings.origins[setting]
        if setting == "home" or not origin.startswith(("option ", "environment ")):
            continue
        value = values.get(setting) or os.environ[origin.removeprefix("environment ")]
        if has_secret(value) or (setting in _URLS and value not in {EMBEDDED, masked_url(value)}):
            raise ConfigurationError(
                f"{origin[0].upper()}{origin[1:]} may hold a password or token, which a service's file would show to "
                f"everybody here. Write it as {setting} into {settings.home / CONFIGURATION_FILE} instead."
            )
        said[names[0]] = value
    return said


def _search_path(settings: Settings) -> str:
    """Return where programs are looked for: not all of this terminal's folders, which differ from one to the next.

    The server of the queues comes first, because no other may be able to read its files; sdq comes last.
    """
    servers: Iterable[str | None] = ()
    if settings.redis_url is None:
        servers = map(shutil.which, _SERVERS)
    folders = [str(Path(server).absolute().parent) for server in servers if server]
    folders += _MAC_PATH if sys.platform == "darwin" else _PATH
    return os.pathsep.join(dict.fromkeys([*folders, str(Path(program()).parent)]))


def _whole_database(url: str) -> str:
    """Return a database's URL with the whole path of its file."""
    from db.connection import parsed_url

    parsed = parsed_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database[0] in "/:":
        return url
    whole = parsed.set(database=str(whole_path(parsed.database)))
    return whole.render_as_string(hide_password=False)
