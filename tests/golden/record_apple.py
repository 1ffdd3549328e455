"""Record what Apple's pipeline draws with the toy networks, for `tests/pipeline/test_apple_golden.py`.

    pip install "git+https://github.com/apple/ml-stable-diffusion" "diffusers==0.35.*" "transformers==4.57.*" -e .
    python tests/golden/record_apple.py

Writes `tests/golden/apple.npz`: `cases`, JSON with a request, a configuration and a U-Net batch each, and one image
per case. Apple's pipeline takes the step noise of EulerAncestralDiscrete from torch; here it is drawn as sdq draws it,
from the generator of the latents.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.schedulers import scheduling_euler_ancestral_discrete
from python_coreml_stable_diffusion.pipeline import CoreMLStableDiffusionPipeline
from transformers import CLIPTokenizer

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "pipeline"))

import toys  # noqa: E402

SCHEDULERS = (
    "DDIM",
    "DPMSolverMultistep",
    "EulerAncestralDiscrete",
    "EulerDiscrete",
    "LMSDiscrete",
    "PNDM",
)
V_PREDICTION = {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"}
CHANGES: list[tuple[int, dict[str, Any], dict[str, Any]]] = [
    (2, {}, {}),
    (1, {}, {"seed": 4294967295, "negative_prompt": "painting"}),
    (1, {}, {"guidance_scale": 1.0}),
    (2, V_PREDICTION, {"num_inference_steps": 20, "guidance_scale": 2.0}),
    (2, {"use_karras_sigmas": True}, {"num_inference_steps": 20}),
]


def draw(case: dict[str, Any], tokenizer: Path) -> np.ndarray:
    models = toys.parts(case["batch"])
    loaded = getattr(diffusers, case["config"]["_class_name"]).from_config(case["config"])
    scheduler = getattr(diffusers, f"{case['scheduler']}Scheduler").from_config(loaded.config)
    pipe = CoreMLStableDiffusionPipeline(
        **models,
        scheduler=scheduler,
        tokenizer=CLIPTokenizer.from_pretrained(tokenizer, model_max_length=77),
        controlnet=None,
        force_zeros_for_empty_prompt=False,
    )
    pipe.set_progress_bar_config(disable=True)
    rng = np.random.RandomState(case["seed"])
    latents = rng.randn(1, 4, toys.LATENT_HEIGHT, toys.LATENT_WIDTH).astype(np.float16)

    def randn_tensor(shape: Any, **_: Any) -> torch.Tensor:
        return torch.from_numpy(rng.randn(*shape).astype(np.float32))

    scheduling_euler_ancestral_discrete.randn_tensor = randn_tensor
    drawn = pipe(
        case["prompt"],
        height=toys.HEIGHT,
        width=toys.WIDTH,
        num_inference_steps=case["num_inference_steps"],
        guidance_scale=case["guidance_scale"],
        negative_prompt=case["negative_prompt"],
        latents=latents,
        unet_batch_one=case["batch"] == 1,
    )
    return np.asarray(drawn["images"][0])


def main() -> None:
    cases, images = [], []
    for scheduler in SCHEDULERS:
        for batch, config, request in CHANGES:
            case = {
                "scheduler": scheduler,
                "batch": batch,
                "config": {**toys.SCHEDULER_CONFIG, **config},
                "prompt": "a photo of an astronaut riding a horse on mars, 😀",
                "negative_prompt": "",
                "seed": 93,
                "num_inference_steps": 5,
                "guidance_scale": 7.5,
                **request,
            }
            cases.append(case)
            images.append(draw(case, HERE / "tokenizer"))
    np.savez_compressed(
        HERE / "apple.npz", cases=np.array(json.dumps(cases)), images=np.stack(images)
    )


if __name__ == "__main__":
    main()
