"""The model that clients of AUTOMATIC1111's interface chose, in `web/a1111.json` of the data folder."""

from __future__ import annotations

import contextlib
import json

from sdq.web.api.a1111_words import CHECKPOINT
from sdq_core.images.store import store_file
from sdq_core.models import ModelStore
from sdq_core.settings import Settings


def chosen_model(settings: Settings, models: ModelStore) -> str:
    """Return the model that was chosen last; the preferred one if none was, or if it is gone."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        name = json.loads((settings.home / "web" / "a1111.json").read_bytes())[CHECKPOINT]
        if name in models.names():
            return str(name)
    return settings.preferences.model


def choose_model(settings: Settings, name: str) -> None:
    """Keep a model as the chosen one."""
    store_file(json.dumps({CHECKPOINT: name}).encode(), settings.home / "web" / "a1111.json")
