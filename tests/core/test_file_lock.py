"""A file is one process's until it closes it, and everybody's where nothing can be locked."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sdq_core.file_lock import locked


def test_the_second_gets_it_when_the_first_has_closed_it(tmp_path: Path) -> None:
    first, second = (os.open(tmp_path, os.O_RDONLY) for _ in range(2))
    assert locked(first)
    assert not locked(second)
    os.close(first)
    assert locked(second)
    os.close(second)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a descriptor without locks")
def test_everybody_gets_what_cannot_be_locked(tmp_path: Path) -> None:
    descriptors = [os.open(tmp_path, os.O_PATH) for _ in range(2)]
    assert all(locked(descriptor) for descriptor in descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
