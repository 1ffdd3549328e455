"""Draw through the product's own pipeline and ask the judge what is in the pictures.

    python evaluate.py --run RUN --model ../../sdq_core/demo_model --prompts 100 --seeds 2 --sheet sheet.png

Prompts say everything (time, weather, ground, one or two objects with colour and position). Those of "seen" are
combinations that training could show; each of "held out" has at least one that it never did. The judge (`train.py
judge`) is itself measured on newly drawn scenes first. Needs sdq with its `onnx` extra beside requirements.txt.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import numpy as np
import scenes
import torch
from judge import ATTRIBUTES, Judge, accuracy, grade, judge_accuracy, read_pictures
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sdq_core.models import ModelStore
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.choice import choose_runtime

Picture = NDArray[np.uint8]


def draw(
    pipeline: BuiltinPipeline, prompt: str, seed: int, options: argparse.Namespace
) -> tuple[Picture, bool]:
    """One picture, and whether the safety checker flagged it."""
    request = ImageRequest(
        prompt=prompt,
        negative_prompt="",
        seed=seed,
        num_inference_steps=options.steps,
        guidance_scale=options.guidance,
        scheduler=Scheduler(options.scheduler),
    )
    image = pipeline.draw(request, lambda _done, _total: None)
    return image.pixels, bool(image.nsfw_flagged)


def table(name: str, values: dict[str, float]) -> str:
    """One line of percentages."""
    return f"{name:24}" + "".join(f"{values[a] * 100:9.1f}" for a in ATTRIBUTES)


def contact_sheet(pipeline: BuiltinPipeline, options: argparse.Namespace) -> None:
    """Prompts down, seeds across."""
    rng = Random(3)
    prompts = [scenes.plain_caption(scenes.sample_scene(rng)) for _ in range(8)]
    pictures = [draw(pipeline, prompt, seed, options)[0] for prompt in prompts for seed in range(6)]
    scenes.contact_sheet(pictures, 6).save(options.sheet)
    print(*prompts, sep="\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="training run with judge.pt")
    parser.add_argument(
        "--model", type=Path, required=True, help="folder with the variants, or a name"
    )
    parser.add_argument("--variant", default="original")
    parser.add_argument("--prompts", type=int, default=125, help="prompts on each side")
    parser.add_argument("--seeds", type=int, default=2, help="pictures for each prompt")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--scheduler", default="DPMSolverMultistep")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    judge = Judge()
    judge.load_state_dict(torch.load(options.run / "judge.pt")["model"])
    folder = ModelStore(options.model).find(
        str(options.model), AttentionImplementation(options.variant)
    )
    print(" " * 24 + "".join(f"{a:>9}" for a in ATTRIBUTES))
    print(table("judge, drawn scenes", judge_accuracy(judge, seed=4242, count=500)))
    with tempfile.TemporaryDirectory() as cache:
        runtime = choose_runtime(cache=Path(cache), threads=options.threads)
        pipeline = BuiltinPipeline.load(folder, runtime, PartUnits.all_on(ComputeUnit.ALL))
        if options.sheet:
            contact_sheet(pipeline, options)
        for side, held_out in (("seen", False), ("held out", True)):
            rng = Random(2026)
            grades, distances, flags, began = [], [], 0, time.process_time()
            for number in range(options.prompts):
                scene = scenes.sample_scene(rng, held_out=held_out)
                drawn = [
                    draw(pipeline, scenes.plain_caption(scene), 1000 * number + s, options)
                    for s in range(options.seeds)
                ]
                pictures = np.stack([picture for picture, _ in drawn])
                flags += sum(flag for _, flag in drawn)
                rows = read_pictures(judge, pictures)
                grades += [grade(row.tolist(), scenes.labels(scene)) for row in rows]
                if options.seeds > 1:
                    first, second = pictures[0].astype(float), pictures[1].astype(float)
                    distances.append(np.abs(first - second).mean())
            count = options.prompts * options.seeds
            print(table(f"{side}, {count} pictures", accuracy(grades)), flush=True)
            spread = f"{np.mean(distances):.1f} of 255" if distances else "not measured"
            took_s = (time.process_time() - began) / count
            print(
                f"  two seeds differ by {spread}; flagged {flags}; {took_s:.3f} s of processor time each"
            )


if __name__ == "__main__":
    main()
