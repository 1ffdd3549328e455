"""PNDM: pseudo numerical methods for diffusion models (Liu et al., arXiv:2202.09778).

With ``skip_prk_steps``, as Stable Diffusion sets it, this is PLMS: linear multistep from the start, its second step
taken twice. Without, the first three steps are Runge-Kutta steps of four evaluations each.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import StepsError
from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.scheduler_settings import SPACINGS
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers.alpha_steps import AlphaSteps
from worker.pipelines.schedulers.betas import training_alphas
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.spacing import check_steps, check_timesteps

#: Order of the Runge-Kutta warm-up, and so the minimum number of steps for it.
ORDER = 4


class PNDMScheduler(AlphaSteps):
    """One image's walk by the paper's equations 9, 12 and 13."""

    def __init__(self, config: SchedulerConfig, num_inference_steps: int, begin: int = 0) -> None:
        alphas = training_alphas(config, may_rescale=False)
        check_steps(num_inference_steps, len(alphas))
        self._stride = len(alphas) // num_inference_steps
        self._final_alpha = 1.0 if config.flag("set_alpha_to_one", False) else float(alphas[0])
        self._predicts_v = (
            config.word("prediction_type", "epsilon", ("epsilon", "v_prediction")) == "v_prediction"
        )
        every = _rising_timesteps(config, num_inference_steps, len(alphas))
        self._prk_steps, plms_steps = self._plan(config, every[: len(every) - begin])
        super().__init__(alphas, np.concatenate([self._prk_steps, plms_steps]))
        check_timesteps(self.timesteps, len(alphas))
        self._history: list[Latents] = []
        self._kept_sample: Latents | None = None
        self._runge_kutta_sum: Latents = np.zeros((), np.float32)

    def _plan(
        self, config: SchedulerConfig, rising: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the timesteps of the Runge-Kutta and of the multistep evaluations, with the warm-up where they begin.

        diffusers takes a part of the whole plan instead, which puts every later step one interval behind.
        """
        if config.flag("skip_prk_steps", False):
            twice = np.concatenate([rising[:-1], rising[-2:-1], rising[-1:]])
            return np.array([], np.int64), twice[::-1]
        if len(rising) < ORDER:
            raise StepsError(
                f"PNDM with Runge-Kutta steps, as {config.origin} asks for, needs at least {ORDER} "
                f"inference steps, not {len(rising)}. Use more steps, or set 'skip_prk_steps' in that file."
            )
        halves = rising[-ORDER:].repeat(2) + np.tile([0, self._stride // 2], ORDER)
        return halves[:-1].repeat(2)[1:-1][::-1], rising[: 1 - ORDER][::-1]

    def step(self, noise_pred: Latents, sample: Latents, noise: Noise) -> Latents:  # noqa: ARG002
        """See ImageScheduler."""
        runge_kutta = self.index < len(self._prk_steps)
        result = (self._step_prk if runge_kutta else self._step_plms)(noise_pred, sample)
        self.index += 1
        return result

    def _step_prk(self, noise_pred: Latents, sample: Latents) -> Latents:
        """Take one of the four evaluations of a Runge-Kutta step (equation 13)."""
        phase = self.index % 4
        timestep = int(self.steps[self.index])
        previous = timestep - (0 if self.index % 2 else self._stride // 2)
        if phase == 0:
            self._runge_kutta_sum = noise_pred * (1 / 6)
            self._history.append(noise_pred)
            self._kept_sample = sample
        elif phase in (1, 2):
            self._runge_kutta_sum = self._runge_kutta_sum + noise_pred * (1 / 3)
        else:
            noise_pred = self._runge_kutta_sum + noise_pred * (1 / 6)
        start = self._kept_sample if self._kept_sample is not None else sample
        return self._transfer(
            start, int(self._prk_steps[self.index // 4 * 4]), previous, noise_pred
        )

    def _step_plms(self, noise_pred: Latents, sample: Latents) -> Latents:
        """Take one linear multistep step (equation 12), of the order that the history allows."""
        timestep = int(self.steps[self.index])
        previous = timestep - self._stride
        if self.index != 1:
            self._history = [*self._history[-3:], noise_pred]
        else:
            # The second evaluation repeats the first step with the mean of both slopes.
            previous, timestep = timestep, timestep + self._stride
        past = self._history
        if len(past) == 1 and self.index == 0:
            self._kept_sample = sample
        elif len(past) == 1 and self.index == 1:
            noise_pred = (noise_pred + past[-1]) / 2
            sample = sample if self._kept_sample is None else self._kept_sample
            self._kept_sample = None
        elif len(past) == 2:
            noise_pred = (3 * past[-1] - past[-2]) / 2
        elif len(past) == 3:
            noise_pred = (23 * past[-1] - 16 * past[-2] + 5 * past[-3]) / 12
        else:
            noise_pred = (1 / 24) * (55 * past[-1] - 59 * past[-2] + 37 * past[-3] - 9 * past[-4])
        return self._transfer(sample, timestep, previous, noise_pred)

    def _transfer(self, sample: Latents, timestep: int, previous: int, noise: Latents) -> Latents:
        """Return the sample at ``previous`` (equation 9, with x_t added to both sides)."""
        alpha = self.alpha(timestep)
        alpha_previous = self.alpha(previous) if previous >= 0 else self._final_alpha
        beta, beta_previous = 1 - alpha, 1 - alpha_previous
        if self._predicts_v:
            noise = math.sqrt(alpha) * noise + math.sqrt(beta) * sample
        denominator = alpha * math.sqrt(beta_previous) + math.sqrt(alpha * beta * alpha_previous)
        return (
            math.sqrt(alpha_previous / alpha) * sample
            - (alpha_previous - alpha) * noise / denominator
        )


def _rising_timesteps(config: SchedulerConfig, steps: int, trained: int) -> NDArray[np.int64]:
    spacing = config.word("timestep_spacing", "leading", SPACINGS)
    if spacing == "linspace":
        return np.asarray(np.linspace(0, trained - 1, steps).round(), np.int64)
    if spacing == "leading":
        leading = (np.arange(steps) * (trained // steps)).astype(np.int64)
        return leading + config.integer("steps_offset", 0)
    return np.asarray(np.arange(trained, 0, -trained / steps).round()[::-1] - 1, np.int64)
