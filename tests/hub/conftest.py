from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

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
        """Run `sdq models` within this process, whose huggingface_hub is told what it reads from the environment."""
        home = self.home / "hf"
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {
                "ENDPOINT": self.hub.url,
                "HUGGINGFACE_CO_URL_TEMPLATE": f"{self.hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
                "HF_HUB_CACHE": str(home / "hub"),
                "HF_XET_CACHE": str(home / "xet"),
                "HF_TOKEN_PATH": str(home / "token"),
                "HF_HUB_OFFLINE": "HF_HUB_OFFLINE" in environment,
            }.items():
                patch.setattr(constants, name, value)
            return self.program.call("models", *arguments, code=code, **environment)

    def models_apart(self, *arguments: str) -> Any:
        """Run `sdq models` in a process of its own, which has all that from the environment."""
        return self.program.run(
            "models", *arguments, HF_ENDPOINT=self.hub.url, HF_HOME=str(self.home / "hf")
        )

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
