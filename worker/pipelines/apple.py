"""Apple's own pipeline, `CoreMLStableDiffusionPipeline`, on any runtime: unmodified, with workarounds for its problems.

It takes models with `expected_inputs` and a call, a tokenizer and a scheduler. Here these are wrappers of the runtime's
networks, transformers' tokenizer and diffusers' scheduler. Its problems (read at e12202c), and the workarounds:

- it crashes on prompts that fill the text encoder's 77 tokens: `apple_parts.PromptTokenizer` truncates and counts them;
- with several defaults it draws another image than its command line: all of these are passed explicitly;
- it uses NumPy's and torch's global seeds: both are set for each image, and the latents are drawn here;
- it evaluates chunked and batch-one U-Nets only when told to: the U-Net is inspected, and it is told;
- without guidance it evaluates a U-Net or a ControlNet of batch two with one row: both get the row twice;
- it decodes every model's latents with Stable Diffusion 1's factor: `apple_networks.RescaledDecoder` makes up for it;
- it paints flagged images black and drops the scores: it gets no safety checker, `safety.SafetyChecker` runs after it;
- it does not detect broken images: every network's output is checked;
- importing it configures logging, and it shows a progress bar: both are undone.

What it cannot draw is listed in `apple_limits`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sdq_core.errors import ConfigurationError, PackageError
from sdq_core.models import VariantFolder
from sdq_core.models.controlnet import ControlNets
from sdq_core.models.families import STABLE_DIFFUSION_XL
from sdq_core.values.part_units import PartUnits
from sdq_core.values.safety import Safety
from worker.pipelines.apple_limits import limit_of_image, limit_of_model
from worker.pipelines.apple_networks import (
    RescaledDecoder,
    RowedControlNet,
    RowedUNet,
    Watched,
    WeighedEncoder,
)
from worker.pipelines.apple_package import import_apple
from worker.pipelines.apple_parts import PromptTokenizer, make_diffusers_scheduler
from worker.pipelines.arrays import require_finite
from worker.pipelines.contract import DrawnImage, ImageRequest, StepReport
from worker.pipelines.families import PADDING_OF_XLS_SECOND, Pieces, assemble
from worker.pipelines.noise import make_noise
from worker.pipelines.safety import SafetyReport
from worker.pipelines.start import first_noise
from worker.pipelines.text import KEPT_TEXTS
from worker.pipelines.unet import UNet
from worker.pipelines.vae import Decoded, refuse_one_colour
from worker.runtimes.contract import Runtime


class ApplePipeline:
    """A model variant in memory; satisfies `worker.pipelines.contract.Pipeline`.

    pieces: what it draws with.
    folder: of the model variant.
    tokenizers: one for each text encoder.
    """

    name = "apple"

    def __init__(
        self, pieces: Pieces, folder: VariantFolder, tokenizers: Sequence[PromptTokenizer]
    ) -> None:
        """Build Apple's pipeline around loaded networks; raise ConfigurationError if it is not installed.

        tokenizers: one for each text encoder of the folder's family, in that order.
        """
        apple = import_apple()
        family = folder.family
        self.pieces = pieces
        self.folder = folder
        self.tokenizers = tokenizers
        self._zeros_for_empty_prompt = (
            family is STABLE_DIFFUSION_XL and folder.zeros_for_empty_prompt
        )
        self._text_encoders = [
            Watched(
                pieces.text_encoders[name],
                "The text encoder",
                family.hidden_states,
                keep=KEPT_TEXTS,
            )
            for name in family.text_encoders
        ]
        self._vae_decoder = Watched(RescaledDecoder(pieces.vae_decoder), "The VAE decoder", "image")
        weighed = [
            WeighedEncoder(encoder, tokenizer, family.hidden_states, keep_mean=family.keeps_mean)
            for encoder, tokenizer in zip(self._text_encoders, tokenizers, strict=True)
        ]
        self._pipe: Any = apple.CoreMLStableDiffusionPipeline(
            text_encoder=weighed[0],
            text_encoder_2=weighed[1] if len(weighed) > 1 else None,
            unet=_watched(pieces.unet),
            vae_decoder=self._vae_decoder,
            scheduler=None,
            tokenizer=None,
            controlnet=None,
            xl=family is STABLE_DIFFUSION_XL,
            force_zeros_for_empty_prompt=self._zeros_for_empty_prompt,
            feature_extractor=None,
            safety_checker=None,
        )
        # Plain attributes: diffusers registers only its own classes, so that it can save them to a repository.
        self._pipe.tokenizer, self._pipe.tokenizer_2 = (*tokenizers, None)[:2]
        self._pipe.set_progress_bar_config(disable=True)

    @classmethod
    def load(
        cls,
        folder: VariantFolder,
        runtime: Runtime,
        units: PartUnits,
        safety: Safety = Safety.FLAG,
        inputs: Path | None = None,
        controlnets: ControlNets | None = None,
    ) -> ApplePipeline:
        """Load every part of a model variant.

        Raises ConfigurationError if Apple's package is not installed or cannot draw this model, PackageError as
        `assemble` does.
        """
        if limit := limit_of_model(folder):
            raise ConfigurationError(
                f"Apple's pipeline cannot draw with {folder.model}, {limit}. Leave out --pipeline apple."
            )
        # Small files first: a missing one should not cost the minutes that a U-Net may take.
        import_apple()
        paddings = (None, PADDING_OF_XLS_SECOND)
        tokenizers = [
            PromptTokenizer(folder.tokenizer, pad_token=padding)
            for _, padding in zip(folder.family.text_encoders, paddings, strict=False)
        ]
        pieces = assemble(folder, runtime, units, safety, inputs, controlnets)
        return cls(pieces, folder, tokenizers)

    @property
    def width(self) -> int:
        """Pixels."""
        return self.pieces.unet.width

    @property
    def height(self) -> int:
        """Pixels."""
        return self.pieces.unet.height

    def limit(self, request: ImageRequest) -> str | None:
        """Say what of an image is beyond it, as `limit_of_image` does; raise as `Guidance.of` does."""
        guides = self.pieces.guidance.of(request.conditions.controlnets)
        return limit_of_image(request, guides.unet if guides else self.pieces.unet)

    def draw(
        self,
        request: ImageRequest,
        on_step: StepReport,
        upcoming: ImageRequest | None = None,  # noqa: ARG002 - it draws each by itself
    ) -> DrawnImage:
        """Draw one image; see `contract.Pipeline.draw`. Raises PackageError for one that is beyond it."""
        import torch

        if limit := self.limit(request):
            raise PackageError(
                f"Apple's pipeline cannot {limit}. Start the worker without --pipeline apple, and `sdq retry` what "
                "failed."
            )
        pieces = self.pieces
        guides = pieces.guidance.of(request.conditions.controlnets)
        unet = guides.unet if guides else pieces.unet
        guidance = request.guidance_scale > 1.0
        batch_one = guidance and unet.batch == 1

        noise = make_noise(request.rng, request.seed)
        latents = first_noise(unet.latents_shape, noise)
        scheduler = make_diffusers_scheduler(
            request.scheduler, pieces.scheduler_config, noise, request.conditions.eta
        )
        if scheduler.init_noise_sigma != 1.0:
            # Apple's pipeline multiplies them by a float32, which makes the result float32 only with NumPy 2.
            latents = latents.astype(np.float32)
        self._pipe.scheduler = scheduler
        torch.manual_seed(request.seed)
        for part in (*self._text_encoders, self._vae_decoder):
            part.begin()
        for tokenizer in self.tokenizers:
            tokenizer.begin(weighted=request.conditions.weighted)

        def after_unet(calls: int) -> None:
            on_step(calls, len(scheduler.timesteps) * (2 if batch_one else 1))

        def after_step(index: int, _: Any, latents: Any) -> None:
            require_finite(latents, f"The {request.scheduler} scheduler after step {index + 1}")

        watched = _watched(unet, after_unet)
        self._pipe.unet = watched
        self._pipe.unet.in_channels = unet.latents_shape[1]
        self._pipe.controlnet = (
            [RowedControlNet(guide) for guide in guides.guides] if guides else None
        )
        started = time.perf_counter()
        # NumPy would print warnings on standard error about values that are checked and reported here.
        with np.errstate(over="ignore", invalid="ignore"):
            image, _ = self._pipe(
                request.prompt,
                height=self.height,
                width=self.width,
                num_inference_steps=request.num_inference_steps,
                guidance_scale=request.guidance_scale,
                negative_prompt=self._negative_prompt(request) if guidance else None,
                latents=latents,
                controlnet_cond=[guide.picture[0] for guide in guides.guides] if guides else None,
                **self._sizes(request),
                unet_batch_one=batch_one,
                output_type="np",
                return_dict=False,
                callback=after_step,
                callback_steps=1,
            )
        finished = time.perf_counter()
        # As diffusers' numpy_to_pil does.
        decoded = Decoded(image=image, pixels=(image[0] * 255).round().astype(np.uint8))
        refuse_one_colour(decoded.pixels)
        report = SafetyReport(flagged=False, concept_scores={})
        checker = pieces.safety_checker
        if checker is not None:
            report = checker.check(decoded)
        checked = time.perf_counter()

        encoding_s = sum(encoder.spent_s for encoder in self._text_encoders)
        decoding_s = self._vae_decoder.spent_s
        return DrawnImage(
            pixels=decoded.pixels,
            pipeline=self.name,
            truncated_tokens=self.tokenizers[0].truncated_tokens,
            nsfw_flagged=None if checker is None else report.flagged,
            concept_scores=report.concept_scores,
            text_encode_ms=encoding_s * 1000,
            denoise_ms=(finished - started - encoding_s - decoding_s) * 1000,
            num_unet_calls=watched.calls,
            decode_ms=decoding_s * 1000,
            safety_ms=0.0 if checker is None else (checked - finished) * 1000,
        )

    def _negative_prompt(self, request: ImageRequest) -> str | None:
        """Return it, None for zeros in its place."""
        return request.negative_prompt or (None if self._zeros_for_empty_prompt else "")

    def _sizes(self, request: ImageRequest) -> dict[str, tuple[int, int]]:
        """Return what XL is told of an image's size besides its own, height before width."""
        width, height = request.conditions.original_size or (self.width, self.height)
        left, top = request.conditions.crop or (0, 0)
        return {"original_size": (height, width), "crops_coords_top_left": (top, left)}


def _watched(unet: UNet, on_call: Callable[[int], None] | None = None) -> Watched:
    """Return a U-Net for Apple's pipeline; on_call: as `Watched` has it."""
    watched = Watched(RowedUNet(unet), "The U-Net", "noise_pred")
    watched.on_call = on_call
    return watched
