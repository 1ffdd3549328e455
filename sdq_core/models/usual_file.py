"""What `sdq models set` keeps: `usual.json` in the models folder, a model's name to how it is usually drawn.

Beside the models and not within one, because a model may have several folders, or be a link or a path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdq_core.errors import PackageError, StorageError
from sdq_core.models.json_file import read_object
from sdq_core.models.usual import Usual
from sdq_core.values.scheduler_settings import SCHEDULER_SETTINGS
from sdq_core.values.variants import Scheduler

USUAL_FILE = "usual.json"
_SCHEDULER_SETTINGS = "scheduler_settings"


def usual_set(models: Path, name: str) -> Usual | None:
    """Return what was set for a model, None for nothing; raise PackageError for a damaged file."""
    path = models / USUAL_FILE
    said = _read(path).get(name)
    if said is None:
        return None
    try:
        steps, scale, scheduler = (
            said.get(key) for key in ("num_inference_steps", "guidance_scale", "scheduler")
        )
        return Usual(
            num_inference_steps=None if steps is None else int(steps),
            guidance_scale=None if scale is None else float(scale),
            scheduler=None if scheduler is None else Scheduler(scheduler),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise PackageError(
            f"{path} does not say how {name} is drawn ({error}). Run `sdq models set {name}` again."
        ) from error


def scheduler_settings_set(models: Path, name: str) -> dict[str, Any]:
    """Return what was set in place of a model's scheduler file, by its keys; raise PackageError for a damaged file."""
    path = models / USUAL_FILE
    said = _read(path).get(name)
    settings = said.get(_SCHEDULER_SETTINGS) if isinstance(said, dict) else None
    if settings is None:
        return {}
    if not isinstance(settings, dict) or not settings.keys() <= set(SCHEDULER_SETTINGS):
        raise PackageError(
            f"{path} does not say how {name} is drawn. Run `sdq models set {name}` again."
        )
    return settings


def set_usual(
    models: Path,
    name: str,
    usual: Usual | None,
    scheduler_settings: Mapping[str, Any] | None = None,
) -> None:
    """Keep how a model is usually drawn, or forget it; raise StorageError if that fails.

    scheduler_settings: what holds in place of its scheduler file.
    """
    path = models / USUAL_FILE
    kept = _read(path)
    if usual is None and name not in kept:
        return
    kept.pop(name, None)
    if usual is not None:
        kept[name] = usual.settings()
        if scheduler_settings:
            kept[name][_SCHEDULER_SETTINGS] = dict(scheduler_settings)
    new = path.with_name(f".{USUAL_FILE}.new")
    try:
        models.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise StorageError(
            f"Cannot write {path} ({error.strerror}). Check the disk and its permissions."
        ) from error


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, "Delete it, and run `sdq models set` again.") if path.exists() else {}
