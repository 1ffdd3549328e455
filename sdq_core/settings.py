"""Settings: where everything is. Read once by the command line and passed down.

Default < `sdq.toml` in the data folder < environment < option; `origins` says which of them won.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdq_core.errors import ConfigurationError

CONFIGURATION_FILE = "sdq.toml"

#: In place of a Redis URL: the data folder's own Redis.
EMBEDDED = "embedded"

#: Setting -> its environment variables; the first one that is set wins.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "home": ("SDQ_HOME",),
    "redis_url": ("SDQ_REDIS_URL", "RQ_REDIS_URL", "REDIS_URL"),
    "database_url": ("SDQ_DATABASE_URL", "DATABASE_URL"),
    "outputs": ("SDQ_OUTPUTS",),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where this installation keeps its files and finds its services.

    home: the data folder.
    redis_url: None for the embedded Redis of the data folder.
    database_url: the ledger, as SQLAlchemy writes it.
    outputs: the folder for images.
    origins: setting -> where its value came from.
    """

    home: Path
    redis_url: str | None
    database_url: str
    outputs: Path
    origins: Mapping[str, str]

    @property
    def models(self) -> Path:
        """Model folders by name."""
        return self.home / "models"

    @property
    def cache(self) -> Path:
        """Translated and compiled models; safe to delete at any time."""
        return self.home / "cache"

    @property
    def redis_folder(self) -> Path:
        """The embedded Redis's data, log and socket."""
        return self.home / "redis"


def read_settings(
    environment: Mapping[str, str] = os.environ, options: Mapping[str, str | None] | None = None
) -> Settings:
    """Combine options, environment, `sdq.toml` and defaults; raise ConfigurationError for an unusable `sdq.toml`."""
    values: dict[str, str] = {}
    origins: dict[str, str] = {}

    def take(origin: str, setting: str, value: str | None) -> None:
        if value and setting not in values:
            values[setting] = value
            origins[setting] = origin

    for setting, option in (options or {}).items():
        take(f"option --{setting.replace('_', '-')}", setting, option)
    for setting, names in VARIABLES.items():
        for name in names:
            take(f"environment {name}", setting, environment.get(name))
    take("default", "home", "~/.sdq")
    home = whole_path(values["home"], "Set SDQ_HOME to a folder, by its whole path.")
    file = home / CONFIGURATION_FILE
    for setting, entry in _read_file(file).items():
        take(str(file), setting, entry)
    take("default: embedded", "redis_url", EMBEDDED)
    take("default", "database_url", f"sqlite:///{home / 'sdq.db'}")
    take("default", "outputs", str(home / "outputs"))
    return Settings(
        home=home,
        redis_url=None if values["redis_url"] == EMBEDDED else values["redis_url"],
        database_url=values["database_url"],
        outputs=whole_path(values["outputs"], "Set SDQ_OUTPUTS to a folder, by its whole path."),
        origins=origins,
    )


def whole_path(given: str, next_step: str = "Name it by its whole path.") -> Path:
    """Return an absolute path; raise ConfigurationError for a URL, or if nothing says where ~ or this folder is."""
    if "://" in given:  # not shown: it may hold a password
        raise ConfigurationError(f"A URL is no folder. Mount what it names. {next_step}")
    # An empty HOME would make ~ the root of the disk.
    homeless = given.partition("/")[0] == "~" and os.environ.get("HOME") == ""
    try:
        if not homeless:
            return Path(given).expanduser().absolute()
    except RuntimeError:
        pass  # said below
    except FileNotFoundError:
        raise ConfigurationError(
            f"The current folder no longer exists, so {given!r} is nowhere. Change to another one. Or: {next_step}"
        ) from None
    user = given.partition("/")[0][1:]
    reason = f"There is no user {user!r}" if user else "This user has no home folder"
    raise ConfigurationError(f"{reason}, so {given!r} is nowhere. {next_step}")


def _read_file(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Cannot read {path} ({error}). Fix or remove it.") from None
    entries: dict[str, str] = {}
    known = VARIABLES.keys() - {"home"}
    for key, value in table.items():
        if key not in known:
            named = f" {key!r}" if key.isidentifier() else ""  # and not a URL in the wrong place
            raise ConfigurationError(
                f"{path} has an unknown setting{named}. It can set {', '.join(sorted(known))}."
            )
        if not isinstance(value, str):
            raise ConfigurationError(f"{path} must set {key!r} to a string, in quotes.")
        entries[key] = value
    return entries
