"""What a shell offers at TAB besides options and files: names of batches and models, and fixed words.

It takes a fraction of a second, changes nothing and says nothing: no import of SQLAlchemy, a ledger is opened for
reading only, a PostgreSQL that does not answer holds up the shell for two seconds, and trouble means no candidates.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import click
from click.shell_completion import CompletionItem

from sdq_core.errors import SdqError
from sdq_core.settings import Settings, read_settings
from sdq_core.values.names import spellings

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]

#: The newest ones.
_BATCHES = 1000
_NEWEST_FIRST = f"SELECT name FROM batches ORDER BY id DESC LIMIT {_BATCHES}"
_LONGEST_WAIT_S = 0.1
#: The shortest that libpq accepts.
_LONGEST_CONNECT_S = 2
#: Names that every shell takes as they are. Others would have to be quoted, differently in each, and click's script for
#: fish cuts at a comma.
_PLAIN = re.compile(r"[\w.+@%/][\w.+@%/-]*")


def batch_names(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Offer the names of batches, the newest first."""
    names: list[str] = []
    with contextlib.suppress(SdqError, OSError):
        names = _batches_in(_settings(ctx).database_url)
    return _beginning(names, incomplete)


def model_names(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Offer the names of models, and folders for what looks like a path."""
    return _models(ctx, incomplete, scoring=False)


def kept_names(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Offer the names of everything that `sdq models` lists, once each."""
    names: dict[str, None] = {}
    with contextlib.suppress(SdqError, OSError):
        from sdq_core.models.controlnet import ControlNets
        from sdq_core.models.store import ModelStore

        models = _settings(ctx).models
        store = ModelStore(models)
        names = dict.fromkeys(
            [*store.names(), *store.scoring_names(), *ControlNets(models).names()]
        )
    return _beginning(list(names), incomplete)


def scoring_model_names(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Offer the names of models that score pictures, and folders for what looks like a path."""
    return _models(ctx, incomplete, scoring=True)


def files(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Leave it to the shell."""
    return [CompletionItem(incomplete, type="file")]


def _models(ctx: click.Context, incomplete: str, *, scoring: bool) -> list[CompletionItem[str]]:
    if incomplete.startswith(("/", "~", ".")):
        return [CompletionItem(incomplete, type="dir")]
    names: list[str] = []
    with contextlib.suppress(SdqError, OSError):
        from sdq_core.models.store import ModelStore

        store = ModelStore(_settings(ctx).models)
        names = store.scoring_names() if scoring else store.names()
    return _beginning(names, incomplete)


def batches_or_files(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Offer batches, and leave what begins no batch's name to the shell."""
    return batch_names(ctx, parameter, incomplete) or files(ctx, parameter, incomplete)


def words(*known: str) -> Complete:
    """Offer fixed words, in whichever case they are begun; several may be separated by commas."""

    def complete(
        _ctx: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        before, comma, last = incomplete.rpartition(",")
        return [
            CompletionItem(f"{before}{comma}{word}")
            for word in known
            if word.lower().startswith(last.lower())
        ]

    return complete


def column_names(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Offer the columns of an image; several may be separated by commas, and each may have a minus sign before it."""
    from db.columns import COLUMNS

    before, comma, last = incomplete.rpartition(",")
    sign = "-" if last.startswith("-") else ""
    return [
        CompletionItem(f"{before}{comma}{sign}{name}", help=column.about)
        for name, column in COLUMNS.items()
        if name.startswith(last.removeprefix("-").lower())
    ]


def _settings(ctx: click.Context) -> Settings:
    """Read the settings, with the options that are typed already."""
    given = {name: ctx.params.get(name) for name in ("home", "database_url")}
    return read_settings(options=given)


def _batches_in(url: str) -> list[str]:
    """Return the names of a ledger's newest batches; none if it cannot be asked."""
    scheme, _, rest = url.partition("://")
    if scheme.startswith("sqlite"):
        return _batches_in_file(Path(rest.removeprefix("/").partition("?")[0]))
    if scheme.startswith("postgres"):
        return _batches_on_server(f"postgresql://{rest}")
    return []


def _batches_in_file(file: Path) -> list[str]:
    if not file.is_file():
        return []
    address = f"file:{quote(str(file))}?mode=ro"
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=_LONGEST_WAIT_S)
        ) as connection,
    ):
        return [name for (name,) in connection.execute(_NEWEST_FIRST)]
    return []


def _batches_on_server(url: str) -> list[str]:
    try:
        import psycopg
    except ImportError:
        return []
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(url, connect_timeout=_LONGEST_CONNECT_S, autocommit=True) as connection,
    ):
        connection.read_only = True
        connection.execute(f"SET statement_timeout = {_LONGEST_WAIT_S * 1000:.0f}".encode())
        return [name for (name,) in connection.execute(_NEWEST_FIRST.encode())]
    return []


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem[str]]:
    forms = spellings(incomplete)
    return [
        CompletionItem(name) for name in names if name.startswith(forms) and _PLAIN.fullmatch(name)
    ]
