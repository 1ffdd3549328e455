"""The demo model's networks: Stable Diffusion's three parts from diffusers and transformers, made small.

`Denoiser` is the whole U-Net side of the contract. Inside it are two additions that its interface does not show:
constant x and y maps beside the four latent channels (a small network does not find out positions by itself), and the
text encoder's last token as a second condition next to cross-attention, joined to the timestep embedding.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

LATENT_SIDE = 16
TEXT_WIDTH = 128
TOKENS = 77
SCALING = 0.18215
"""What Stable Diffusion pipelines divide latents by before decoding."""


def build_vae() -> AutoencoderKL:
    """128x128 pictures to 4x16x16 latents and back. One norm group: more groups lose flat colours."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 96),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=1,
        sample_size=128,
        scaling_factor=SCALING,
    )


def build_text_encoder(vocab_size: int) -> CLIPTextModel:
    """Three CLIP layers of width 128; the end-of-text token has the highest id and is also the padding."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocab_size,
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            bos_token_id=vocab_size - 2,
            # 2 makes transformers take the highest id for the end of the prompt, as Stable Diffusion's encoder does
            eos_token_id=2,
            pad_token_id=vocab_size - 1,
        )
    )


def alphas_cumprod() -> Tensor:
    """Stable Diffusion 1's noise schedule: [1000] float64 cumulative products, "scaled linear" betas."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, dim=0)


class Denoiser(nn.Module):
    """Predicts the velocity v = sqrt(a) noise - sqrt(1 - a) latents (Salimans and Ho, 2022).

    Velocity stays informative at every noise level, where predicted noise says nothing about the picture near pure
    noise; `convert.py` turns it into the noise that Stable Diffusion 1's schedulers expect.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unet = UNet2DConditionModel(
            sample_size=LATENT_SIDE,
            in_channels=6,
            out_channels=4,
            block_out_channels=(32, 64, 128),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=TEXT_WIDTH,
            attention_head_dim=4,
            norm_num_groups=8,
            class_embed_type="projection",
            projection_class_embeddings_input_dim=TEXT_WIDTH,
            resnet_time_scale_shift="scale_shift",
        )
        axis = torch.linspace(-1, 1, LATENT_SIDE)
        maps = torch.stack(
            [axis[None, :].expand(LATENT_SIDE, -1), axis[:, None].expand(-1, LATENT_SIDE)]
        )
        self.register_buffer("maps", maps[None], persistent=False)

    def forward(self, sample: Tensor, timestep: Tensor, context: Tensor) -> Tensor:
        """Velocity [B,4,16,16] for `sample` [B,4,16,16], `timestep` [B] and text features `context` [B,77,128]."""
        x = torch.cat([sample, self.maps.expand(sample.shape[0], -1, -1, -1)], dim=1)
        result: Tensor = self.unet(x, timestep, context, class_labels=context[:, -1]).sample
        return result


def parameter_count(module: nn.Module) -> int:
    """Count a module's parameters."""
    return sum(p.numel() for p in module.parameters())
