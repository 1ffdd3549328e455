"""Draw the scenes that `edges.py` kept out of training along their edges and without, as sdq draws, for docs/edges.jpg.

    python edges_sheet.py --model ../../sdq_core/demo_model --out ../../docs/edges.jpg

Three rows: edges, with `demo-edges`, without it; the same prompts and seeds. Also says how far the pictures follow.
Needs sdq with its `onnx` extra.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from edges import HELD, SCENES, Picture, draw_scenes
from PIL import Image
from torch.nn import functional as F  # noqa: N812 - its usual name
from train import to_tensor
from trajectories import run_package

from sdq_core.models import ModelStore
from sdq_core.models.controlnet import ControlNets
from sdq_core.values.conditions import Conditions, ControlNetUse
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.choice import choose_runtime

SHOWN = 8
GAP = 4


def agreement(pictures: Sequence[Picture], edges: Sequence[Picture]) -> float:
    """How far pictures' gradients lie on edges: their correlation, both blurred by three pixels, the mean of all."""
    grey = torch.from_numpy(np.stack(pictures).astype(np.float32)).mean(dim=3)
    slopes = F.pad(
        (grey[:, 1:] - grey[:, :-1]).abs()[:, :, :-1]
        + (grey[:, :, 1:] - grey[:, :, :-1]).abs()[:, :-1],
        (0, 1, 0, 1),
    )
    lines = torch.from_numpy(np.stack(edges).astype(np.float32))
    both = [F.avg_pool2d(one[:, None], 3, 1, 1).flatten(1) for one in (slopes, lines)]
    a, b = (one - one.mean(dim=1, keepdim=True) for one in both)
    return float(F.cosine_similarity(a, b).mean())


def through_vae(model: Path, pictures: Sequence[Picture]) -> list[Picture]:
    """Pictures as the model's VAE gives them back."""
    encoder, decoder = (run_package(model, f"vae_{name}") for name in ("encoder", "decoder"))
    back = []
    for picture in pictures:
        latent = encoder(x=to_tensor(picture[None]).numpy())["latent"][:, :4]
        image = np.clip(decoder(z=latent)["image"][0], -1, 1).transpose(1, 2, 0)
        back.append(((image + 1) * 127.5).round().astype(np.uint8))
    return back


def draw(captions: Sequence[str], edges: Sequence[Picture]) -> dict[str, list[Picture]]:
    """Each caption with its number as the seed, along the edges and without."""
    store, nets = ModelStore(Path("none")), ControlNets(Path("none"))
    net = nets.find("demo-edges")
    drawn: dict[str, list[Picture]] = {"with": [], "without": []}
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        pipeline = BuiltinPipeline.load(
            store.find("demo-turbo", AttentionImplementation.ORIGINAL),
            choose_runtime(cache=Path(folder) / "cache", threads=1),
            PartUnits.all_on(ComputeUnit.ALL),
            inputs=inputs,
            controlnets=nets,
        )
        for seed, (caption, lines) in enumerate(zip(captions, edges, strict=True)):
            use = ControlNetUse(name=net.name, revision=net.revision, image=_keep(inputs, lines))
            for name, uses in (("with", (use,)), ("without", ())):
                request = ImageRequest(
                    prompt=caption,
                    negative_prompt="",
                    seed=seed,
                    num_inference_steps=4,
                    guidance_scale=0.0,
                    scheduler=Scheduler.EULER_DISCRETE,
                    conditions=Conditions(controlnets=uses),
                )
                drawn[name].append(pipeline.draw(request, lambda _done, _total: None).pixels)
    return drawn


def _keep(inputs: Path, lines: Picture) -> str:
    """Put a map where sdq keeps pictures; return its sha256."""
    buffer = BytesIO()
    Image.fromarray(lines).save(buffer, "PNG")
    name = sha256(buffer.getvalue()).hexdigest()
    path = inputs / name[:2] / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return name


def main() -> None:
    """Draw, measure and lay out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="the demo model")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    captions, painted = draw_scenes(SCENES)
    pictures, edges = ([one[side] for one in painted[:HELD]] for side in (0, 1))
    rows = draw(captions[:HELD], edges)
    for name, row in (*rows.items(), ("scenes", through_vae(options.model, pictures))):
        print(f"{name}: gradients correlate with the edges by {agreement(row, edges):.3f}")
    for caption in captions[:SHOWN]:
        print(caption)
    side = edges[0].shape[0] + GAP
    sheet = Image.new("RGB", (SHOWN * side + GAP, 3 * side + GAP), "white")
    for y, row in enumerate((edges, *rows.values())):
        for x, picture in enumerate(row[:SHOWN]):
            sheet.paste(Image.fromarray(picture), (x * side + GAP, y * side + GAP))
    sheet.save(options.out, quality=88)


if __name__ == "__main__":
    main()
