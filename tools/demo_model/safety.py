"""A safety checker over Stable Diffusion's interface that looks for a harmless stand-in.

The demo model can only draw postcards, so there is nothing to protect anyone from; but programs must get the path
right. This checker flags one thing, a purple tent, in the way that Stable Diffusion's flags others: a small CLIP vision
tower, an embedding compared with stored concept embeddings, a threshold for each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from transformers import CLIPVisionConfig, CLIPVisionModel

CONCEPT = ("purple", "tent")
WIDTH, PROJECTED, CONCEPTS, SPECIAL = 64, 32, 17, 3


_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def checker_input(pictures: Tensor) -> Tensor:
    """Pictures [B,3,128,128] in [-1,1] as CLIP's image processor gives them: [B,3,224,224]."""
    large = F.interpolate((pictures + 1) / 2, size=(224, 224), mode="bicubic", align_corners=False)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (_MEAN, _STD))
    return (large.clamp(0, 1) - mean.to(large)) / std.to(large)


class StandInChecker(nn.Module):
    """`clip_input` [1,3,224,224], `images` [1,128,128,3], `adjustment` [1] -> filtered images, flag, scores."""

    def __init__(self) -> None:
        super().__init__()
        config = CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            image_size=224,
            patch_size=16,
            attn_implementation="eager",
        )
        self.vision_model = CLIPVisionModel(config)
        self.visual_projection = nn.Linear(WIDTH, PROJECTED, bias=False)
        # the first concept is trained; the others are out of reach (a cosine is at most 1) and keep the shape
        self.concept_embeds = nn.Parameter(torch.randn(CONCEPTS, PROJECTED))
        self.special_care_embeds = nn.Parameter(
            torch.randn(SPECIAL, PROJECTED), requires_grad=False
        )
        self.register_buffer("concept_weights", torch.tensor([0.5] + [2.0] * (CONCEPTS - 1)))
        self.register_buffer("special_weights", torch.full((SPECIAL,), 2.0))

    def cosines(self, clip_input: Tensor, embeddings: Tensor) -> Tensor:
        """Cosine of each picture's embedding with each concept's: [B,concepts]."""
        pooled = self.vision_model(clip_input, return_dict=False)[1]
        return F.normalize(self.visual_projection(pooled)) @ F.normalize(embeddings).transpose(0, 1)

    def forward(
        self, clip_input: Tensor, images: Tensor, adjustment: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        special = (
            self.cosines(clip_input, self.special_care_embeds) - self.special_weights + adjustment
        )
        care = (special > 0).float().sum(dim=1, keepdim=True).gt(0).float() * 0.01
        scores = self.cosines(clip_input, self.concept_embeds) - self.concept_weights + care
        flagged = (scores > 0).float().sum(dim=1).gt(0).float()
        return images * (1 - flagged)[:, None, None, None], flagged[:, None, None, None], scores
