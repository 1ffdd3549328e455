from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exports.upload_hub import UploadHub, running_upload_hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadHub]:
    """A Hub that this process's huggingface_hub talks to, with a token."""
    constants = pytest.importorskip("huggingface_hub.constants")
    with running_upload_hub() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        yield running
