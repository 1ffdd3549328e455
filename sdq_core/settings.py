"""Settings: where everything is, and what to draw with by default. Read once by the command line and passed down.

Default < `sdq.toml` in the data folder < environment < option; `origins` says which of them won. There is one
`sdq.toml` and it lies in the data folder: one in the current folder would mean something else in a cron job than in a
terminal, and a folder that somebody sent could say where images go.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from sdq_core.errors import ConfigurationError
from sdq_core.values.image_files import DEFAULT_PATH_TEMPLATE, DEFAULT_QUALITY, ImageFormat
from sdq_core.values.recipes import (
    DEFAULT_GUIDANCE_SCALE,
    DEFAULT_NUM_INFERENCE_STEPS,
    DEFAULT_SCHEDULER,
)

Number = TypeVar("Number", int, float)

CONFIGURATION_FILE = "sdq.toml"

#: In place of a Redis URL: the data folder's own Redis.
EMBEDDED = "embedded"

#: Setting -> its environment variables; the first one that is set wins.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "home": ("SDQ_HOME",),
    "redis_url": ("SDQ_REDIS_URL", "RQ_REDIS_URL", "REDIS_URL"),
    "database_url": ("SDQ_DATABASE_URL", "DATABASE_URL"),
    "outputs": ("SDQ_OUTPUTS",),
    "model": ("SDQ_MODEL",),
    "variant": ("SDQ_VARIANT",),
    "compute_unit": ("SDQ_COMPUTE_UNIT",),
    "steps": ("SDQ_STEPS",),
    "guidance_scale": ("SDQ_GUIDANCE_SCALE",),
    "scheduler": ("SDQ_SCHEDULER",),
    "negative_prompt": ("SDQ_NEGATIVE_PROMPT",),
    "path_template": ("SDQ_PATH_TEMPLATE",),
    "image_format": ("SDQ_IMAGE_FORMAT",),
    "quality": ("SDQ_QUALITY",),
}

#: What is no string in `sdq.toml`.
_WHOLE = ("steps", "quality")
_NUMBERS = ("guidance_scale",)

#: Longer names of the same options, which are taken for slips of the shorter ones.
_OTHER_NAMES = {"num_inference_steps": "steps", "cfg_scale": "guidance_scale"}


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """What to draw with where neither a prompt line nor a command says. `producer.planning.preferences` checks it.

    variant, compute_unit: `auto` leaves it to what was measured.
    path_template, image_format, quality: of a new batch's files.
    """

    model: str = "demo"
    variant: str = "auto"
    compute_unit: str = "auto"
    steps: int = DEFAULT_NUM_INFERENCE_STEPS
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    scheduler: str = str(DEFAULT_SCHEDULER)
    negative_prompt: str = ""
    path_template: str = DEFAULT_PATH_TEMPLATE
    image_format: str = str(ImageFormat.PNG)
    quality: int = DEFAULT_QUALITY


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where this installation keeps its files and finds its services.

    home: the data folder.
    redis_url: None for the embedded Redis of the data folder.
    database_url: the ledger, as SQLAlchemy writes it.
    outputs: the folder for images.
    preferences: what to draw with by default.
    origins: setting -> where its value came from.
    """

    home: Path
    redis_url: str | None
    database_url: str
    outputs: Path
    origins: Mapping[str, str]
    preferences: Preferences = field(default_factory=Preferences)

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
    for setting, default in asdict(Preferences()).items():
        origins.setdefault(setting, "default")
        values.setdefault(setting, str(default))
    return Settings(
        home=home,
        redis_url=None if values["redis_url"] == EMBEDDED else values["redis_url"],
        database_url=values["database_url"],
        outputs=whole_path(values["outputs"], "Set SDQ_OUTPUTS to a folder, by its whole path."),
        origins=origins,
        preferences=Preferences(
            model=values["model"],
            variant=values["variant"],
            compute_unit=values["compute_unit"],
            steps=_number(int, "steps", values, origins),
            guidance_scale=_number(float, "guidance_scale", values, origins),
            scheduler=values["scheduler"],
            negative_prompt=values["negative_prompt"],
            path_template=values["path_template"],
            image_format=values["image_format"],
            quality=_number(int, "quality", values, origins),
        ),
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
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"Cannot read {path} ({error}). Fix or remove it.") from None
    return {key: _entry(path, key, value) for key, value in table.items()}


def _entry(path: Path, key: str, value: object) -> str:
    """Return a setting's value as the environment would spell it; raise ConfigurationError for one that cannot be."""
    known = VARIABLES.keys() - {"home"}
    if key not in known:
        raise ConfigurationError(f"{path} has an unknown setting{_described(key, sorted(known))}")
    if key in _WHOLE:
        fits, kind = isinstance(value, int), "a whole number, without quotes"
    elif key in _NUMBERS:
        fits, kind = isinstance(value, int | float), "a number, without quotes"
    else:
        fits, kind = isinstance(value, str), "a string, in quotes"
    if not fits or isinstance(value, bool):
        raise ConfigurationError(f"{path} must set {key!r} to {kind}.")
    if key == "outputs" and not str(value).startswith(("/", "~")):
        raise ConfigurationError(
            f"{path} must set 'outputs' to a whole path: {value!r} would depend on the current folder."
        )
    return str(value)


def _described(key: str, known: list[str]) -> str:
    """Return how a sentence about an unknown setting goes on: its name and the one that was meant, or all names."""
    if not key.replace("-", "_").isidentifier():
        return f". It can set {', '.join(known)}."  # a URL in the wrong place is not repeated
    near = [_OTHER_NAMES[key]] if key in _OTHER_NAMES else difflib.get_close_matches(key, known, 1)
    if near:
        return f" {key!r}; did you mean {near[0]}?"
    return f" {key!r}. It can set {', '.join(known)}."


def _number(
    kind: type[Number], setting: str, values: Mapping[str, str], origins: Mapping[str, str]
) -> Number:
    try:
        return kind(values[setting])
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ConfigurationError(
            f"{origins[setting].removeprefix('environment ')} is {values[setting]!r}, not {what}. Correct or unset it."
        ) from None
