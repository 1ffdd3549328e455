"""Settings: where everything is, and what to draw with by default. Read once by the command line and passed down.

Default < `sdq.toml` in the data folder < environment < option; `origins` says which of them won. There is one
`sdq.toml` and it lies in the data folder: one in the current folder would mean something else in a cron job than in a
terminal, and a folder that somebody sent could say where images go.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sdq_core.errors import ConfigurationError, InputError
from sdq_core.printable import printable, quote
from sdq_core.settings_file import TABLES, read_file
from sdq_core.values.image_files import DEFAULT_PATH_TEMPLATE, DEFAULT_QUALITY, ImageFormat
from sdq_core.values.part_units import Part
from sdq_core.values.receivers import Receivers
from sdq_core.values.recipes import (
    DEFAULT_GUIDANCE_SCALE,
    DEFAULT_NUM_INFERENCE_STEPS,
    DEFAULT_RNG,
    DEFAULT_SCHEDULER,
)
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.sizes import parse_memory
from sdq_core.values.variants import ComputeUnit

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
    "runtime": ("SDQ_RUNTIME",),
    "model": ("SDQ_MODEL",),
    "variant": ("SDQ_VARIANT",),
    "compute_unit": ("SDQ_COMPUTE_UNIT",),
    "steps": ("SDQ_STEPS",),
    "guidance_scale": ("SDQ_GUIDANCE_SCALE",),
    "scheduler": ("SDQ_SCHEDULER",),
    "rng": ("SDQ_RNG",),
    "negative_prompt": ("SDQ_NEGATIVE_PROMPT",),
    "path_template": ("SDQ_PATH_TEMPLATE",),
    "image_format": ("SDQ_IMAGE_FORMAT",),
    "quality": ("SDQ_QUALITY",),
    "max_memory": ("SDQ_MAX_MEMORY",),
}


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
    rng: str = str(DEFAULT_RNG)
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
    runtime: what draws on this machine.
    preferences: what to draw with by default.
    notify: who is told of batches that name nobody of that kind themselves; only `sdq.toml` says so.
    signing_secret: what webhooks are signed with, None to send them unsigned.
    report: the page to write for each batch that ends, `{batch}` for its name; None for none.
    inspects_while_drawing: workers measure each picture that they save.
    part_units: part -> the compute unit that was chosen for it.
    unet_on_cpu: the U-Net may go to the CPU if it fails elsewhere.
    max_memory: how much memory a worker's engines may take together, bytes; None for no limit.
    origins: setting -> where its value came from; those of tables are `table.name`, and only those that are set.
    """

    home: Path
    redis_url: str | None
    database_url: str
    outputs: Path
    origins: Mapping[str, str]
    runtime: RuntimeChoice = RuntimeChoice.AUTO
    preferences: Preferences = field(default_factory=Preferences)
    notify: Receivers = field(default_factory=Receivers)
    signing_secret: str | None = field(default=None, repr=False)
    report: str | None = None
    inspects_while_drawing: bool = True
    part_units: Mapping[Part, ComputeUnit] = field(default_factory=dict)
    unet_on_cpu: bool = False
    max_memory: int | None = None

    @property
    def models(self) -> Path:
        """Model folders by name."""
        return self.home / "models"

    @property
    def inputs(self) -> Path:
        """The pictures that recipes name by their sha256."""
        return self.home / "inputs"

    @property
    def cache(self) -> Path:
        """Translated and compiled models; safe to delete at any time."""
        return self.home / "cache"

    @property
    def portraits(self) -> Path:
        """What `sdq doctor --model` compares with."""
        return self.home / "portraits"

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
    home = whole_path(values["home"], "Set SDQ_HOME to the absolute path of a folder.")
    file = home / CONFIGURATION_FILE
    tables: dict[str, Any] = {}
    for setting, entry in read_file(file, VARIABLES.keys() - {"home"}).items():
        if setting in VARIABLES:
            take(str(file), setting, entry)
        else:
            tables[setting], origins[setting] = entry, str(file)
    take("default: embedded", "redis_url", EMBEDDED)
    take("default", "database_url", f"sqlite:///{home / 'sdq.db'}")
    take("default", "outputs", str(home / "outputs"))
    take("default", "runtime", RuntimeChoice.AUTO)
    for setting, default in asdict(Preferences()).items():
        origins.setdefault(setting, "default")
        values.setdefault(setting, str(default))
    origins.setdefault("max_memory", "default")
    return Settings(
        home=home,
        redis_url=None if values["redis_url"] == EMBEDDED else values["redis_url"],
        database_url=values["database_url"],
        outputs=whole_path(values["outputs"], "Set SDQ_OUTPUTS to the absolute path of a folder."),
        origins=origins,
        runtime=_runtime(values, origins),
        notify=Receivers(
            **{
                name: tables[f"notify.{name}"]
                for name in TABLES["notify"]
                if name != "webhook_secret" and f"notify.{name}" in tables
            }
        ),
        signing_secret=tables.get("notify.webhook_secret"),
        report=tables.get("report.html"),
        inspects_while_drawing=tables.get("inspect.while_drawing", True),
        part_units={
            Part(name): tables[f"units.{name}"]
            for name in TABLES["units"]
            if name != "fallback" and f"units.{name}" in tables
        },
        unet_on_cpu=tables.get("units.fallback", False),
        max_memory=_memory(values.get("max_memory"), origins["max_memory"]),
        preferences=Preferences(
            model=values["model"],
            variant=values["variant"],
            compute_unit=values["compute_unit"],
            steps=_number(int, "steps", values, origins),
            guidance_scale=_number(float, "guidance_scale", values, origins),
            scheduler=values["scheduler"],
            rng=values["rng"],
            negative_prompt=values["negative_prompt"],
            path_template=values["path_template"],
            image_format=values["image_format"],
            quality=_number(int, "quality", values, origins),
        ),
    )


def whole_path(given: str, next_step: str = "Name its absolute path.") -> Path:
    """Return an absolute path; raise ConfigurationError for a URL, or if nothing says where ~ or this folder is."""
    if "://" in given:  # not shown: it may hold a password
        raise ConfigurationError(f"A URL is not a folder. Mount what it names. {next_step}")
    # An empty HOME would make ~ the root of the disk.
    homeless = given.partition("/")[0] == "~" and os.environ.get("HOME") == ""
    try:
        if not homeless:
            return _utf8(Path(given).expanduser().absolute(), next_step)
    except RuntimeError:
        pass  # said below
    except FileNotFoundError:
        raise ConfigurationError(
            f"The current folder no longer exists, so {given!r} is nowhere. Change to another one. Or: {next_step}"
        ) from None
    user = given.partition("/")[0][1:]
    reason = f"There is no user {user!r}" if user else "This user has no home folder"
    raise ConfigurationError(f"{reason}, so {given!r} is nowhere. {next_step}")


def _utf8(path: Path, next_step: str) -> Path:
    """Return the path; raise ConfigurationError if it cannot be written in JSON, a ledger or a message."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"The path {printable(str(path))} is not UTF-8: rename its folder. Or: {next_step}"
        ) from None
    return path


def _runtime(values: Mapping[str, str], origins: Mapping[str, str]) -> RuntimeChoice:
    try:
        return RuntimeChoice(values["runtime"].strip().lower())
    except ValueError:
        raise ConfigurationError(
            f"{origins['runtime'].removeprefix('environment ')}: there is no runtime {quote(values['runtime'])}. "
            f"Set it to one of {', '.join(RuntimeChoice)}."
        ) from None


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


def _memory(text: str | None, origin: str) -> int | None:
    try:
        return None if text is None else parse_memory(text)
    except InputError as error:
        raise ConfigurationError(
            f"{origin.removeprefix('environment ')}: max_memory: {error}."
        ) from None
