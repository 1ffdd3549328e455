"""The U-Net, whole or in two chunks, of batch 1 or 2: latents and a timestep to the predicted noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdq_core.models.check import VAE_SCALE_FACTOR, check_unet, residuals_of
from sdq_core.models.families import GUIDANCE_EMBEDDING, TIME_IDS, is_unet_input
from worker.pipelines.arrays import Array, as_expected, declared, require_output
from worker.runtimes.contract import LoadedModel


class ChunkedModel:
    """Two networks that run one after the other as if they were one.

    Apple's converter cuts a U-Net that is too large for a phone. The second chunk takes the first chunk's outputs by
    name, along with those of the U-Net's own inputs that it also needs.
    """

    def __init__(self, first: LoadedModel, second: LoadedModel) -> None:
        self._first = first
        self._second = second

    @property
    def expected_inputs(self) -> Mapping[str, Mapping[str, Any]]:
        """The whole U-Net's inputs, which either chunk may declare."""
        again = {
            name: spec for name, spec in self._second.expected_inputs.items() if is_unet_input(name)
        }
        return {**again, **self._first.expected_inputs}

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Run both chunks."""
        passed = self._first(**as_expected(self._first, inputs))
        return self._second(**as_expected(self._second, {**inputs, **passed}))


class UNet:
    """A noise predictor.

    batch: 2 if the network takes both branches of classifier-free guidance at once, 1 if it takes one at a time.
    guidance_width: of the embedded guidance scale that it takes as an input; None if it takes none.
    """

    def __init__(self, model: LoadedModel) -> None:
        """Raise PackageError for anything but a text-to-image U-Net of batch 1 or 2."""
        unet = declared(model, "The U-Net")
        latents = check_unet(unet)
        self.model = model
        # With zeros in place of what ControlNets give, a U-Net made for them is a plain one.
        self._silence = {
            name: np.zeros(shape, model.expected_inputs[name]["dtype"])
            for name, shape in residuals_of(unet).items()
        }
        self.batch = latents.batch
        self.latents_shape = latents.shape
        self._time_ids = model.expected_inputs.get(TIME_IDS, {}).get("shape", ())
        embedding = model.expected_inputs.get(GUIDANCE_EMBEDDING)
        self.guidance_width: int | None = embedding["shape"][1] if embedding else None

    @property
    def residuals(self) -> tuple[str, ...]:
        """The names of what it takes from ControlNets, in order; none for a plain U-Net."""
        return tuple(self._silence)

    @property
    def width(self) -> int:
        """Pixels of the image."""
        return self.latents_shape[3] * VAE_SCALE_FACTOR

    @property
    def height(self) -> int:
        """Pixels of the image."""
        return self.latents_shape[2] * VAE_SCALE_FACTOR

    def __call__(
        self, sample: Array, timestep: float, told: Mapping[str, Array]
    ) -> NDArray[np.float32]:
        """Evaluate the network once.

        sample: [batch, 4, h, w]. told: its other inputs, by name. Returns noise_pred float32 [batch, 4, h, w].
        """
        given = {
            "sample": sample,
            "timestep": np.full((self.batch,), timestep, np.float32),
            **self._silence,
            **told,
        }
        if TIME_IDS in given:  # older converters declare them flat
            given[TIME_IDS] = given[TIME_IDS].reshape(self._time_ids)
        outputs = self.model(**as_expected(self.model, given))
        noise_pred = require_output(outputs, "noise_pred", "U-Net")
        return np.asarray(noise_pred, np.float32)
