"""A seed gives the noise that it gives in other tools; the numbers come from `tools/record_noise.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from worker.pipelines.noise_nvidia import NvidiaNoise
from worker.pipelines.noise_torch import TorchNoise

GOLDEN = Path(__file__).parent.parent / "golden" / "noise.npz"
SOURCES = {"torch": TorchNoise, "nvidia": NvidiaNoise}
#: torch's vector functions are not rounded correctly, and differ between processors: 2 bits of a number near 4.
TOLERANCE = {"torch": 5e-7, "nvidia": 1e-7}


def recorded():
    with np.load(GOLDEN) as archive:
        return {name: archive[name] for name in archive.files}


RECORDED = recorded()
CASES = [name for name in RECORDED if f"{name}_next" in RECORDED]


@pytest.mark.parametrize("case", CASES)
def test_a_generator_gives_what_its_tool_gives_one_draw_after_the_other(case):
    source, seed, written = case.split("_")
    shape = tuple(map(int, written.split("x")))
    noise = SOURCES[source](int(seed))
    first, *following = (noise.draw(shape) for _ in range(3))
    assert (first.shape, first.dtype) == (shape, np.float32)
    expected, then = RECORDED[case], RECORDED[f"{case}_next"]
    every = 1 if len(expected) == first.size else 61
    for drawn, known in zip([first, *following], [expected, *then], strict=True):
        found = drawn.ravel()[:: every if drawn is first else 61]
        np.testing.assert_allclose(found, known, rtol=0, atol=TOLERANCE[source])


@pytest.mark.parametrize(
    ("noise", "first"),
    [
        (TorchNoise(0), (-1.1258, -1.1524, -0.2506, -0.4339)),
        (TorchNoise(42), (1.9269, 1.4873, 0.9007, -2.1055)),
        (NvidiaNoise(0), (-0.92466259, -0.42534415, -2.6438457, 0.14518388)),
    ],
)
def test_the_first_numbers_are_those_that_the_tools_document(noise, first):
    np.testing.assert_allclose(noise.draw((1, 4, 8, 8)).ravel()[:4], first, atol=5e-5)


def test_torchs_noise_takes_the_last_32_bits_of_a_seed_and_nvidias_all():
    long = 7 + (5 << 32)
    np.testing.assert_array_equal(TorchNoise(long).draw((32,)), TorchNoise(7).draw((32,)))
    assert (NvidiaNoise(long).draw((32,)) != NvidiaNoise(7).draw((32,))).all()


def test_fewer_numbers_than_torch_makes_at_once_are_refused():
    with pytest.raises(ValueError, match="fewer than 16"):
        TorchNoise(0).draw((1, 4, 1, 2))
