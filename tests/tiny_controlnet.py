"""The tiny Stable Diffusion 1 with two ControlNets, which `tools/record_controlnet.py` recorded."""

from __future__ import annotations

from pathlib import Path

_GOLDEN = Path(__file__).parent / "golden"


def put_tiny_models(models: Path) -> None:
    """Make a models folder of links to it: the model `tiny`, the ControlNets `sdq_edges` and `sdq_depth`."""
    (models / "tiny").mkdir(parents=True)
    (models / "controlnet").mkdir()
    for package in (_GOLDEN / "controlnet").glob("*.mlpackage"):
        beside = "controlnet" if package.name.startswith("ControlNet") else "tiny"
        (models / beside / package.name).symlink_to(package)
    (models / "tiny" / "scheduler").symlink_to(_GOLDEN / "controlnet" / "scheduler")
    (models / "tiny" / "tokenizer").symlink_to(_GOLDEN / "tokenizer")
