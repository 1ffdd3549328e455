"""Networks with the interface of Apple's `CoreMLModel`, which takes attributes and gives arrays by name.

Each is a network of sdq's behind what Apple's pipeline gets wrong, so that its code runs unmodified.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sdq_core.models.families import TIME_IDS, TIME_IDS_EACH
from worker.pipelines.apple_parts import PromptTokenizer
from worker.pipelines.arrays import Array, as_expected, require_finite, require_output
from worker.pipelines.controlnet import Guide
from worker.pipelines.unet import UNet
from worker.pipelines.vae import VaeDecoder
from worker.pipelines.weighing import weighed
from worker.runtimes.contract import LoadedModel

#: What Apple's pipeline divides latents by before it decodes them, whatever the model.
_APPLES_FACTOR = 0.18215


class Watched:
    """A network whose calls are counted and timed, and whose output is checked.

    calls: number of calls since `begin`.
    spent_s: time spent in them, s.
    on_call: called after each with their number.
    """

    def __init__(self, model: LoadedModel, what: str, output: str, *, keep: int = 0) -> None:
        """Wrap a network.

        what: the subject of the message about a broken output.
        output: the name of an output that it must have.
        keep: how many outputs to cache by their inputs.
        """
        self.expected_inputs = dict(model.expected_inputs)
        self.on_call: Callable[[int], None] | None = None
        self.begin()
        self._model = model
        self._what = what
        self._output = output
        self._keep = keep
        self._kept: OrderedDict[bytes, dict[str, Array]] = OrderedDict()

    def begin(self) -> None:
        """Begin an image."""
        self.calls, self.spent_s = 0, 0.0

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Run the network; raise BrokenImageError for NaN or infinity."""
        key = b"".join(array.tobytes() for array in inputs.values()) if self._keep else b""
        if key in self._kept:
            self._kept.move_to_end(key)
            return dict(self._kept[key])
        started = time.perf_counter()
        outputs = self._model(**as_expected(self._model, inputs))
        self.spent_s += time.perf_counter() - started
        self.calls += 1
        require_output(outputs, self._output, self._what.removeprefix("The "))
        for values in outputs.values():
            require_finite(values, self._what)
        if self._keep:
            self._kept[key] = outputs
            if len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        if self.on_call is not None:
            self.on_call(self.calls)
        return dict(outputs)


class WeighedEncoder:
    """A text encoder whose hidden states count as the text says that its tokenizer read last.

    keep_mean: as `weighed` has it.
    """

    def __init__(
        self, encoder: Watched, tokenizer: PromptTokenizer, states: str, *, keep_mean: bool
    ) -> None:
        """states: the name of the output with the hidden states."""
        self.expected_inputs = encoder.expected_inputs
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._states = states
        self._keep_mean = keep_mean

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Run the network; raise BrokenImageError for NaN or infinity."""
        outputs = self._encoder(**inputs)
        states = weighed(outputs[self._states], self._tokenizer.weights, keep_mean=self._keep_mean)
        return {**outputs, self._states: states}


class RowedUNet:
    """A U-Net that is asked for one row or two.

    Without guidance Apple's pipeline gives one row, to a U-Net of batch two as well: that gets it twice. XL's sizes
    of one row come flat.
    """

    def __init__(self, unet: UNet) -> None:
        self.expected_inputs = unet.model.expected_inputs
        self._unet = unet

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Return ``noise_pred`` of as many rows as the sample has."""
        rows, times = len(inputs["sample"]), self._unet.batch // len(inputs["sample"])
        if TIME_IDS in inputs:
            inputs[TIME_IDS] = inputs[TIME_IDS].reshape(rows, TIME_IDS_EACH)
        told = {name: array.repeat(times, axis=0) for name, array in inputs.items()}
        sample, timestep = told.pop("sample"), told.pop("timestep")
        return {"noise_pred": self._unet(sample, float(timestep[0]), told)[:rows]}


class RowedControlNet:
    """A ControlNet that is asked for one row or two, of which it takes the branches apart."""

    def __init__(self, guide: Guide) -> None:
        self._guide = guide

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Return the residuals of as many rows; raise BrokenImageError for NaN or infinity."""
        states = inputs["encoder_hidden_states"]
        residuals = self._guide.net(
            inputs["sample"][:1],
            float(inputs["timestep"][0]),
            [{"encoder_hidden_states": row} for row in np.split(states, len(states))],
            inputs["controlnet_cond"][:1],
        )
        for values in residuals.values():
            require_finite(values, f"The ControlNet {self._guide.use.name}")
        return residuals


class RescaledDecoder:
    """A VAE decoder that gets latents as its family divides them, whatever Apple's pipeline divided them by."""

    def __init__(self, decoder: VaeDecoder) -> None:
        self._model = decoder.model
        self._ratio = _APPLES_FACTOR / decoder.scaling_factor
        declared = decoder.model.expected_inputs
        # In float32, or they would be rounded twice.
        self.expected_inputs: Mapping[str, Mapping[str, Any]] = (
            declared
            if self._ratio == 1
            else {**declared, "z": {**declared["z"], "dtype": np.dtype(np.float32)}}
        )

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Decode ``z``; see `LoadedModel`."""
        z = inputs["z"] if self._ratio == 1 else inputs["z"] * np.float32(self._ratio)
        return self._model(**as_expected(self._model, {"z": z}))
