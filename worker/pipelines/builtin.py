"""The built-in pipeline: Stable Diffusion 1 and 2 on any runtime, in NumPy.

It computes the same as Apple's `CoreMLStableDiffusionPipeline`, in the same order and with the same casts, so a seed
gives the same image from both. The exceptions are EulerAncestralDiscrete, LCM and TCD, whose noise comes from torch
there. It does not need torch, keeps the safety checker's scores, and reports every evaluation of the U-Net.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from sdq_core.errors import BrokenImageError
from sdq_core.models import VariantFolder
from sdq_core.models.controlnet import ControlNets
from sdq_core.models.families import GUIDANCE_EMBEDDING
from sdq_core.values.part_units import PartUnits
from sdq_core.values.safety import Safety
from worker.pipelines.beside import Ahead, Neighbour, rows_are_apart
from worker.pipelines.conditioning import Conditioning
from worker.pipelines.contract import DrawnImage, ImageRequest, StepReport
from worker.pipelines.denoise import Evaluation, denoise
from worker.pipelines.families import Pieces, assemble
from worker.pipelines.guidance_embedding import guidance_embedding
from worker.pipelines.noise import make_noise
from worker.pipelines.preview import Previews
from worker.pipelines.safety import SafetyReport
from worker.pipelines.schedulers import ImageScheduler, make_scheduler
from worker.pipelines.start import FromNoise
from worker.runtimes.contract import Runtime

log = logging.getLogger(__name__)


class BuiltinPipeline:
    """A model variant in memory; satisfies `worker.pipelines.contract.Pipeline`.

    Between images it keeps only the networks, the embeddings of the previous prompts, and the latents of the next image
    if that was denoised along with the last one.
    """

    name = "builtin"

    def __init__(self, pieces: Pieces, *, with_previews: bool = False) -> None:
        self._pieces = pieces
        self._with_previews = with_previews
        self._previews: Previews | None = None
        self._ahead: Ahead | None = None
        self._rows_are_apart: bool | None = None  # not known before there are two images

    @classmethod
    def load(
        cls,
        folder: VariantFolder,
        runtime: Runtime,
        units: PartUnits,
        safety: Safety = Safety.FLAG,
        inputs: Path | None = None,
        controlnets: ControlNets | None = None,
        with_previews: bool = False,
    ) -> BuiltinPipeline:
        """Load every part of a model variant; see `assemble`. with_previews: let whoever is told of a step look."""
        pieces = assemble(folder, runtime, units, safety, inputs, controlnets)
        return cls(pieces, with_previews=with_previews)

    @property
    def width(self) -> int:
        """Pixels."""
        return self._pieces.unet.width

    @property
    def height(self) -> int:
        """Pixels."""
        return self._pieces.unet.height

    def _condition(self, request: ImageRequest) -> Conditioning:
        """Return what the U-Net is told: of both branches of guidance, if it is not told the scale itself."""
        width = self._pieces.unet.guidance_width
        guided = width is None and request.guidance_scale > 1.0
        conditioning = self._pieces.conditioner.condition(request, guided=guided)
        if width is None:
            return conditioning
        scale = guidance_embedding(request.guidance_scale, width)
        return conditioning.and_all_are_told({GUIDANCE_EMBEDDING: scale})

    def _fitted(self) -> Previews | None:
        """Return what makes previews, fitted before the first image: while a model loads, no part of it runs."""
        if self._with_previews and self._previews is None:
            pieces = self._pieces
            kind = str(pieces.scheduler_config.values.get("prediction_type") or "epsilon")
            try:
                self._previews = Previews.fitted(
                    pieces.vae_decoder, pieces.unet.latents_shape, kind
                )
            except BrokenImageError as error:  # of images that it can draw all the same
                self._with_previews = False
                log.warning("There will be no previews: %s", error)
        return self._previews

    def _scheduler(self, request: ImageRequest) -> ImageScheduler:
        conditions = request.conditions
        return make_scheduler(
            request.scheduler,
            self._pieces.scheduler_config,
            request.num_inference_steps,
            strength=1.0 if conditions.strength is None else conditions.strength,
            eta=conditions.eta,
        )

    def _has_room(self, conditioning: Conditioning, meanwhile: Callable[[], None]) -> bool:
        """Whether an image leaves a row of the U-Net to another one, and that changes neither of them."""
        unet = self._pieces.unet
        if unet.batch != 2 or len(conditioning.branches) != 1:
            return False
        if self._rows_are_apart is None:
            (told,) = conditioning.batches(2)
            self._rows_are_apart = rows_are_apart(unet, told, meanwhile)
        return self._rows_are_apart

    def _neighbour(self, request: ImageRequest) -> Neighbour:
        """Begin an image of noise beside another one."""
        unet, scheduler = self._pieces.unet, self._scheduler(request)
        noise = make_noise(request.rng, request.seed)
        latents = FromNoise().latents(scheduler, unet.latents_shape, noise)
        return Neighbour(unet, request, scheduler, latents, noise)

    def draw(
        self, request: ImageRequest, on_step: StepReport, upcoming: ImageRequest | None = None
    ) -> DrawnImage:
        """Draw one image; see `contract.Pipeline.draw`.

        One source of noise serves the whole image: its first draw gives the latents, that of a picture's encoder comes
        next, then the noise of schedulers that add some. What is upcoming is denoised along with it where that costs
        nothing: if it differs in its seed alone, and the image fills half of a U-Net of batch 2.
        """
        pieces = self._pieces
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.request != request:
            ahead = None
        guides = pieces.guidance.of(request.conditions.controlnets)
        unet = guides.unet if guides else pieces.unet
        start = pieces.pictures.start(request.conditions)
        scheduler = self._scheduler(request)
        conditioning = self._condition(request)
        previews = self._fitted()
        joins = (
            upcoming is not None
            and replace(upcoming, seed=request.seed) == request
            and not (ahead or guides or request.conditions.init_image)
            and self._has_room(conditioning, partial(on_step, 0, len(scheduler.timesteps)))
        )

        started = time.perf_counter()
        noise = make_noise(request.rng, request.seed)
        latents = start.latents(scheduler, unet.latents_shape, noise)
        neighbour = self._neighbour(upcoming) if upcoming and joins else None
        evaluations: Iterable[Evaluation] = (
            [ahead.evaluation]
            if ahead
            else denoise(
                unet=neighbour or unet,
                scheduler=scheduler,
                latents=latents,
                start=start,
                conditioning=conditioning,
                guides=guides,
                guidance_scale=request.guidance_scale,
                noise=noise,
            )
        )
        num_unet_calls = 0
        for evaluation in evaluations:
            latents, num_unet_calls = evaluation.latents, evaluation.done
            step = (evaluation.done, evaluation.total)
            if previews:
                on_step(*step, look=partial(previews.picture, scheduler, evaluation))
            else:
                on_step(*step)
        denoised = time.perf_counter()
        denoise_ms = (denoised - started) * 1000
        if neighbour:
            self._ahead = neighbour.ahead(denoise_ms)
        if shared := ahead or self._ahead:
            denoise_ms = shared.denoise_ms
        decoded = pieces.vae_decoder.decode(latents)
        finished = time.perf_counter()
        report = SafetyReport(flagged=False, concept_scores={})
        checker = pieces.safety_checker
        if checker is not None:
            report = checker.check(decoded)
        checked = time.perf_counter()
        if previews:
            previews.learn(latents, decoded.pixels)

        return DrawnImage(
            pixels=decoded.pixels,
            pipeline=self.name,
            truncated_tokens=conditioning.truncated_tokens,
            nsfw_flagged=None if checker is None else report.flagged,
            concept_scores=report.concept_scores,
            text_encode_ms=conditioning.encode_ms,
            denoise_ms=denoise_ms,
            num_unet_calls=num_unet_calls,
            decode_ms=(finished - denoised) * 1000,
            safety_ms=0.0 if checker is None else (checked - finished) * 1000,
        )
