"""DPM-Solver and DPM-Solver++, multistep (Lu et al., arXiv:2206.00927 and arXiv:2211.01095).

One formula serves all four algorithm types. In the papers' terms, x_t = A x_s + B0 D0 + B1 D1 + B2 D2 + N z with D0
the model's newest output and D1, D2 its first and second divided differences over lambda = log(alpha / sigma). The
"++" types take the predicted image as the model's output, the others the predicted noise; the "sde" types add noise z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdq_core.errors import PackageError
from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.scheduler_settings import SPACINGS
from worker.pipelines.noise import Noise
from worker.pipelines.schedulers.betas import training_alphas
from worker.pipelines.schedulers.contract import Latents
from worker.pipelines.schedulers.noising import preserving_variance
from worker.pipelines.schedulers.spacing import (
    check_steps,
    exponential_sigmas,
    karras_sigmas,
    timesteps_of_sigmas,
    training_sigmas,
)

ALGORITHMS = ("dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++")
#: Names of other multistep solvers in a shared configuration -> what diffusers takes them for.
ALGORITHM_SYNONYMS = {"deis": "dpmsolver++"}
SOLVER_SYNONYMS = {"logrho": "midpoint", "bh1": "midpoint", "bh2": "midpoint"}
#: Below this many steps, ``lower_order_final`` lowers the order of the final ones.
FEW_STEPS = 15


@dataclass(frozen=True)
class Level:
    """A noise level of the variance-preserving process: x = alpha x_0 + sigma z, lambda = log(alpha / sigma)."""

    alpha: float
    sigma: float
    lambda_: float

    @classmethod
    def of(cls, sigma: float) -> Level:
        """Convert from the variance-exploding sigma."""
        alpha = 1 / math.sqrt(sigma**2 + 1)
        return cls(alpha, sigma * alpha, -math.log(sigma) if sigma > 0 else math.inf)


class DPMSolverMultistepScheduler:
    """One image's walk with a multistep exponential integrator of order 1 to 3."""

    init_noise_sigma = 1.0

    def __init__(self, config: SchedulerConfig, num_inference_steps: int, begin: int = 0) -> None:
        self._algorithm = config.word(
            "algorithm_type", "dpmsolver++", (*ALGORITHMS, *ALGORITHM_SYNONYMS)
        )
        self._algorithm = ALGORITHM_SYNONYMS.get(self._algorithm, self._algorithm)
        solver = config.word("solver_type", "midpoint", ("midpoint", "heun", *SOLVER_SYNONYMS))
        self._heun = SOLVER_SYNONYMS.get(solver, solver) == "heun"
        self._order = config.integer("solver_order", 2)
        self._prediction_type = config.word(
            "prediction_type", "epsilon", ("epsilon", "sample", "v_prediction")
        )
        self._lower_order_final = config.flag("lower_order_final", True)
        final = config.word("final_sigmas_type", "zero", ("zero", "sigma_min"))
        self._euler_at_final = config.flag("euler_at_final", False) or final == "zero"
        self._check(config, final)
        self._steps, self._sigmas = _schedule(config, num_inference_steps, final)
        self._outputs: list[Latents] = []
        self._begin = self._index = begin

    def _check(self, config: SchedulerConfig, final: str) -> None:
        if self._order not in (1, 2, 3):
            raise PackageError(
                f"{config.origin}: 'solver_order' is {self._order}, but must be 1, 2 or 3. "
                "Use the model's own file."
            )
        if not self._algorithm.endswith("++") and final == "zero":
            raise PackageError(
                f"{config.origin}: algorithm {self._algorithm} cannot end at sigma 0. "
                "Set 'final_sigmas_type' to 'sigma_min' or 'algorithm_type' to 'dpmsolver++'."
            )
        if self._algorithm == "sde-dpmsolver" and self._order == 3:
            raise PackageError(
                f"{config.origin}: sde-dpmsolver has no third order. Set 'solver_order' to 2."
            )

    @property
    def timesteps(self) -> NDArray[np.float32]:
        """See ImageScheduler."""
        return self._steps[self._begin :]

    def scale_model_input(self, sample: Latents) -> Latents:
        """See ImageScheduler."""
        return sample

    def add_noise(self, original: Latents, noise: Latents, index: int) -> Latents:
        """See ImageScheduler."""
        alpha = Level.of(float(self._sigmas[self._begin + index])).alpha ** 2
        return preserving_variance(original, noise, alpha)

    def step(self, noise_pred: Latents, sample: Latents, noise: Noise) -> Latents:
        """See ImageScheduler; the sde algorithms draw once from ``noise``."""
        count, index = len(self._steps), self._index
        few = self._lower_order_final and count < FEW_STEPS
        known = len(self._outputs)
        order = min(self._order, known + 1)
        if index == count - 1 and (self._euler_at_final or few):
            order = 1
        elif index == count - 2 and few:
            order = min(order, 2)
        output = self._converted(noise_pred, sample, Level.of(float(self._sigmas[index])))
        self._outputs = [output, *self._outputs][: self._order]
        sample = sample.astype(np.float32)
        stochastic = self._algorithm.startswith("sde")
        drawn = noise.normal(sample.shape) if stochastic else None
        self._index += 1
        return self._update(sample, drawn, order, index)

    def _converted(self, noise_pred: Latents, sample: Latents, level: Level) -> Latents:
        """Return the predicted image for "++", the predicted noise otherwise."""
        if self._algorithm.endswith("++"):
            if self._prediction_type == "epsilon":
                return (sample - level.sigma * noise_pred) / level.alpha
            if self._prediction_type == "v_prediction":
                return level.alpha * sample - level.sigma * noise_pred
            return noise_pred
        if self._prediction_type == "epsilon":
            return noise_pred
        if self._prediction_type == "v_prediction":
            return level.alpha * noise_pred + level.sigma * sample
        return (sample - level.alpha * noise_pred) / level.sigma

    def _update(self, sample: Latents, noise: Latents | None, order: int, index: int) -> Latents:
        """Take a step of the given order: equations 3.7 and B.4 (DPM-Solver), 4.3 to 4.6 (++)."""
        target = Level.of(float(self._sigmas[index + 1]))
        levels = [Level.of(float(self._sigmas[index - back])) for back in range(order)]
        h = target.lambda_ - levels[0].lambda_
        keep, weights, noise_weight = self._coefficients(levels[0], target, h, order)
        result = keep * sample
        for weight, difference in zip(weights, self._differences(levels, h), strict=True):
            result = result + weight * difference
        return result if noise is None else result + noise_weight * noise

    def _differences(self, levels: list[Level], h: float) -> list[Latents]:
        """Return D0, D1 and D2, as many as the order needs."""
        newest = self._outputs[0]
        if len(levels) == 1:
            return [newest]
        r0 = (levels[0].lambda_ - levels[1].lambda_) / h
        first = (1 / r0) * (newest - self._outputs[1])
        if len(levels) == 2:
            return [newest, first]
        r1 = (levels[1].lambda_ - levels[2].lambda_) / h
        older = (1 / r1) * (self._outputs[1] - self._outputs[2])
        second = (1 / (r0 + r1)) * (first - older)
        return [newest, first + (r0 / (r0 + r1)) * (first - older), second]

    def _coefficients(
        self, start: Level, target: Level, h: float, order: int
    ) -> tuple[float, list[float], float]:
        """Return the weights of the sample, of the differences, and of the noise.

        h may be infinite (a final step to sigma 0), but then the order is 1.
        """
        # The four algorithms are one in u: x_t = keep x + scale (growth D0 + ...), growth = e^u - 1.
        plus, sde = self._algorithm.endswith("++"), self._algorithm.startswith("sde")
        if plus:
            u, scale = (-2 * h if sde else -h), -target.alpha
            keep = target.sigma / start.sigma * (math.exp(-h) if sde else 1.0)
            noise_weight = target.sigma * math.sqrt(-math.expm1(-2 * h))
        else:
            u, scale = h, -target.sigma * (2.0 if sde else 1.0)
            keep = target.alpha / start.alpha
            noise_weight = target.sigma * math.sqrt(math.expm1(2 * h)) if sde else 0.0
        growth = math.expm1(u)
        weights = [scale * growth]
        if order == 2 and not self._heun:
            weights.append(0.5 * scale * growth)
        elif order >= 2:
            weights.append(scale * (growth / u - 1))
        if order == 3:
            # The papers have no third order with noise; this is the sign in diffusers, and images must agree.
            half = -0.5 if not sde else 0.5
            weights.append(scale * ((growth - u) / u**2 + half))
        return keep, weights, noise_weight


def _schedule(
    config: SchedulerConfig, steps: int, final: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return timesteps [n] (whole numbers) and sigmas [n + 1], both float32 and high to low."""
    alphas = training_alphas(config, almost_zero_terminal_snr=True)
    check_steps(steps, len(alphas))
    trained = training_sigmas(alphas)
    logs = np.log(trained)
    timesteps = _timesteps(config, steps, _usable_timesteps(config, alphas), len(alphas))
    sigmas = np.interp(timesteps, np.arange(len(trained)), trained)

    highest = config.optional_number("sigma_max") or float(trained[-1])
    lowest = config.optional_number("sigma_min") or float(trained[0])
    cosine = config.values.get("beta_schedule") == "squaredcos_cap_v2"
    if config.flag("use_karras_sigmas", False):
        sigmas = karras_sigmas(highest, lowest, steps)
        timesteps = timesteps_of_sigmas(sigmas, logs)
        timesteps = timesteps if cosine else timesteps.round()
    elif config.flag("use_lu_lambdas", False):
        sigmas = np.exp(np.linspace(float(logs[-1]), float(logs[0]), steps))
        timesteps = timesteps_of_sigmas(sigmas, logs)
        timesteps = timesteps if cosine else timesteps.round()
    elif config.flag("use_exponential_sigmas", False):
        sigmas = exponential_sigmas(highest, lowest, steps)
        timesteps = timesteps_of_sigmas(sigmas, logs)
    last = 0.0 if final == "zero" else float(trained[0])
    # diffusers stores these timesteps as integers, which truncates interpolated ones.
    return (
        timesteps.astype(np.int64).astype(np.float32),
        np.append(sigmas, last).astype(np.float32),
    )


def _usable_timesteps(config: SchedulerConfig, alphas: NDArray[np.float32]) -> int:
    """Return how many training timesteps are above ``lambda_min_clipped`` (needed by cosine schedules)."""
    lambdas = np.log(np.sqrt(alphas)) - np.log(np.sqrt(np.float32(1) - alphas))
    lowest = np.float32(config.number("lambda_min_clipped", -math.inf))
    return len(alphas) - int(np.searchsorted(lambdas[::-1], lowest))


def _timesteps(
    config: SchedulerConfig, steps: int, usable: int, trained: int
) -> NDArray[np.float64]:
    spacing = config.word("timestep_spacing", "linspace", SPACINGS)
    if spacing == "linspace":
        return np.asarray(np.linspace(0, usable - 1, steps + 1).round()[::-1][:-1], np.float64)
    if spacing == "leading":
        leading = (np.arange(steps + 1) * (usable // (steps + 1)))[::-1][:-1]
        return (leading + config.integer("steps_offset", 0)).astype(np.float64)
    return np.asarray(np.arange(usable, 0, -trained / steps).round() - 1, np.float64)
