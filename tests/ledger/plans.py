"""Small plans without files and models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from db.values import BatchPlan, EngineRecord, ImageRecord, PlannedEntry, Slice
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant

VARIANT = Variant(
    model="demo",
    revision="0123456789abcdef",
    attention_implementation=AttentionImplementation.ORIGINAL,
    compute_unit=ComputeUnit.ALL,
)


def recipe(prompt: str, *, negative_prompt: str = "") -> Recipe:
    return Recipe(
        variant=VARIANT, prompt=prompt, width=128, height=128, negative_prompt=negative_prompt
    )


def plan(
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    name: str | None = None,
    source: str = "/here/prompts.txt",
    slice_size: int = 25,
) -> BatchPlan:
    entries = [PlannedEntry(recipe=recipe(prompt), seeds=tuple(seeds)) for prompt in prompts]
    key = hashlib.sha256(repr((name, prompts, tuple(seeds))).encode()).hexdigest()
    return BatchPlan(
        name=name,
        source_name="prompts",
        source=source,
        key=key,
        entries=entries,
        slice_size=slice_size,
    )


ENGINE = EngineRecord(
    variant=VARIANT,
    worker="w",
    host="h",
    pid=1,
    pipeline="builtin",
    runtime="onnx",
    compute_unit="ALL",
    precision="6-bit",
    versions={"sdq": "0"},
    os="Linux",
    chip="x",
    load_ms=1.5,
)


def record(slice_: Slice, seed: int, engine_id: int) -> ImageRecord:
    return ImageRecord(
        recipe_id=slice_.recipe_id,
        seed=seed,
        slice_id=slice_.id,
        engine_id=engine_id,
        path=f"{slice_.batch_name}/{slice_.entry}-{seed}.png",
        size_bytes=1000,
        sha256="ab" * 32,
        pixels_sha256="cd" * 32,
        truncated_tokens=0,
        nsfw_flagged=False,
        concept_scores={"concept_00": -0.5},
        queue_wait_ms=1.0,
        text_encode_ms=2.0,
        denoise_ms=100.0,
        num_unet_calls=20,
        decode_ms=3.0,
        safety_ms=0.5,
        encode_ms=1.0,
        save_ms=1.0,
    )
