from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import sdq_core.models
from sdq_core.models.bundled import RESERVED
from tests.acceptance.program import Program
from tests.hub.server import Hub, Repository, running_hub, tree

DEMO = Path(sdq_core.models.__file__).parents[1] / "demo_model"
APPLE = "apple/coreml-stable-diffusion-v1-5"
BASE = "stable-diffusion-v1-5/stable-diffusion-v1-5"
NAME = "coreml-stable-diffusion-v1-5"


@dataclass(kw_only=True)
class Station:
    """The installed program, and the Hub that its huggingface_hub talks to."""

    program: Program
    hub: Hub
    home: Path

    def models(self, *arguments: str, code: int = 0, **environment: str) -> Any:
        if arguments[:1] in {(), ("list",), ("remove",)}:
            return self.program.call("models", *arguments, code=code)
        # In a process of its own: huggingface_hub reads its environment once.
        return self.program.run(
            "models", *arguments, code=code, HF_ENDPOINT=self.hub.url,
            HF_HOME=str(self.home / "hf"), **environment,
        )  # fmt: skip

    def listed(self) -> list[dict[str, Any]]:
        return [
            model
            for model in json.loads(self.models("list", "--json").stdout)
            if model["name"] not in RESERVED
        ]

    def folder(self, variant: str = "original", kind: str = "packages") -> Path:
        return self.program.home / "models" / f"{NAME}_{variant}_{kind}"


@pytest.fixture
def station(tmp_path: Path, program: Program) -> Iterator[Station]:
    """A Hub with one of Apple's repositories, made of the demo model, and its base with weights nobody needs."""
    converted: dict[str, bytes] = {"README.md": b"card", "whole_model.zip": b"zip" * 1000}
    for variant in ("original", "split_einsum"):
        for path, content in tree(DEMO / variant / "packages").items():
            converted[f"{variant}/packages/{path}"] = content
            if "_unet." in path:
                converted[f"{variant}/packages/{path.replace('_unet.', '_unet_chunk1.')}"] = content
                converted[f"{variant}/packages/{path.replace('_unet.', '_unet_chunk2.')}"] = content
            if "_vae_decoder." in path:
                encoder = path.replace("_vae_decoder.", "_vae_encoder.")
                converted[f"{variant}/packages/{encoder}"] = content
    base = {
        path: content
        for folder in ("tokenizer", "scheduler", "feature_extractor")
        for path, content in tree(DEMO / folder, f"{folder}/").items()
    }
    base["unet/diffusion_pytorch_model.bin"] = base["v1-5-pruned.safetensors"] = b"weights" * 1000
    with running_hub() as hub:
        hub.repositories[APPLE] = Repository(files=converted)
        hub.repositories[BASE] = Repository(files=base)
        yield Station(program=program, hub=hub, home=tmp_path)
