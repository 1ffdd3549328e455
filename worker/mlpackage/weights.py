"""The values of `weight.bin`, read one blob at a time; where each lies is checked in `sdq_core.models.weights`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sdq_core.models import weights
from worker.mlpackage import datatypes
from worker.mlpackage.datatypes import DataType


class WeightFile(weights.WeightFile):
    """A memory-mapped `weight.bin`; arrays read from it keep the mapping alive."""

    def read(self, offset: int, dtype: DataType, shape: Sequence[int]) -> NDArray[np.generic]:
        """Return the blob whose metadata begins at byte `offset`.

        dtype, shape: from the network's description. Returns a read-only array of ``dtype.numpy`` and that shape: a
        view of the file unless values are packed. Raises PackageError if file and description disagree.
        """
        packed = np.frombuffer(self.mapping, np.uint8)[self.check(offset, dtype, shape)]
        return datatypes.unpack(packed, dtype, math.prod(shape)).reshape(tuple(shape))
