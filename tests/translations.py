"""The demo model's translations, made once for all processes of a test run."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.onnx import OnnxRuntime


@pytest.fixture(scope="session")
def translations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of the portable runtime with every package of the demo model; nothing may write to it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of all workers
    cache = folder / "translations"
    store = ModelStore(cache / "none")
    runtime = OnnxRuntime(cache, threads=1)
    with (folder / "translations.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait for the first
        for attention in store.attention_implementations(DEMO):
            for package in store.find(DEMO, attention).parts.values():
                runtime.load(package, ComputeUnit.ALL)
    return cache


def with_translations(home: Path, translations: Path) -> Path:
    """Make a data folder that has translated the demo model before, and return it.

    The files are links to the only ones: replace them rather than write to them.
    """
    shutil.copytree(translations, home / "cache", copy_function=os.link)
    return home
