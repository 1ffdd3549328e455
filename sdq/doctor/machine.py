"""The machine and what is installed on it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys

from sdq.doctor.report import Fact, Section
from sdq_core.values.machine import chip, operating_system
from worker.runtimes.installing import core_ml_obstacle

#: The distributions that decide whether sdq runs and what it draws.
_LIBRARIES = (
    "sdq", "click", "rich", "pillow", "redis", "rq", "sqlalchemy", "alembic", "psycopg",
    "numpy", "tokenizers", "coremltools", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino", "huggingface_hub",
    "python_coreml_stable_diffusion", "diffusers", "transformers", "torch",
)  # fmt: skip


def machine() -> Section:
    """Return system, chip, memory and Python."""
    return Section(
        title="Machine",
        facts=[
            Fact(name="system", text=operating_system()),
            Fact(name="chip", text=f"{chip()}, {os.cpu_count()} cores"),
            _memory(),
            Fact(
                name="Python",
                text=f"{platform.python_version()} ({platform.machine()}), {sys.executable}",
            ),
        ],
    )


def libraries(platform: str, python: tuple[int, int]) -> Section:
    """Return the versions of what matters, and why Core ML cannot be used if that is so.

    platform, python: as in `sys.platform` and `sys.version_info`.
    """
    obstacle = None
    if version_of("coremltools") is None:
        obstacle = core_ml_obstacle(platform, python)
    found = [obstacle] if obstacle else []
    # A Mac that only submits does not need it.
    draws = version_of("onnxruntime") is not None
    return Section(
        title="Libraries",
        facts=[Fact(name=name, text=version_of(name) or "not installed") for name in _LIBRARIES],
        problems=found if draws else [],
        not_tried=[] if draws else found,
    )


def version_of(distribution: str) -> str | None:
    """Return an installed distribution's version, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory() -> Fact:
    try:
        size_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return Fact(name="memory", text="unknown")
    return Fact(name="memory", text=f"{size_bytes / 1e9:.1f} GB", value={"bytes": size_bytes})
