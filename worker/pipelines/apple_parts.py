"""What Apple's pipeline gets besides networks: a tokenizer that truncates, and a scheduler.

torch, diffusers and transformers are imported where they are used: machines without them import this file too.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from sdq_core.errors import PackageError
from sdq_core.values.variants import Scheduler
from worker.pipelines.arrays import Array
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers import ImageScheduler, SchedulerConfig, make_scheduler
from worker.pipelines.tokenizer import ClipTokenizer

#: What may add noise at each step; diffusers' own would draw it from torch.
_STOCHASTIC = frozenset({Scheduler.EULER_ANCESTRAL_DISCRETE, Scheduler.LCM, Scheduler.TCD})


class PromptTokenizer:
    """transformers' CLIPTokenizer, called as Apple's pipeline calls it; sdq's own where weights count.

    Apple's pipeline tokenizes a prompt twice, truncated to 77 tokens and in full, and crashes on comparing the two if
    the full one has 77 or more. So the full result is always kept shorter than that; what was cut off is counted here.

    weights: [77], of the text that was encoded last.
    """

    def __init__(self, folder: Path, *, pad_token: str | None = None) -> None:
        """Load the tokenizer; raise PackageError for missing or damaged files.

        pad_token: fills short prompts up in place of the folder's own.
        """
        from transformers import CLIPTokenizer
        from transformers.models.clip.tokenization_clip import BasicTokenizer

        self._own = ClipTokenizer(folder, pad_token=pad_token)
        self.model_max_length = self._own.max_length
        self.begin()
        padding = {} if pad_token is None else {"pad_token": pad_token}
        try:
            self._tokenizer: Any = CLIPTokenizer.from_pretrained(
                str(folder),
                model_max_length=self.model_max_length,
                local_files_only=True,
                **padding,
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
        # Until it is told the steps; a model with set timesteps takes no other number.
        self._walk = self._begin(len(config.timesteps()) or 1)

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
