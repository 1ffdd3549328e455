"""The common part of LCM and TCD: the timesteps that a model was distilled at."""

from __future__ import annotations

import numpy as np

from sdq_core.errors import PackageError, StepsError
from sdq_core.models.scheduler_config import SchedulerConfig
from sdq_core.values.scheduler_settings import SPACINGS
from worker.pipelines.schedulers.alpha_steps import AlphaSteps, Predictions
from worker.pipelines.schedulers.betas import training_alphas
from worker.pipelines.schedulers.spacing import check_steps

#: What diffusers' LCM and TCD take for settings that a file leaves out; other schedulers there take other values.
_DEFAULTS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


class DistilledSteps(AlphaSteps):
    """Evenly chosen steps of the lower part of those timesteps, or those that the model's settings list.

    strength: how large that part is, over 0 to 1. As in diffusers' pipeline of LCM, a picture is drawn in all of the
    steps, where other schedulers leave out the first ones.
    """

    #: For messages.
    name: str

    def __init__(
        self, config: SchedulerConfig, num_inference_steps: int, strength: float = 1.0
    ) -> None:
        config = config.with_defaults(_DEFAULTS)
        alphas = training_alphas(config)
        trained = len(alphas)
        check_steps(num_inference_steps, trained)
        # Of no use here, but a word that no scheduler knows says that the file is not understood.
        config.word("timestep_spacing", "leading", SPACINGS)
        self._scaling = config.number("timestep_scaling", 10.0)
        self._predictions = Predictions(config, clips=False)
        if listed := config.timesteps():
            if strength != 1 or num_inference_steps != len(listed):
                raise PackageError(
                    f"{config.origin} lists the timesteps of this model: it draws with {len(listed)} "
                    f"step{'s' * (len(listed) > 1)}, and not from a picture."
                )
            super().__init__(alphas, np.array(listed, np.int64))
            return
        distilled = config.integer("original_inference_steps", 50)
        if not 1 <= distilled <= trained:
            raise PackageError(
                f"{config.origin}: 'original_inference_steps' is {distilled}, but must be 1 to {trained}. "
                "Use the model's own file."
            )
        known = int(distilled * strength)
        if num_inference_steps > known:
            of_strength = "" if strength == 1 else f" in strength {strength:g}"
            raise StepsError(
                f"{self.name} knows {known} timesteps of this model{of_strength}, so it cannot take "
                f"{num_inference_steps} inference steps. Use 1 to {max(known, 1)} steps; 4 to 8 are usual."
            )
        falling = (np.arange(known, 0, -1) * (trained // distilled) - 1).astype(np.int64)
        chosen = np.floor(np.linspace(0, known, num_inference_steps, endpoint=False))
        super().__init__(alphas, falling[chosen.astype(np.int64)])
