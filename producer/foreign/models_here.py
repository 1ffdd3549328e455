"""The models that are here, as images of other tools name them: by a checkpoint's file, a folder or a title."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from sdq_core.models.parts import split_download

#: Endings of checkpoints, a hash behind the name, and Draw Things' precisions.
_ENDING = re.compile(r"\.(?:safetensors|ckpt|pth?|sft|gguf)$|\s*[\[(][0-9a-f]{6,64}[\])]$")
_PRECISION = re.compile(r"(?:_(?:f16|f32|q[0-9]p|fp16|bf16))+$")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a model's U-Net decides. width, height: pixels."""

    width: int
    height: int


class ModelsHere:
    """Finds models by foreign names.

    names: of the models that are here.
    shape_of: returns a model's shape; raises InputMissingError or InputError for one that cannot be drawn.
    """

    def __init__(self, names: Iterable[str], shape_of: Callable[[str], Shape]) -> None:
        self._by_key = {_key(name): name for name in names}
        self.shape_of = cache(shape_of)

    def named(self, written: str) -> str | None:
        """Return the model that a foreign name means, None if it is not here."""
        return self._by_key.get(_key(written))


def _key(written: str) -> str:
    name = re.split(r"[/\\]", written[:1000].strip())[-1].lower()
    for _ in range(2):  # a hash behind an ending, or before it
        name = _ENDING.sub("", name)
    name = split_download(_PRECISION.sub("", name))[0]
    return re.sub(r"[^a-z0-9]", "", name)
