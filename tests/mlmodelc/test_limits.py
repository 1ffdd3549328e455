"""What a text may reach, and what it may cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdq_core.errors import PackageError
from tests.mlmodelc.writing import blob, program, read


@pytest.mark.parametrize(
    "file",
    [
        "../weight.bin",
        "/etc/passwd",
        "@model_path/weights/../../x",
        "@model_path/model.mil",
        "",
        "@",
    ],
)
def test_weights_are_only_looked_for_in_their_folder(file: str, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"names .* which is (outside|not in)"):
        read(tmp_path, program(f"fp16 y = relu(x = {blob('fp16', 64, file)});"))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "(",
        "list<",
        "string(BLOBFILE(path = ",
        "tensor<fp16, [1,",
        "tensor<fp16, [1]>(",
        "[1, ",
        '"',
        "a",
        "{",
        " ",
        "\\",
        "x = ",
    ],
)
def test_a_long_text_costs_no_more_than_its_length(piece: str, tmp_path: Path) -> None:
    long = piece * (200_000 // len(piece))
    for text in (program(long), program(f"fp16 y = relu(x = {long}"), f"program(1.0)[{long}", long):
        with pytest.raises(PackageError):
            read(tmp_path, text)
