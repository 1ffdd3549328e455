"""Reads `sdq.toml`: which settings it may have, and of what kind each is."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from sdq_core.errors import ConfigurationError, InputError
from sdq_core.toml_faults import toml_fault
from sdq_core.values.receivers import (
    check_address,
    check_apprise,
    check_command,
    check_signing_secret,
)
from sdq_core.values.variants import ComputeUnit

#: What is no string in `sdq.toml`.
_WHOLE = ("steps", "quality")
_NUMBERS = ("guidance_scale",)

#: Longer names of the same options, which are taken for slips of the shorter ones.
_OTHER_NAMES = {"num_inference_steps": "steps", "cfg_scale": "guidance_scale"}

#: In a file's name: the batch's folder, which every file system can have.
BATCH_TOKEN = "{batch}"
_TOKEN = re.compile(r"\{[^{}]*\}")


def read_file(path: Path, known: Collection[str]) -> dict[str, Any]:
    """Return the settings of a file, those of its tables as `table.name`; none if it is not there.

    Values are as the environment would spell them, except those of tables, which are as they are.

    known: the settings that may stand outside of tables. Raises ConfigurationError for anything else.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        table = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except tomllib.TOMLDecodeError as error:
        fault, line = toml_fault(error, text)
        raise ConfigurationError(
            f"{path} is not TOML in line {line}: {fault}. Correct that, or remove the file."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8. Save it as UTF-8, or remove it.") from None
    except OSError as error:
        raise ConfigurationError(
            f"Cannot read {path} ({error.strerror}). Fix or remove it."
        ) from None
    except (ValueError, RecursionError):
        raise ConfigurationError(
            f"{path} cannot be read: a number or a list is too large. Fix or remove it."
        ) from None
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key in TABLES:
            found |= _table(path, key, value)
        else:
            found[key] = _entry(path, key, value, known)
    return found


def _entry(path: Path, key: str, value: object, known: Collection[str]) -> str:
    """Return a setting's value as the environment would spell it; raise ConfigurationError for one that cannot be."""
    if key not in known:
        tables = [f"[{table}]" for table in TABLES]
        raise ConfigurationError(
            f"{path} has an unknown setting{_described(key, [*sorted(known), *tables])}"
        )
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
            f"{path} must set 'outputs' to an absolute path: {value!r} would depend on the current folder."
        )
    return str(value)


def _table(path: Path, table: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path} must have [{table}] as a table, with settings below it.")
    checks = TABLES[table]
    found = {}
    for key, entry in value.items():
        name = f"{table}.{key}"
        if key not in checks:
            unknown = _described(key, list(checks), f"{table}.")
            raise ConfigurationError(f"{path} has an unknown setting{unknown}")
        try:
            found[name] = checks[key](entry)
        except InputError as error:
            raise ConfigurationError(f"{path}: {name}: {error}.") from None
    return found


def _text(check: Callable[[str], Any] = str) -> Callable[[object], str]:
    def checked(value: object) -> str:
        if not isinstance(value, str):
            raise InputError("set it to a string, in quotes")
        check(value)
        return value

    return checked


def _texts(check: Callable[[str], Any]) -> Callable[[object], tuple[str, ...]]:
    def checked(value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            value = [value]
        return tuple(_text(check)(one) for one in value)

    return checked


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise InputError("set it to true or false, without quotes")
    return value


def _unit(value: object) -> ComputeUnit:
    try:
        return ComputeUnit(str(value).upper())
    except ValueError:
        raise InputError(
            f"set it to one of {', '.join(map(repr, map(str, ComputeUnit)))}"
        ) from None


def _fallback(value: object) -> bool:
    if value not in {"cpu", "none"}:
        raise InputError("set it to 'cpu' or 'none'")
    return value == "cpu"


def _check_page(page: str) -> None:
    if not page.strip() or page.endswith("/") or "\0" in page:
        raise InputError(f"name a file, such as 'reports/{BATCH_TOKEN}.html'")
    for token in _TOKEN.findall(page):
        if token != BATCH_TOKEN:
            raise InputError(f"there is no {token!r}, only {BATCH_TOKEN}")


#: Table -> its settings, each with what returns its value or raises InputError with what is wrong.
TABLES: Mapping[str, Mapping[str, Callable[[object], Any]]] = {
    "notify": {
        "on_done": _text(check_command),
        "webhook": _text(check_address),
        "webhook_secret": _text(check_signing_secret),
        "ping": _text(check_address),
        "apprise": _texts(check_apprise),
        "mac": _flag,
    },
    "report": {"html": _text(_check_page)},
    "units": {
        "text_encoder": _unit,
        "vae_decoder": _unit,
        "vae_encoder": _unit,
        "controlnet": _unit,
        "safety_checker": _unit,
        "fallback": _fallback,
    },
    # Not [quality]: that is the name of a setting.
    "inspect": {"while_drawing": _flag},
}


def _described(key: str, known: list[str], table: str = "") -> str:
    """Return how a sentence about an unknown setting goes on: its name and the one that was meant, or all names."""
    if not key.replace("-", "_").isidentifier():
        return f". It can set {', '.join(known)}."  # a URL in the wrong place is not repeated
    near = [_OTHER_NAMES[key]] if key in _OTHER_NAMES else difflib.get_close_matches(key, known, 1)
    if near:
        return f" {table + key!r}; did you mean {table}{near[0]}?"
    return f" {table + key!r}. It can set {', '.join(known)}."
