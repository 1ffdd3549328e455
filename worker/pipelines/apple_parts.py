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
from worker.runtimes.contract import LoadedModel


class Watched:
    """A network with the interface of Apple's `CoreMLModel`: attributes may be set, arrays come in float16.

    calls: number of calls since `begin`.
    spent_s: time spent in them, s.
    on_call: called after each with their number.
    """

    def __init__(self, model: LoadedModel, what: str, output: str, *, keep: int = 0) -> None:
        """Wrap a network.

        what: the subject of the message about a broken output.
        output: the name of the output to check.
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
        part = self._what.removeprefix("The ")
        require_finite(require_output(outputs, self._output, part), self._what)
        if self._keep:
            self._kept[key] = outputs
            if len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        if self.on_call is not None:
            self.on_call(self.calls)
        return dict(outputs)


class PromptTokenizer:
    """transformers' CLIPTokenizer, called as Apple's pipeline calls it.

    Apple's pipeline tokenizes a prompt twice, truncated to 77 tokens and in full, and crashes on comparing the two if
    the full one has 77 or more. So the full result is always kept shorter than that; what was cut off is counted here.
    """

    def __init__(self, folder: Path) -> None:
        """Load the tokenizer; raise PackageError for missing or damaged files."""
        from transformers import CLIPTokenizer
        from transformers.models.clip.tokenization_clip import BasicTokenizer

        self.model_max_length = ClipTokenizer(folder).max_length
        self.truncated_tokens = 0
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

    def begin(self) -> None:
        """Begin an image."""
        self.truncated_tokens = 0

    def __call__(self, text: str | list[str], *, truncation: bool = False, **_: Any) -> Any:
        """Encode a text as ``input_ids`` [1, n]: padded and truncated to 77, or, without truncation, fewer than 77."""
        room = self.model_max_length
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


def make_diffusers_scheduler(scheduler: Scheduler, config: SchedulerConfig, noise: Noise) -> Any:
    """Return diffusers' scheduler for one image, made as in Apple's command line: from the model's own settings.

    Raises PackageError if diffusers rejects the settings.
    """
    if scheduler is Scheduler.EULER_ANCESTRAL_DISCRETE:
        return _EulerAncestral(config, noise)
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


class _EulerAncestral:
    """sdq's Euler ancestral with diffusers' interface.

    diffusers draws the noise of its steps from torch's global generator, which Apple's command line never seeds, so a
    seed gives a different image each time. This one continues the noise of the latents: a seed gives one image, the
    same from both pipelines.
    """

    def __init__(self, config: SchedulerConfig, noise: Noise) -> None:
        self._config = config
        self._noise = noise
        self._walk = self._begin(1)

    def _begin(self, steps: int) -> ImageScheduler:
        return make_scheduler(Scheduler.EULER_ANCESTRAL_DISCRETE, self._config, steps)

    def set_timesteps(self, num_inference_steps: int) -> None:
        self._walk = self._begin(num_inference_steps)

    @property
    def timesteps(self) -> Array:
        return self._walk.timesteps

    @property
    def init_noise_sigma(self) -> np.float32:
        sigma: np.float32 = np.float32(self._walk.init_noise_sigma)
        return sigma

    def scale_model_input(self, sample: Array, _: Any) -> Array:
        return self._walk.scale_model_input(sample)

    def step(self, noise_pred: Any, _: Any, sample: Any) -> Any:
        import torch

        stepped = self._walk.step(noise_pred.numpy(), sample.numpy(), self._noise)
        return SimpleNamespace(prev_sample=torch.from_numpy(np.ascontiguousarray(stepped)))
