"""Convert a training run to Core ML packages in the layout of Apple's Hub repositories.

    python convert.py --run RUN --out ../../sdq_core/demo_model [--bits 16]

Works on Linux (conversion needs no macOS). Names, inputs and outputs are those of Apple's converter, written here
anew; three places differ from a plain export, each because fp16 would be inexact or break:

- the timestep's sinusoids and the schedule's square roots are looked up in tables (fp16 sin(999 f) is wrong);
- the text encoder's causal mask is -1e4 (the default becomes -inf in fp16 and spreads NaN under palettization);
- tables are kept out of palettization, whose 64 values would be the text encoder's whole vocabulary.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import coremltools as ct
import coremltools.optimize.coreml as cto
import numpy as np
import torch
from attention import ATTENTIONS, use_channels_first
from diffusers.models.attention_processor import AttnProcessor
from networks import (
    LATENT_SIDE,
    SCALING,
    TEXT_WIDTH,
    TOKENS,
    Denoiser,
    alphas_cumprod,
    build_text_encoder,
    build_vae,
)
from safety import StandInChecker
from tokenizer import load_tokenizer, write_tokenizer
from torch import Tensor, nn
from transformers.models.clip import modeling_clip

MODEL_VERSION = "sdq_demo"
VERSION = "1.0"
AUTHOR = "The sdq authors"
LICENSE = "MIT"
ABOUT = "A miniature Stable Diffusion, trained from scratch on procedurally drawn postcards. See the model card."


class TextEncoder(nn.Module):
    """`input_ids` [1,77] -> `last_hidden_state` [1,77,128], `pooled_outputs` [1,128]."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        hidden, pooled = self.encoder(input_ids, return_dict=False)
        return hidden, pooled


class TableTimesteps(nn.Module):
    """Stands in for diffusers' sinusoids: a row per whole timestep."""

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        self.register_buffer("table", source(torch.arange(1000)).float())

    def forward(self, timesteps: Tensor) -> Tensor:
        rows: Tensor = self.table[timesteps]  # type: ignore[index]
        return rows


class Unet(nn.Module):
    """`sample` [B,4,16,16], `timestep` [B], `encoder_hidden_states` [B,128,1,77] -> `noise_pred` [B,4,16,16]."""

    def __init__(self, denoiser: Denoiser, attention: str, batch: int = 2) -> None:
        super().__init__()
        self.unet = copy.deepcopy(denoiser.unet)
        self.unet.time_proj = TableTimesteps(self.unet.time_proj)
        use_channels_first(self.unet, attention)
        a = alphas_cumprod()
        self.register_buffer("maps", denoiser.maps.repeat(batch, 1, 1, 1))  # type: ignore[operator]
        self.register_buffer("roots", torch.stack([a.sqrt(), (1 - a).sqrt()], dim=1).float())

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        *residuals: Tensor,
    ) -> Tensor:
        """`residuals`: what ControlNets add to each connection and to the middle."""
        # half up: schedulers may pass fractions, and a cast to int alone would always go down
        index = (timestep + 0.5).int()
        x = torch.cat([sample, self.maps], dim=1)  # type: ignore[list-item]
        last = encoder_hidden_states[:, :, 0, TOKENS - 1]
        added = (
            {
                "down_block_additional_residuals": residuals[:-1],
                "mid_block_additional_residual": residuals[-1],
            }
            if residuals
            else {}
        )
        v = self.unet(
            x, index, encoder_hidden_states, class_labels=last, return_dict=False, **added
        )[0]
        roots = self.roots[index][:, :, None, None]  # type: ignore[index]
        noise: Tensor = roots[:, 0:1] * v + roots[:, 1:2] * sample
        return noise


class VaeDecoder(nn.Module):
    """`z` [1,4,16,16], already divided by 0.18215 -> `image` [1,3,128,128] in [-1,1]."""

    def __init__(self, vae: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.post_quant_conv, self.decoder = (
            copy.deepcopy(vae.post_quant_conv),
            copy.deepcopy(vae.decoder),
        )
        weight, bias = self.post_quant_conv.weight.data, self.post_quant_conv.bias.data
        # training's latents have unit deviation per channel; the contract's are those divided by SCALING
        self.post_quant_conv.bias.data = bias + weight[:, :, 0, 0] @ mean
        self.post_quant_conv.weight.data = weight * (std * SCALING).view(1, 4, 1, 1)

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.decoder(self.post_quant_conv(z))
        return image


def _causal_mask(
    shape: Sequence[int], dtype: torch.dtype, device: Any, *_: Any, **__: Any
) -> Tensor:
    size = shape[-1]
    return torch.full((size, size), -1e4, dtype=dtype, device=device).triu(1)[None, None]


def _convert(
    module: nn.Module,
    inputs: dict[str, tuple[Tensor, type]],
    outputs: list[str],
    trace: tuple[Tensor, ...] | None = None,
) -> ct.models.MLModel:
    """Trace and convert for macOS 13: fp16 inside, fp32 out."""
    traced = torch.jit.trace(
        module.eval(), trace or tuple(x for x, _ in inputs.values()), check_trace=False
    )
    return ct.convert(
        traced,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.macOS13,
        inputs=[
            ct.TensorType(name=n, shape=tuple(x.shape), dtype=dtype)
            for n, (x, dtype) in inputs.items()
        ],
        outputs=[ct.TensorType(name=name, dtype=np.float32) for name in outputs],
        compute_units=ct.ComputeUnit.ALL,
        skip_model_load=True,
    )


def palettize(model: ct.models.MLModel, bits: int) -> ct.models.MLModel:
    """Weights as indices into a table of 2**bits values per tensor, tables themselves left alone."""
    config = cto.OptimizationConfig(
        global_config=cto.OpPalettizerConfig(mode="kmeans", nbits=bits),
        op_type_configs={"gather": None},
    )
    return cto.palettize_weights(model, config)


def convert_text_encoder(encoder: nn.Module) -> ct.models.MLModel:
    """Text encoder. Its input is fp32 because Core ML has no integer inputs of that rank on every device."""
    modeling_clip._create_4d_causal_attention_mask = _causal_mask
    encoder.set_attn_implementation("eager")  # type: ignore[operator]
    ids = torch.randint(0, 256, (1, TOKENS))
    model = _convert(
        TextEncoder(encoder),
        {"input_ids": (ids, np.float32)},
        ["last_hidden_state", "pooled_outputs"],
        trace=(ids.to(torch.int32),),
    )
    model.input_description["input_ids"] = (
        "Token ids of the prompt, padded to 77 with the end token"
    )
    model.output_description["last_hidden_state"] = "Text features, one row per token"
    model.output_description["pooled_outputs"] = "The features of the end token"
    return model


#: What a ControlNet adds, in Apple's names: channels and side of each connection, and of the middle.
RESIDUALS = {
    f"additional_residual_{number}": shape
    for number, shape in enumerate(
        ((32, 16), (32, 16), (32, 8), (64, 8), (64, 4), (128, 4), (128, 4))
    )
}


def convert_unet(
    denoiser: Denoiser, attention: str, batch: int = 2, *, controlled: bool = False
) -> ct.models.MLModel:
    """U-Net, of batch 2 for classifier-free guidance. controlled: it takes what ControlNets add."""
    inputs = {
        "sample": (torch.randn(batch, 4, LATENT_SIDE, LATENT_SIDE), np.float16),
        "timestep": (torch.full((batch,), 981.0), np.float16),
        "encoder_hidden_states": (torch.randn(batch, TEXT_WIDTH, 1, TOKENS), np.float16),
    }
    if controlled:
        inputs |= {
            name: (torch.randn(batch, channels, side, side), np.float16)
            for name, (channels, side) in RESIDUALS.items()
        }
    model = _convert(Unet(denoiser, attention, batch), inputs, ["noise_pred"])
    model.input_description["sample"] = "Noisy latents" + ", empty prompt first" * (batch == 2)
    model.input_description["timestep"] = "Timestep of the scheduler, 0 to 999"
    model.input_description["encoder_hidden_states"] = "Text features, channels first"
    model.output_description["noise_pred"] = "Predicted noise"
    return model


def convert_vae_decoder(decoder: VaeDecoder) -> ct.models.MLModel:
    """VAE decoder, one picture at a time."""
    model = _convert(
        decoder, {"z": (torch.randn(1, 4, LATENT_SIDE, LATENT_SIDE), np.float16)}, ["image"]
    )
    model.input_description["z"] = "Latents divided by 0.18215"
    model.output_description["image"] = "Picture in [-1,1], channels first"
    return model


def convert_safety_checker(checker: StandInChecker) -> ct.models.MLModel:
    """The stand-in checker over the interface of Stable Diffusion's."""
    inputs = {
        "clip_input": (torch.randn(1, 3, 224, 224), np.float16),
        "images": (torch.rand(1, 128, 128, 3), np.float16),
        "adjustment": (torch.zeros(1), np.float16),
    }
    model = _convert(checker, inputs, ["filtered_images", "has_nsfw_concepts", "concept_scores"])
    model.input_description["clip_input"] = (
        "Picture at 224x224, normalised as CLIP's, channels first"
    )
    model.input_description["images"] = "Picture in [0,1], channels last"
    model.input_description["adjustment"] = "Added to the special scores: larger flags more"
    model.output_description["filtered_images"] = "The picture, or zeros where it was flagged"
    model.output_description["has_nsfw_concepts"] = "1 where the picture was flagged"
    model.output_description["concept_scores"] = "Above 0 means flagged"
    return model


def write_settings(out: Path) -> None:
    """Tokenizer, scheduler and image processor configuration, in diffusers' files."""
    write_tokenizer(out / "tokenizer")
    settings = {
        "scheduler/scheduler_config.json": {
            "_class_name": "PNDMScheduler",
            "_diffusers_version": "0.35.2",
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "beta_start": 0.00085,
            "clip_sample": False,
            "num_train_timesteps": 1000,
            "prediction_type": "epsilon",
            "set_alpha_to_one": False,
            "skip_prk_steps": True,
            "steps_offset": 1,
            "trained_betas": None,
        },
        "feature_extractor/preprocessor_config.json": {
            "crop_size": {"height": 224, "width": 224},
            "do_center_crop": True,
            "do_convert_rgb": True,
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_processor_type": "CLIPImageProcessor",
            "image_std": [0.26862954, 0.26130258, 0.27577711],
            "resample": 3,
            "rescale_factor": 1 / 255,
            "size": {"shortest_edge": 224},
        },
    }
    for name, values in settings.items():
        write_json(out / name, values)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a settings file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n")


def describe(model: ct.models.MLModel) -> None:
    """Say in a package whose it is."""
    model.author, model.license, model.version, model.short_description = (
        AUTHOR,
        LICENSE,
        VERSION,
        ABOUT,
    )


def load_modules(
    run: Path | None, out: Path
) -> tuple[nn.Module, Denoiser, VaeDecoder, StandInChecker]:
    """The averaged networks of a run; without one, or where a checkpoint is missing, freshly initialised ones."""

    def state(name: str) -> dict[str, Any] | None:
        path = run / name if run else None
        return torch.load(path, map_location="cpu") if path and path.exists() else None

    tokenizer = load_tokenizer(out / "tokenizer")
    encoder, denoiser, vae, checker = (
        build_text_encoder(len(tokenizer)),
        Denoiser(),
        build_vae(),
        StandInChecker(),
    )
    mean, std = torch.zeros(4), torch.ones(4)
    decoder = "decoder.pt" if run and (run / "decoder.pt").exists() else "vae.pt"
    for module, name, key in (
        (encoder, "text.pt", "model"),
        (denoiser, "unet.pt", "average"),
        (vae, decoder, "average"),
        (checker, "safety.pt", "model"),
    ):
        if (loaded := state(name)) is None:
            print(f"{name} is missing: converting a network that knows nothing")
        else:
            module.load_state_dict(loaded[key])
    if run and (run / "latents.npz").exists():
        with np.load(run / "latents.npz") as file:
            mean, std = (
                torch.from_numpy(file["mean"]).float(),
                torch.from_numpy(file["std"]).float(),
            )
    vae.set_attn_processor(AttnProcessor())
    return encoder.eval(), denoiser.eval(), VaeDecoder(vae, mean, std).eval(), checker.eval()


def main() -> None:
    """Convert every part for every variant asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--run", type=Path, help="training run; left out, networks that know nothing are converted"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--variants", default="original,split_einsum", help=f"of {', '.join(ATTENTIONS)}"
    )
    parser.add_argument(
        "--bits", type=int, default=6, help="palettization; 16 leaves the weights as fp16"
    )
    options = parser.parse_args()
    write_settings(options.out)
    encoder, denoiser, decoder, checker = load_modules(options.run, options.out)

    def packed(model: ct.models.MLModel) -> ct.models.MLModel:
        return palettize(model, options.bits) if options.bits < 16 else model

    parts = {
        "text_encoder": packed(convert_text_encoder(encoder)),
        "vae_decoder": packed(convert_vae_decoder(decoder)),
        "safety_checker": packed(convert_safety_checker(checker)),
    }
    for variant in options.variants.split(","):
        folder = options.out / variant / "packages"
        for part, model in (("unet", packed(convert_unet(denoiser, variant))), *parts.items()):
            describe(model)
            target = folder / f"Stable_Diffusion_version_{MODEL_VERSION}_{part}.mlpackage"
            shutil.rmtree(target, ignore_errors=True)
            model.save(str(target))
            size = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
            print(f"{variant}/{part}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
