"""Write `corpus/`: small packages that between them use every part of the format.

python -m tests.fuzz.write_corpus
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.package_reader import MODEL_FILE, join
from tests.translator.building import mb, save_package

CORPUS = Path(__file__).parent / "corpus"
_RANDOM = np.random.RandomState(0)


def _weight(*shape: int) -> Any:
    return _RANDOM.randn(*shape).astype(np.float32)


def linear(x: Any) -> Any:
    return mb.silu(x=mb.linear(x=x, weight=_weight(16, 16)), name="out")


def convolution(x: Any) -> Any:
    x = mb.conv(x=mb.reshape(x=x, shape=(1, 2, 4, 4)), weight=_weight(4, 2, 3, 3), pad_type="same")
    x = mb.upsample_nearest_neighbor(x=x, scale_factor_height=2, scale_factor_width=2)
    return mb.transpose(x=mb.concat(values=(x, x), axis=1), perm=[0, 2, 3, 1], name="out")


def attention(x: Any) -> Any:
    x = mb.layer_norm(x=x, axes=[-1], gamma=np.ones(16, np.float32), beta=np.zeros(16, np.float32))
    weights = mb.softmax(x=mb.matmul(x=x, y=x, transpose_y=True), axis=-1)
    x = mb.matmul(x=weights, y=mb.gelu(x=x, mode="EXACT"))
    return mb.slice_by_index(x=x, begin=[0, 0], end=[2, 8], name="out")


def palettized(x: Any) -> Any:
    weight = mb.constexpr_lut_to_dense(
        lut=np.array([-1.0, 0.0, 0.5, 1.0], np.float32),
        indices=np.arange(64, dtype=np.uint8),
        shape=np.array([16, 16], np.uint32),
    )
    return mb.linear(x=x, weight=weight, name="out")


def quantized(x: Any) -> Any:
    weight = mb.constexpr_affine_dequantize(
        quantized_data=np.arange(256, dtype=np.uint8).reshape(16, 16),
        zero_point=np.uint8(128),
        scale=np.float32(0.01),
        axis=0,
    )
    return mb.linear(x=x, weight=weight, name="out")


def sparse(x: Any) -> Any:
    mask = np.tile(np.array([1, 0], np.uint8), 128)
    weight = mb.constexpr_sparse_to_dense(
        nonzero_data=_weight(128),
        mask=np.packbits(mask, bitorder="little"),
        shape=np.array([16, 16], np.uint32),
    )
    return mb.linear(x=x, weight=weight, name="out")


NETWORKS: tuple[Callable[[Any], Any], ...] = (
    linear,
    convolution,
    attention,
    palettized,
    quantized,
    sparse,
)


def main() -> None:
    CORPUS.mkdir(exist_ok=True)
    for build in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            package = save_package(Path(folder, "a.mlpackage"), build, {"x": (2, 16)})
            weights = package / MODEL_FILE.parent / "weights" / "weight.bin"
            data = join((package / MODEL_FILE).read_bytes(), weights.read_bytes())
        (CORPUS / f"{build.__name__}.bin").write_bytes(data)


if __name__ == "__main__":
    main()
