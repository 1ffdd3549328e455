"""Model folders: which variants of which models are on this disk, and where their parts lie.

A folder holds, in any of the layouts in which people have them,

    <root>/{original,split_einsum,split_einsum_v2}/packages/*.mlpackage     Apple's Hub repositories
    <name>_<variant>_packages/*.mlpackage                                   the blog post's downloads
    <root>/*.mlpackage                                                      converted by hand

with `tokenizer/`, `scheduler/` and `feature_extractor/` beside the packages or above them. Parts are matched by exact
suffix, because a full U-Net and its chunks can lie side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdq.variants import AttentionImplementation


@dataclass(frozen=True, kw_only=True)
class VariantFolder:
    """One attention implementation of one model, as found on disk.

    parts: part name (`text_encoder`, `unet`, `unet_chunk1`, `unet_chunk2`, `control-unet`, `vae_decoder`,
    `vae_encoder`, `safety_checker`) -> its ``.mlpackage``. tokenizer: the folder of `vocab.json` and `merges.txt`.
    scheduler_config: the file `scheduler_config.json`. feature_extractor: the folder of `preprocessor_config.json`.
    revision: fingerprint of the parts. width, height: pixels. unet_batch: 2 for classifier-free guidance, else 1.
    """

    model: str
    attention_implementation: AttentionImplementation
    revision: str
    parts: Mapping[str, Path]
    tokenizer: Path
    scheduler_config: Path
    feature_extractor: Path | None
    width: int
    height: int
    unet_batch: int
