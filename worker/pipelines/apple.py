"""Apple's own pipeline, `CoreMLStableDiffusionPipeline`, on any runtime: unmodified, with workarounds for its problems.

It takes models with `expected_inputs` and a call, a tokenizer and a scheduler. Here these are wrappers of the runtime's
networks, transformers' tokenizer and diffusers' scheduler. Its problems (read at e12202c), and the workarounds:

- it crashes on prompts that fill the text encoder's 77 tokens: `apple_parts.PromptTokenizer` truncates and counts them;
- with several defaults it draws another image than its command line: all of these are passed explicitly;
- it uses NumPy's and torch's global seeds: both are set for each image, and the latents are drawn here;
- it evaluates chunked and batch-one U-Nets only when told to: the U-Net is inspected, and it is told;
- without guidance it evaluates a U-Net of batch two with one row: `Watched` gives it the row twice;
- it paints flagged images black and drops the scores: it gets no safety checker, `safety.SafetyChecker` runs after it;
- it does not detect broken images: every network's output is checked;
- importing it configures logging, and it shows a progress bar: both are undone.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np

from sdq_core.errors import ConfigurationError, PackageError
from sdq_core.models import VariantFolder
from sdq_core.models.check import check_text_encoder
from sdq_core.models.families import STABLE_DIFFUSION
from sdq_core.values.part_units import PartUnits
from sdq_core.values.safety import Safety
from worker.pipelines.apple_parts import (
    PromptTokenizer,
    Watched,
    WeighedEncoder,
    make_diffusers_scheduler,
)
from worker.pipelines.arrays import declared, require_finite
from worker.pipelines.contract import DrawnImage, ImageRequest, StepReport
from worker.pipelines.families import scheduler_config_of
from worker.pipelines.noise import make_noise
from worker.pipelines.parts import Parts
from worker.pipelines.safety import SafetyReport
from worker.pipelines.schedulers import SchedulerConfig
from worker.pipelines.start import first_noise
from worker.pipelines.text import KEPT_TEXTS
from worker.pipelines.vae import Decoded, refuse_one_colour
from worker.runtimes.contract import Runtime

PACKAGE = "python_coreml_stable_diffusion"


class ApplePipeline:
    """A model variant in memory; satisfies `worker.pipelines.contract.Pipeline`."""

    name = "apple"

    def __init__(
        self, parts: Parts, tokenizer: PromptTokenizer, scheduler_config: SchedulerConfig
    ) -> None:
        """Build Apple's pipeline around loaded networks; raise ConfigurationError if it is not installed."""
        apple = import_apple()
        text_encoder = parts.text_encoders["text_encoder"]
        check_text_encoder(
            declared(text_encoder, "The text encoder"), tokenizer.model_max_length, STABLE_DIFFUSION
        )
        self._parts = parts
        self._tokenizer = tokenizer
        self._scheduler_config = scheduler_config
        self._text_encoder = Watched(
            text_encoder, "The text encoder", "last_hidden_state", keep=KEPT_TEXTS
        )
        self._unet = Watched(parts.unet.model, "The U-Net", "noise_pred", rows=parts.unet.batch)
        self._vae_decoder = Watched(parts.vae_decoder.model, "The VAE decoder", "image")
        self._pipe: Any = apple.CoreMLStableDiffusionPipeline(
            text_encoder=WeighedEncoder(self._text_encoder, tokenizer),
            unet=self._unet,
            vae_decoder=self._vae_decoder,
            scheduler=None,
            tokenizer=None,
            controlnet=None,
            xl=False,
            force_zeros_for_empty_prompt=False,
            feature_extractor=None,
            safety_checker=None,
        )
        # Plain attributes: diffusers registers only its own classes, so that it can save them to a repository.
        self._pipe.tokenizer = self._tokenizer
        self._pipe.set_progress_bar_config(disable=True)

    @classmethod
    def load(
        cls,
        folder: VariantFolder,
        runtime: Runtime,
        units: PartUnits,
        safety: Safety = Safety.FLAG,
    ) -> ApplePipeline:
        """Load every part of a model variant.

        Raises ConfigurationError if Apple's package is not installed or cannot draw this model, PackageError as
        `Parts.load` does.
        """
        if folder.embeds_guidance:
            raise ConfigurationError(
                f"Apple's pipeline cannot draw with {folder.model}, whose U-Net takes the guidance scale as an input. "
                "Use --pipeline builtin."
            )
        if folder.family is not STABLE_DIFFUSION:
            raise ConfigurationError(
                f"Apple's pipeline decodes {folder.family.name} with the wrong factor, so its images would be washed "
                "out. Use --pipeline builtin."
            )
        # Small files first: a missing one should not cost the minutes that a U-Net may take.
        import_apple()
        tokenizer = PromptTokenizer(folder.tokenizer)
        scheduler_config = scheduler_config_of(folder)
        parts = Parts.load(folder, runtime, units, safety)
        return cls(parts, tokenizer, scheduler_config)

    @property
    def width(self) -> int:
        """Pixels."""
        return self._parts.unet.width

    @property
    def height(self) -> int:
        """Pixels."""
        return self._parts.unet.height

    def draw(self, request: ImageRequest, on_step: StepReport) -> DrawnImage:
        """Draw one image; see `contract.Pipeline.draw`."""
        import torch

        if request.conditions.inputs:
            raise PackageError(
                "Apple's pipeline draws from prompts alone, and not from pictures. Start the worker with "
                "--pipeline builtin, and `sdq retry` what failed."
            )
        unet = self._parts.unet
        guidance = request.guidance_scale > 1.0
        batch_one = guidance and unet.batch == 1

        noise = make_noise(request.rng, request.seed)
        latents = first_noise(unet.latents_shape, noise)
        scheduler = make_diffusers_scheduler(
            request.scheduler, self._scheduler_config, noise, request.conditions.eta
        )
        if scheduler.init_noise_sigma != 1.0:
            # Apple's pipeline multiplies them by a float32, which makes the result float32 only with NumPy 2.
            latents = latents.astype(np.float32)
        self._pipe.scheduler = scheduler
        torch.manual_seed(request.seed)
        for part in (self._text_encoder, self._unet, self._vae_decoder):
            part.begin()
        self._tokenizer.begin(weighted=request.conditions.weighted)

        def after_unet(calls: int) -> None:
            on_step(calls, len(scheduler.timesteps) * (2 if batch_one else 1))

        def after_step(index: int, _: Any, latents: Any) -> None:
            require_finite(latents, f"The {request.scheduler} scheduler after step {index + 1}")

        self._unet.on_call = after_unet
        started = time.perf_counter()
        # NumPy would print warnings on standard error about values that are checked and reported here.
        with np.errstate(over="ignore", invalid="ignore"):
            image, _ = self._pipe(
                request.prompt,
                height=self.height,
                width=self.width,
                num_inference_steps=request.num_inference_steps,
                guidance_scale=request.guidance_scale,
                negative_prompt=request.negative_prompt if guidance else None,
                latents=latents,
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
        checker = self._parts.safety_checker
        if checker is not None:
            report = checker.check(decoded)
        checked = time.perf_counter()

        encoding_s, decoding_s = self._text_encoder.spent_s, self._vae_decoder.spent_s
        return DrawnImage(
            pixels=decoded.pixels,
            truncated_tokens=self._tokenizer.truncated_tokens,
            nsfw_flagged=None if checker is None else report.flagged,
            concept_scores=report.concept_scores,
            text_encode_ms=encoding_s * 1000,
            denoise_ms=(finished - started - encoding_s - decoding_s) * 1000,
            num_unet_calls=self._unet.calls,
            decode_ms=decoding_s * 1000,
            safety_ms=0.0 if checker is None else (checked - finished) * 1000,
        )


def is_installed() -> bool:
    """Whether Apple's package and its dependencies are installed, without importing them."""
    from importlib.util import find_spec

    return all(find_spec(name) for name in (PACKAGE, "diffusers", "torch", "transformers"))


def import_apple() -> Any:
    """Import the module with Apple's pipeline; raise ConfigurationError if that fails.

    Undoes its configuration of Python's root logger, which belongs to the command line.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    try:
        from python_coreml_stable_diffusion import pipeline
    # Incompatible libraries raise anything at import.
    except Exception as error:
        raise ConfigurationError(
            f"Apple's pipeline cannot be imported ({' '.join(str(error).split())}). Install it as described in "
            "docs/mac.md, or use --pipeline builtin."
        ) from error
    finally:
        root.handlers[:], root.level = handlers, level
    from diffusers.utils import logging as diffusers_logging

    diffusers_logging.set_verbosity_error()
    # It logs what it loads, and a long warning about the missing safety checker: ours runs after it.
    logging.getLogger(PACKAGE).setLevel(logging.ERROR)
    for module in ("pipeline", "coreml_model"):
        logging.getLogger(f"{PACKAGE}.{module}").setLevel(logging.ERROR)
    return pipeline
