"""What measuring a picture costs, part by part, and how long it takes to find the near-duplicates among many.

The pictures are clouds with noise of 512 x 512 pixels, as PNGs of the size that photographs have. The hashes are random
ones, and as many again with up to seven bits changed, as images of the same prompt are to each other at worst.

    python -m benchmarks.quality [--images 40] [--hashes 200000,1000000]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import numpy as np
from PIL import Image

from benchmarks.bench import show
from sdq_core.images.encode import encode_png
from tests.quality.pictures import clouds
from worker.engine.memory import peak_resident_bytes
from worker.quality.duplicates import USUAL_DISTANCE, near_duplicates
from worker.quality.measures import measure

SIDE = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--hashes", default="200000,1000000")
    options = parser.parse_args()
    show("a picture of 512 x 512", ("part", "median"), _parts(options.images))
    for count in map(int, options.hashes.split(",")):
        header = ("of them", "took", "found", "peak memory so far")
        show(f"near-duplicates among {count:,} hashes", header, _search(count))


def _parts(images: int) -> Sequence[tuple[str, ...]]:
    times: dict[str, list[float]] = {}
    size = 0
    for seed in range(images):
        data = encode_png(_photograph(seed), None)
        size += len(data)
        picture = _decoded(data)
        for name, do in (
            ("sha256 of the file", partial(hashlib.sha256, data)),
            ("decode the PNG", partial(_decoded, data)),
            ("measure", partial(measure, picture)),
        ):
            times.setdefault(name, []).append(_ms(do))
    found = [(name, f"{median(values):.2f} ms") for name, values in times.items()]
    return [("size of a file", f"{size / images / 1024:.0f} KiB"), *found]


def _search(count: int) -> Sequence[tuple[str, ...]]:
    chance = np.random.default_rng(0)
    hashes = chance.integers(0, 1 << 64, count, dtype=np.uint64)
    alike = hashes[: count // 2].copy()
    for _ in range(7):
        alike ^= np.uint64(1) << chance.integers(0, 64, len(alike)).astype(np.uint64)
    found = []
    for name, some in (
        ("all random", hashes),
        ("half like another", chance.permutation(np.concatenate([hashes[: len(alike)], alike]))),
    ):
        began = time.perf_counter()
        instead = near_duplicates(some, USUAL_DISTANCE)
        seconds = time.perf_counter() - began
        alike_count = np.count_nonzero(instead != np.arange(len(instead)))
        peak = f"{peak_resident_bytes() / 2**20:.0f} MiB"
        found.append((name, f"{seconds:.1f} s", f"{alike_count:,}", peak))
    return found


def _photograph(seed: int) -> Image.Image:
    """Clouds with a little noise, which a PNG cannot pack."""
    soft = np.asarray(clouds(seed, (SIDE, SIDE)), dtype=np.int16)
    noise = np.random.RandomState(seed).randint(-6, 7, soft.shape)
    return Image.fromarray((soft + noise).clip(0, 255).astype(np.uint8))


def _decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")


def _ms(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
