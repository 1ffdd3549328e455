"""The U-Net's attention in the layout that Core ML runs best: (batch, channels, 1, sequence), heads apart or together.

Core ML's Neural Engine wants the channels on the second axis, the sequence last, and each head's attention as its own
small product; its GPU wants all heads in one product. "Deploying Transformers on the Apple Neural Engine"
(machinelearning.apple.com/research/neural-engine-transformers) describes the layout. `ChannelsFirstTransformer` takes
over the weights of a diffusers transformer block, so that training uses diffusers and only the export differs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

Attention = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""Query [B,C,1,Q], key and value [B,C,1,K], number of heads -> [B,C,1,Q]."""

CHUNK = 128
"""Queries per product in split_einsum_v2. Apple's converter takes 512, more than this model's whole sequence."""


def original(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """All heads in one batched product."""
    batch, channels, _, queries = query.shape
    q, k, v = (x.reshape(batch, heads, channels // heads, x.shape[-1]) for x in (query, key, value))
    weights = (torch.matmul(q.transpose(2, 3), k) * (channels // heads) ** -0.5).softmax(dim=3)
    return torch.matmul(v, weights.transpose(2, 3)).reshape(batch, channels, 1, queries)


def _one_head(query: Tensor, key_last: Tensor, value: Tensor) -> Tensor:
    scores = torch.einsum("bchq,bkhc->bkhq", query, key_last) * query.shape[1] ** -0.5
    return torch.einsum("bkhq,bchk->bchq", scores.softmax(dim=1), value)


def split_einsum(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """A product per head; no tensor has more than one head in it."""
    width = query.shape[1] // heads
    keys = key.transpose(1, 3).split(width, dim=3)
    parts = zip(query.split(width, dim=1), keys, value.split(width, dim=1), strict=True)
    return torch.cat([_one_head(q, k, v) for q, k, v in parts], dim=1)


def split_einsum_v2(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """A product per head and per `CHUNK` queries."""
    if query.shape[3] <= CHUNK:
        return split_einsum(query, key, value, heads)
    return torch.cat(
        [split_einsum(part, key, value, heads) for part in query.split(CHUNK, dim=3)], dim=3
    )


ATTENTIONS: dict[str, Attention] = {
    "original": original,
    "split_einsum": split_einsum,
    "split_einsum_v2": split_einsum_v2,
}


def _pointwise(linear: nn.Linear) -> nn.Conv2d:
    """A linear layer as a 1x1 convolution with the same weights."""
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1, bias=linear.bias is not None)
    conv.weight.data = linear.weight.data[:, :, None, None].clone()
    if conv.bias is not None:
        conv.bias.data = linear.bias.data.clone()
    return conv


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [B,C,1,S]."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.eps = norm.eps
        self.weight = nn.Parameter(norm.weight.data.view(1, -1, 1, 1).clone())
        self.bias = nn.Parameter(norm.bias.data.view(1, -1, 1, 1).clone())

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(dim=1, keepdim=True)
        deviation = ((centred * centred).mean(dim=1, keepdim=True) + self.eps).rsqrt()
        return centred * deviation * self.weight + self.bias


class _Attend(nn.Module):
    def __init__(self, source: nn.Module, attention: Attention) -> None:
        super().__init__()
        self.heads, self.attention = int(source.heads), attention  # type: ignore[arg-type]
        self.to_q, self.to_k, self.to_v = (
            _pointwise(getattr(source, n)) for n in ("to_q", "to_k", "to_v")
        )
        self.to_out = _pointwise(source.to_out[0])  # type: ignore[index]

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        result: Tensor = self.to_out(
            self.attention(self.to_q(x), self.to_k(context), self.to_v(context), self.heads)
        )
        return result


class ChannelsFirstTransformer(nn.Module):
    """A diffusers `Transformer2DModel` with one block, in [B,C,1,S]. `encoder_hidden_states` is [B,C,1,77]."""

    def __init__(self, source: Transformer2DModel, attention: Attention) -> None:
        super().__init__()
        (block,) = source.transformer_blocks
        self.norm, self.proj_in, self.proj_out = source.norm, source.proj_in, source.proj_out
        self.norm1, self.norm2, self.norm3 = (
            ChannelNorm(getattr(block, f"norm{i}")) for i in (1, 2, 3)
        )
        self.attn1, self.attn2 = _Attend(block.attn1, attention), _Attend(block.attn2, attention)
        self.ff_in, self.ff_out = _pointwise(block.ff.net[0].proj), _pointwise(block.ff.net[2])

    def forward(self, x: Tensor, encoder_hidden_states: Tensor, **_: object) -> tuple[Tensor]:
        batch, _channels, height, width = x.shape
        h = self.proj_in(self.norm(x))
        inner = h.shape[1]
        h = h.reshape(batch, inner, 1, height * width)
        normed = self.norm1(h)
        h = h + self.attn1(normed, normed)
        h = h + self.attn2(self.norm2(h), encoder_hidden_states)
        passed, gate = self.ff_in(self.norm3(h)).chunk(2, dim=1)
        h = h + self.ff_out(passed * F.gelu(gate))
        return (self.proj_out(h.reshape(batch, inner, height, width)) + x,)


def use_channels_first(unet: nn.Module, attention: str) -> None:
    """Replace every diffusers transformer below `unet` in place."""
    for module in list(unet.modules()):
        for index, child in enumerate(getattr(module, "attentions", None) or ()):
            if isinstance(child, Transformer2DModel):
                module.attentions[index] = ChannelsFirstTransformer(child, ATTENTIONS[attention])
