from __future__ import annotations

from tests.core.conftest import sdq

__all__ = ["sdq"]
