"""What Apple's pipeline gets: networks that are watched, a tokenizer that truncates, a scheduler.

torch, diffusers and transformers are imported where they are used: machines without them import this file too.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from sdq_core.errors import PackageError
from sdq_core.values.variants import Scheduler
from worker.pipelines.arrays import Array, as_expected, require_finite, require_output
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers import ImageScheduler, SchedulerConfig, make_scheduler
from worker.pipelines.tokenizer import ClipTokenizer
from worker.pipelines.weighing import weighed
from worker.runtimes.contract import LoadedModel

#: What may add noise at each step; diffusers' own would draw it from torch.
_STOCHASTIC = frozenset({Scheduler.EULER_ANCESTRAL_DISCRETE, Scheduler.LCM, Scheduler.TCD})


class Watched:
    """A network with the interface of Apple's `CoreMLModel`: attributes may be set, arrays come in float16.

    calls: number of calls since `begin`.
    spent_s: time spent in them, s.
    on_call: called after each with their number.
    """

    def __init__(
        self, model: LoadedModel, what: str, output: str, *, keep: int = 0, rows: int = 1
    ) -> None:
        """Wrap a network.

        what: the subject of the message about a broken output.
        output: the name of the output to check.
        keep: how many outputs to cache by their inputs.
        rows: the network's batch; a call with one row gets as many, and the first of the output's.
        """
        self.expected_inputs = dict(model.expected_inputs)
        self.on_call: Callable[[int], None] | None = None
        self.begin()
        self._model = model
        self._what = what
        self._output = output
        self._keep = keep
        self._rows = rows
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
        alone = self._rows > 1 and all(len(array) == 1 for array in inputs.values())
        if alone:
            inputs = {name: array.repeat(self._rows, axis=0) for name, array in inputs.items()}
        outputs = self._model(**as_expected(self._model, inputs))
        if alone:
            outputs = {name: array[:1] for name, array in outputs.items()}
        self.spent_s += time.perf_counter() - started
        self.calls += 1
        part = self._what.removeprefix("The ")
        require_finite(require_output(outputs, self._output, part), self._what)
        if self._keep:
            self._kept[key] = outputs
            if len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        if self.on_call is not None:
            self.on_call(self.calls)
        return dict(outputs)


class WeighedEncoder:
    """A text encoder with the interface of `Watched`, whose hidden states count as the text read last says."""

    def __init__(self, encoder: Watched, tokenizer: PromptTokenizer) -> None:
        self.expected_inputs = encoder.expected_inputs
        self._encoder = encoder
        self._tokenizer = tokenizer

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Run the network; raise BrokenImageError for NaN or infinity."""
        outputs = self._encoder(**inputs)
        states = outputs["last_hidden_state"]
        return {**outputs, "last_hidden_state": weighed(states, self._tokenizer.weights)}


class PromptTokenizer:
    """transformers' CLIPTokenizer, called as Apple's pipeline calls it; sdq's own where weights count.

    Apple's pipeline tokenizes a prompt twice, truncated to 77 tokens and in full, and crashes on comparing the two if
    the full one has 77 or more. So the full result is always kept shorter than that; what was cut off is counted here.

    weights: [77], of the text that was encoded last.
    """

    def __init__(self, folder: Path) -> None:
        """Load the tokenizer; raise PackageError for missing or damaged files."""
        from transformers import CLIPTokenizer
        from transformers.models.clip.tokenization_clip import BasicTokenizer

        self._own = ClipTokenizer(folder)
        self.model_max_length = self._own.max_length
        self.begin()
        try:
            self._tokenizer: Any = CLIPTokenizer.from_pretrained(
                str(folder), model_max_length=self.model_max_length, local_files_only=True
            )
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise PackageError(
                f"The tokenizer in {folder} cannot be used ({error}). "
                "Put the tokenizer folder of the model's own repository there."
            ) from error
        # The tokens of a prompt must not depend on whether ftfy is installed.
        self._tokenizer.fix_text = None
        self._tokenizer.nlp = BasicTokenizer(strip_accents=False, do_split_on_punc=False)

    def begin(self, *, weighted: bool = False) -> None:
        """Begin an image. weighted: weights count in its texts."""
        self.truncated_tokens = 0
        self.weights = np.ones(self.model_max_length, np.float32)
        self._weighted = weighted

    def __call__(self, text: str | list[str], *, truncation: bool = False, **_: Any) -> Any:
        """Encode a text as ``input_ids`` [1, n]: padded and truncated to 77, or, without truncation, fewer than 77."""
        room = self.model_max_length
        if self._weighted:
            return self._weighed(text, None if truncation else room - 1)
        if not truncation:
            return self._tokenizer(text, truncation=True, max_length=room - 1, return_tensors="np")
        # Apple's pipeline passes the negative prompt as a list of one.
        whole = len(
            self._tokenizer([text] if isinstance(text, str) else text, verbose=False).input_ids[0]
        )
        self.truncated_tokens += max(whole - room, 0)
        return self._tokenizer(
            text, padding="max_length", truncation=True, max_length=room, return_tensors="np"
        )

    def _weighed(self, text: str | list[str], most: int | None) -> Any:
        words = text if isinstance(text, str) else text[0]
        tokenized = self._own(words, weighted=True)
        if most is None:
            self.weights = tokenized.weights
            self.truncated_tokens += tokenized.truncated_tokens
        return SimpleNamespace(input_ids=tokenized.input_ids[:, :most])


def make_diffusers_scheduler(
    scheduler: Scheduler, config: SchedulerConfig, noise: Noise, eta: float = 0.0
) -> Any:
    """Return diffusers' scheduler for one image, made as in Apple's command line: from the model's own settings.

    Raises PackageError if diffusers rejects the settings.
    """
    if scheduler in _STOCHASTIC:
        return _OwnScheduler(scheduler, config, noise, eta)
    import diffusers

    try:
        own = getattr(diffusers, str(config.values.get("_class_name")), None)
        values: Any = dict(config.values)
        if isinstance(own, type) and issubclass(own, diffusers.SchedulerMixin):
            values = own.from_config(values).config  # type: ignore[attr-defined]
        return getattr(diffusers, f"{scheduler}Scheduler").from_config(values)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise PackageError(
            f"{config.origin} does not work with diffusers' {scheduler} scheduler ({error}). Use the model's own file."
        ) from error


class _OwnScheduler:
    """A scheduler of sdq's with diffusers' interface, for one that adds noise.

    diffusers draws the noise of its steps from torch's global generator, which Apple's command line never seeds, so a
    seed gives a different image each time. This one continues the noise of the latents: a seed gives one image, the
    same from both pipelines.
    """

    def __init__(
        self, scheduler: Scheduler, config: SchedulerConfig, noise: Noise, eta: float
    ) -> None:
        self._scheduler = scheduler
        self._eta = eta
        self._config = config
        self._noise = noise
        self._walk = self._begin(1)

    def _begin(self, steps: int) -> ImageScheduler:
        return make_scheduler(self._scheduler, self._config, steps, eta=self._eta)

    def set_timesteps(self, num_inference_steps: int) -> None:
        self._walk = self._begin(num_inference_steps)

    @property
    def timesteps(self) -> Array:
        return self._walk.timesteps

    @property
    def init_noise_sigma(self) -> float | np.float32:
        sigma = self._walk.init_noise_sigma
        # A NumPy number would make the float16 latents float32.
        return sigma if sigma == 1.0 else np.float32(sigma)

    def scale_model_input(self, sample: Array, _: Any) -> Array:
        return self._walk.scale_model_input(sample)

    def step(self, noise_pred: Any, _: Any, sample: Any) -> Any:
        import torch

        stepped = self._walk.step(noise_pred.numpy(), sample.numpy(), self._noise)
        return SimpleNamespace(prev_sample=torch.from_numpy(np.ascontiguousarray(stepped)))
