"""The built-in pipeline: Stable Diffusion 1 and 2 on any runtime, in NumPy.

It computes the same as Apple's `CoreMLStableDiffusionPipeline`, in the same order and with the same casts, so a seed
gives the same image from both. The exception is EulerAncestralDiscrete, whose noise comes from torch there. It does not
need torch, keeps the safety checker's scores, and reports every evaluation of the U-Net.
"""

from __future__ import annotations

import logging
import time

import numpy as np

from sdq_core.models import VariantFolder
from sdq_core.printable import quote
from sdq_core.values.part_units import PartUnits
from sdq_core.values.safety import Safety
from worker.pipelines.contract import DrawnImage, ImageRequest, StepReport
from worker.pipelines.denoise import denoise, first_latents
from worker.pipelines.parts import Parts
from worker.pipelines.safety import SafetyReport
from worker.pipelines.schedulers import SchedulerConfig, make_scheduler
from worker.pipelines.text import TextEncoder
from worker.pipelines.tokenizer import ClipTokenizer
from worker.runtimes.contract import Runtime

log = logging.getLogger(__name__)


class BuiltinPipeline:
    """A model variant in memory; satisfies `worker.pipelines.contract.Pipeline`.

    Between images it keeps only the networks and the embeddings of the previous prompts.
    """

    name = "builtin"

    def __init__(
        self, parts: Parts, text_encoder: TextEncoder, scheduler_config: SchedulerConfig
    ) -> None:
        self._text_encoder = text_encoder
        self._unet = parts.unet
        self._vae_decoder = parts.vae_decoder
        self._safety_checker = parts.safety_checker
        self._scheduler_config = scheduler_config

    @classmethod
    def load(
        cls,
        folder: VariantFolder,
        runtime: Runtime,
        units: PartUnits,
        safety: Safety = Safety.FLAG,
    ) -> BuiltinPipeline:
        """Load every part of a model variant; see `Parts.load`."""
        # Small files first: a missing one should not cost the minutes that a U-Net may take.
        tokenizer = ClipTokenizer(folder.tokenizer, folder.embedded_tokens)
        scheduler_config = SchedulerConfig.from_file(folder.scheduler_config)
        if ignored := scheduler_config.ignored():
            log.warning(
                "%s sets %s, which sdq's schedulers do not read.",
                scheduler_config.origin,
                ", ".join(map(quote, ignored)),
            )
        parts = Parts.load(folder, runtime, units, safety)
        return cls(parts, TextEncoder(tokenizer, parts.text_encoder), scheduler_config)

    @property
    def width(self) -> int:
        """Pixels."""
        return self._unet.width

    @property
    def height(self) -> int:
        """Pixels."""
        return self._unet.height

    def draw(self, request: ImageRequest, on_step: StepReport) -> DrawnImage:
        """Draw one image; see `contract.Pipeline.draw`.

        One `numpy.random.RandomState(seed)` serves the whole image: its first draw gives the latents, the next ones the
        noise of schedulers that add some.
        """
        guidance = request.guidance_scale > 1.0
        self._unet.refuse_guidance(request.guidance_scale)
        scheduler = make_scheduler(
            request.scheduler, self._scheduler_config, request.num_inference_steps
        )
        conditioning = self._text_encoder.encode(
            request.prompt, request.negative_prompt if guidance else None
        )

        started = time.perf_counter()
        rng = np.random.RandomState(request.seed)
        latents = first_latents(rng, self._unet.latents_shape, scheduler.init_noise_sigma)
        num_unet_calls = 0
        for evaluation in denoise(
            unet=self._unet,
            scheduler=scheduler,
            latents=latents,
            conditioning=conditioning,
            guidance_scale=request.guidance_scale,
            rng=rng,
        ):
            latents, num_unet_calls = evaluation.latents, evaluation.done
            on_step(evaluation.done, evaluation.total)
        denoised = time.perf_counter()
        decoded = self._vae_decoder.decode(latents)
        finished = time.perf_counter()
        report = SafetyReport(flagged=False, concept_scores={})
        if self._safety_checker is not None:
            report = self._safety_checker.check(decoded)
        checked = time.perf_counter()

        return DrawnImage(
            pixels=decoded.pixels,
            truncated_tokens=conditioning.truncated_tokens,
            nsfw_flagged=None if self._safety_checker is None else report.flagged,
            concept_scores=report.concept_scores,
            text_encode_ms=conditioning.encode_ms,
            denoise_ms=(denoised - started) * 1000,
            num_unet_calls=num_unet_calls,
            decode_ms=(finished - denoised) * 1000,
            safety_ms=0.0 if self._safety_checker is None else (checked - finished) * 1000,
        )
