"""The values of `weight.bin`, read one blob at a time; where each lies is checked in `sdq_core.models.weights`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sdq_core.models import weights
from sdq_core.models.network_files import NetworkFiles
from worker.mlpackage import datatypes
from worker.mlpackage.datatypes import DataType
from worker.mlpackage.program import Constant


class WeightFile(weights.WeightFile):
    """A memory-mapped `weight.bin`; arrays read from it keep the mapping alive."""

    def read(self, offset: int, dtype: DataType, shape: Sequence[int]) -> NDArray[np.generic]:
        """Return the blob whose metadata begins at byte `offset`.

        dtype, shape: from the network's description. Returns a read-only array of ``dtype.numpy`` and that shape: a
        view of the file unless values are packed. Raises PackageError if file and description disagree.
        """
        packed = np.frombuffer(self.mapping, np.uint8)[self.check(offset, dtype, shape)]
        return datatypes.unpack(packed, dtype, math.prod(shape)).reshape(tuple(shape))


class Weights:
    """The weight files of one network, each mapped when a constant in it is first asked for."""

    def __init__(self, network: NetworkFiles) -> None:
        self._network = network
        self._files: dict[str, WeightFile] = {}

    def constant(self, file: str, offset: int, dtype: DataType, shape: tuple[int, ...]) -> Constant:
        """Return the constant whose metadata begins at byte `offset` of a file, as the network calls it.

        That it is there is checked now, which costs nothing, so that damage is found before anything is translated.
        Raises PackageError if it is not.
        """
        if file not in self._files:
            self._files[file] = WeightFile(self._network.blob_file(file))
        weights = self._files[file]
        weights.check(offset, dtype, shape)
        return Constant(dtype=dtype, shape=shape, load=lambda: weights.read(offset, dtype, shape))
