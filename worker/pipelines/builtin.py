"""The built-in pipeline: Stable Diffusion 1 and 2 over any runtime, in NumPy.

It computes what Apple's `CoreMLStableDiffusionPipeline` computes, in the same order and with the same casts, so that a
seed gives the same image from both (EulerAncestralDiscrete excepted: its noise comes from torch there). It needs no
torch, keeps the scores of the safety checker, and reports every evaluation of the U-Net.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from sdq.errors import PackageError
from sdq.models import VariantFolder
from sdq.variants import ComputeUnit
from worker.pipelines.contract import DrawnImage, ImageRequest, StepReport
from worker.pipelines.decode import VaeDecoder
from worker.pipelines.denoise import denoise, first_latents
from worker.pipelines.safety import FeatureExtractor, SafetyChecker, SafetyReport
from worker.pipelines.schedulers import SchedulerConfig, make_scheduler
from worker.pipelines.text import TextEncoder
from worker.pipelines.tokenizer import ClipTokenizer
from worker.pipelines.unet import ChunkedModel, UNet
from worker.runtimes.contract import LoadedModel, Runtime


class BuiltinPipeline:
    """A model variant in memory; satisfies `worker.pipelines.contract.Pipeline`.

    Holds the networks and the embeddings of the last prompt, nothing else from one image to the next.
    """

    name = "builtin"

    def __init__(
        self,
        *,
        text_encoder: TextEncoder,
        unet: UNet,
        vae_decoder: VaeDecoder,
        scheduler_config: SchedulerConfig,
        safety_checker: SafetyChecker | None,
    ) -> None:
        self._text_encoder = text_encoder
        self._unet = unet
        self._vae_decoder = vae_decoder
        self._scheduler_config = scheduler_config
        self._safety_checker = safety_checker

    @classmethod
    def load(
        cls, folder: VariantFolder, runtime: Runtime, compute_unit: ComputeUnit
    ) -> BuiltinPipeline:
        """Load every part of a model variant.

        The whole U-Net is preferred to its chunks. The safety checker is used where both it and the feature extractor
        are there. Raises PackageError when a part is missing, damaged or does not fit the others.
        """
        # The small files first: a missing one should not cost the minutes that a U-Net may take.
        tokenizer = ClipTokenizer(folder.tokenizer)
        scheduler_config = SchedulerConfig.from_file(folder.scheduler_config)
        extractor = None
        if "safety_checker" in folder.parts and folder.feature_extractor is not None:
            extractor = FeatureExtractor(folder.feature_extractor)
        packages = {
            name: _part(folder, name) for name in ("text_encoder", "vae_decoder", *_unet(folder))
        }

        def load(name: str) -> LoadedModel:
            return runtime.load(packages[name], compute_unit)

        text_encoder = TextEncoder(tokenizer, load("text_encoder"))
        if "unet" in packages:
            unet = UNet(load("unet"))
        else:
            unet = UNet(ChunkedModel(load("unet_chunk1"), load("unet_chunk2")))
        vae_decoder = VaeDecoder(load("vae_decoder"), unet.latents_shape)
        safety_checker = None
        if extractor is not None:
            checker = runtime.load(folder.parts["safety_checker"], compute_unit)
            safety_checker = SafetyChecker(extractor, checker)
        return cls(
            text_encoder=text_encoder,
            unet=unet,
            vae_decoder=vae_decoder,
            scheduler_config=scheduler_config,
            safety_checker=safety_checker,
        )

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

        One `numpy.random.RandomState(seed)` serves the whole image: the latents are its first draw, the noise of
        schedulers that add some its next ones.
        """
        guidance = request.guidance_scale > 1.0
        if self._unet.batch == 2 and not guidance:
            raise PackageError(
                f"Guidance scale {request.guidance_scale:g} needs a U-Net of batch 1, and this one was "
                "converted for batch 2. Ask for a guidance scale above 1, or convert the model "
                "with --unet-batch-one."
            )
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


def _unet(folder: VariantFolder) -> tuple[str, ...]:
    """Return the part or parts that the U-Net is in."""
    if "unet" in folder.parts:
        return ("unet",)
    if "unet_chunk1" in folder.parts or "unet_chunk2" in folder.parts:
        return ("unet_chunk1", "unet_chunk2")
    return ("unet",)


def _part(folder: VariantFolder, name: str) -> Path:
    if name not in folder.parts:
        raise PackageError(
            f"Model {folder.model} ({folder.attention_implementation}) has no {name} package. "
            f"It has {', '.join(sorted(folder.parts)) or 'none'}: download or convert the rest."
        )
    return folder.parts[name]
