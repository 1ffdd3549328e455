"""The machine and what is installed on it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys

from sdq.doctor.report import Fact, Section
from sdq_core.values.machine import chip, operating_system

#: What decides whether sdq runs and what it draws, by distribution name.
_LIBRARIES = (
    "sdq", "click", "rich", "pillow", "redis", "rq", "sqlalchemy", "alembic", "psycopg",
    "numpy", "tokenizers", "coremltools", "onnx", "onnxruntime", "huggingface_hub",
    "python_coreml_stable_diffusion", "diffusers", "transformers", "torch",
)  # fmt: skip


def machine() -> Section:
    """Name system, chip, memory and Python."""
    return Section(
        title="Machine",
        facts=[
            Fact(name="system", said=operating_system()),
            Fact(name="chip", said=f"{chip()}, {os.cpu_count()} cores"),
            _memory(),
            Fact(
                name="Python",
                said=f"{platform.python_version()} ({platform.machine()}), {sys.executable}",
            ),
        ],
    )


def libraries() -> Section:
    """List the versions of what matters."""
    return Section(
        title="Libraries",
        facts=[Fact(name=name, said=version_of(name) or "not installed") for name in _LIBRARIES],
    )


def version_of(distribution: str) -> str | None:
    """Give an installed distribution's version, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory() -> Fact:
    try:
        size_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return Fact(name="memory", said="unknown")
    return Fact(name="memory", said=f"{size_bytes / 1e9:.1f} GB", value={"bytes": size_bytes})
