"""A Stable Diffusion XL model: what each part takes, and images with all parts in memory against parts in turns.

    python -m benchmarks.xl FOLDER [--runtime openvino] [--steps 2] [--room 12G] [--parts unet,vae_decoder]

FOLDER has the model's parts as packages or compiled models, as `--model` takes it; random weights do not change the
figures. Everything runs in a process of its own, on the CPU. A part that is loaded for the first time is translated;
after that its file is mapped, and peaks contain what is read of it. Translations stay in FOLDER-cache: four bytes for
each weight, and twice that while one is made. What is expected not to fit into the memory that is free is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from benchmarks.bench import PROMPTS, show
from sdq_core.models import ModelStore, VariantFolder
from sdq_core.values.part_units import PartUnits
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.safety import Safety
from sdq_core.values.sizes import parse_memory
from sdq_core.values.variants import ComputeUnit, Scheduler
from worker.engine.budget import weights_bytes
from worker.engine.memory import peak_resident_bytes
from worker.engine.sparing import SparingRuntime
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.choice import choose_runtime
from worker.runtimes.contract import Runtime

ALL = ComputeUnit.ALL
#: Left to the rest of the machine, bytes.
_SPARE = 2_000_000_000


def model(folder: Path) -> VariantFolder:
    """Find the model's first variant."""
    store = ModelStore(folder.parent)
    return store.find(str(folder), store.attention_implementations(str(folder))[0])


def runtime_in(folder: Path, choice: str) -> Runtime:
    """Return the runtime, with a cache beside the model."""
    cache = folder.with_name(f"{folder.name}-cache")
    cache.mkdir(exist_ok=True)
    return choose_runtime(cache=cache, threads=os.cpu_count(), choice=RuntimeChoice(choice))


def part(folder: Path, choice: str, name: str, repeats: int) -> dict[str, float]:
    """Load one part and run it."""
    started = time.perf_counter()
    loaded = runtime_in(folder, choice).load(model(folder).parts[name], ALL)
    load_s = time.perf_counter() - started
    rng = np.random.default_rng(0)
    inputs = {
        key: rng.uniform(0, 1, spec["shape"]).astype(spec["dtype"])
        for key, spec in loaded.expected_inputs.items()
    }
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        loaded(**inputs)
        times.append(time.perf_counter() - started)
    return {"load_s": load_s, "run_s": median(times) if times else 0.0} | sizes()


def image(folder: Path, choice: str, room: int, steps: int) -> dict[str, float]:
    """Draw two images of one prompt. room: bytes for parts that take turns, 0 for all together."""
    runtime = runtime_in(folder, choice)
    shared = SparingRuntime(runtime, room) if room else runtime
    units = PartUnits.all_on(ALL)
    pipeline = BuiltinPipeline.load(model(folder), shared, units, Safety.OFF)
    found: dict[str, float] = {}
    for seed in (1, 2):
        request = ImageRequest(
            prompt=PROMPTS[0], negative_prompt="", seed=seed, num_inference_steps=steps,
            guidance_scale=5.0, scheduler=Scheduler.EULER_DISCRETE,
        )  # fmt: skip
        started = time.perf_counter()
        drawn = pipeline.draw(request, lambda _done, _total: None)
        found[f"image_{seed}_s"] = time.perf_counter() - started
        found |= {"denoise_s": drawn.denoise_ms / 1000, "decode_s": drawn.decode_ms / 1000}
        found[f"peak_{seed}_gb"] = peak_resident_bytes() / 1e9
    return found | sizes()


def sizes() -> dict[str, float]:
    """Return what this process has in memory, and has had at most, GB."""
    return {
        "resident_gb": psutil.Process().memory_info().rss / 1e9,
        "peak_gb": peak_resident_bytes() / 1e9,
    }


def apart(what: str, *arguments: object) -> Mapping[str, float] | None:
    """Measure in a process of its own; None if that was killed, as for want of memory."""
    command = [sys.executable, "-m", "benchmarks.xl", what, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(f"{what} {' '.join(map(str, arguments))} ended with {done.returncode}.", flush=True)
        return None
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["part"]:
        _, _, folder, choice, name, repeats = sys.argv
        print(json.dumps(part(Path(folder), choice, name, int(repeats))))
        return
    if sys.argv[1:2] == ["image"]:
        _, _, folder, choice, share, steps = sys.argv
        print(json.dumps(image(Path(folder), choice, int(share), int(steps))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runtime", default=str(RuntimeChoice.ONNX))
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--room", default="12G")
    parser.add_argument("--parts", default="text_encoder,text_encoder_2,unet,vae_decoder")
    options = parser.parse_args()
    folder = options.folder.resolve()
    found = model(folder)
    names = [name for name in options.parts.split(",") if name]
    free = psutil.virtual_memory().available - _SPARE
    weights = {name: weights_bytes(found.parts[name]) for name in names}
    left_out = [name for name, size in weights.items() if size > free]
    rows = []
    for name in (name for name in names if name not in left_out):
        first = apart("part", folder, options.runtime, name, 0)
        warm = apart("part", folder, options.runtime, name, 2)
        if first and warm:
            cells = (
                first["load_s"],
                first["peak_gb"],
                warm["load_s"],
                warm["run_s"],
                warm["peak_gb"],
            )
            rows.append((name, f"{weights[name] / 1e9:.1f}", *(f"{cell:.1f}" for cell in cells)))
    show(
        f"{folder.name}, {found.width}x{found.height}, {options.runtime}",
        ("part", "weights, GB", "first load, s", "peak, GB", "load, s", "run, s", "peak, GB"),
        rows,
    )
    room = parse_memory(options.room)
    rows = []
    for said, bytes_ in (("all parts", 0), (f"in turns, {options.room}", room)):
        if not bytes_ and sum(weights.values()) > free:
            left_out.append(said)
        elif drawn := apart("image", folder, options.runtime, bytes_, options.steps):
            keys = "image_1_s", "image_2_s", "denoise_s", "decode_s", "peak_1_gb", "peak_gb"
            rows.append((said, *(f"{drawn[key]:.1f}" for key in keys)))
    show(
        f"Two images of one prompt, {options.steps} steps with guidance",
        (
            "",
            "first, s",
            "second, s",
            "its steps, s",
            "decode, s",
            "peak of the first, GB",
            "peak, GB",
        ),
        rows,
    )
    if left_out:
        print(f"Left out, with {free / 1e9:.1f} GB free: {', '.join(left_out)}.")


if __name__ == "__main__":
    main()
