"""Measuring with real engines: rows, reference, likeness, budget, and what cannot be loaded."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.values import Benchmark
from producer.planning.speed import is_usable
from sdq.views.bench import bench_lines
from sdq_core.errors import InputMissingError
from sdq_core.models import DEMO, ModelStore, VariantFolder
from sdq_core.values.machine import this_machine
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from worker.bench.candidates import candidates, for_comparison
from worker.bench.measure import Task
from worker.bench.run import ModelBench, bench_model

ORIGINAL = AttentionImplementation.ORIGINAL
SPLIT = AttentionImplementation.SPLIT_EINSUM
SPLIT_V2 = AttentionImplementation.SPLIT_EINSUM_V2
ALL, GPU, NE, CPU = (
    ComputeUnit.ALL, ComputeUnit.CPU_AND_GPU, ComputeUnit.CPU_AND_NE, ComputeUnit.CPU_ONLY,
)  # fmt: skip
BLANK = Benchmark(
    machine=this_machine(),
    measured_at=datetime(2026, 11, 26, tzinfo=UTC),
    variant=Variant(model="own", revision="1", attention_implementation=ORIGINAL, compute_unit=ALL),
    unet="whole",
    drawn_with=True,
    num_inference_steps=20,
    images=3,
)
GOLDEN = Path(__file__).parents[1] / "golden"
TASK = Task(prompt="the sea at night", num_inference_steps=3, images=2)


def bench(
    home: Path,
    model: str,
    *,
    units: Sequence[ComputeUnit] = (ALL,),
    time_is_up: Callable[[], bool] = lambda: False,
    others: Mapping[RuntimeChoice, Sequence[ComputeUnit]] | None = None,
) -> ModelBench:
    return bench_model(
        ModelStore(home / "models"),
        model,
        units,
        TASK,
        cache=home / "cache",
        time_is_up=time_is_up,
        on_begin=lambda _: None,
        on_row=lambda _: None,
        others=others,
    )


def names(rows: Sequence[Benchmark]) -> list[tuple[str, str]]:
    return [(str(r.variant.attention_implementation), str(r.variant.compute_unit)) for r in rows]


def own_variant(home: Path, attention: AttentionImplementation) -> Path:
    """A copy of the demo model's packages as that variant of the model `own`."""
    demo = ModelStore(home).find(DEMO, ORIGINAL if attention is ORIGINAL else SPLIT)
    folder = home / "models" / f"own_{attention}_packages"
    shutil.copytree(demo.parts["unet"].parent, folder)
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    return folder


def test_every_variant_is_measured_wholly_and_compared_with_original(tmp_path: Path) -> None:
    found = bench(tmp_path, DEMO)
    assert names(found.measured) == [("original", "ALL"), ("split_einsum", "ALL")]
    assert found.reference is found.measured[0]
    assert found.left_out == []
    store = ModelStore(tmp_path)
    for row in found.measured:
        folder = store.find(DEMO, row.variant.attention_implementation)
        assert row.error is None
        assert row.variant.revision == folder.revision
        assert (row.unet, row.precision, row.runtime, row.pipeline) == (
            "whole", "6-bit", "onnx", "builtin",
        )  # fmt: skip
        assert (row.num_inference_steps, row.images) == (3, 2)
        # The first load translates four networks, the second finds them translated.
        assert row.first_load_ms > row.warm_load_ms > 0
        assert 0 < 3 * row.step_ms < row.image_ms
        assert row.images_per_hour == pytest.approx(3_600_000 / row.image_ms)
        # More than an interpreter with NumPy and ONNX Runtime; less than a leak.
        assert 50e6 < row.peak_bytes < 2e9
        assert is_usable(row)
    assert math.isinf(found.measured[0].psnr_db)
    assert found.measured[1].psnr_db > 30
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_does_not_load_is_a_row_with_its_reason(tmp_path: Path) -> None:
    own_variant(tmp_path, ORIGINAL)
    damaged = own_variant(tmp_path, SPLIT)
    weights = next(damaged.glob("*_unet.mlpackage")) / "Data/com.apple.CoreML/weights/weight.bin"
    weights.write_bytes(weights.read_bytes()[:1000])
    incomplete = own_variant(tmp_path, SPLIT_V2)
    shutil.rmtree(next(incomplete.glob("*_vae_decoder.mlpackage")))
    found = bench(tmp_path, "own")
    by_name = {row.variant.attention_implementation: row for row in found.measured}
    assert is_usable(by_name[ORIGINAL])
    assert "PackageError" in by_name[SPLIT].error
    assert "weight.bin" in by_name[SPLIT].error
    assert "lacks the vae_decoder" in by_name[SPLIT_V2].error
    for attention in (SPLIT, SPLIT_V2):
        assert by_name[attention].image_ms is None
        assert by_name[attention].psnr_db is None
        assert not is_usable(by_name[attention])


def test_a_variant_that_draws_other_pictures_is_measured_and_not_usable(tmp_path: Path) -> None:
    own_variant(tmp_path, ORIGINAL)
    strange = own_variant(tmp_path, SPLIT) / "scheduler" / "scheduler_config.json"
    config = json.loads(strange.read_text()) | {"prediction_type": "v_prediction"}
    strange.write_text(json.dumps(config))
    original, split = bench(tmp_path, "own").measured
    assert is_usable(original)
    assert split.error is None
    assert split.image_ms > 0
    assert split.psnr_db < 20
    assert not is_usable(split)


def test_without_original_the_first_that_draws_is_the_reference(tmp_path: Path) -> None:
    own_variant(tmp_path, SPLIT_V2)
    found = bench(tmp_path, "own")
    assert names(found.measured) == [("split_einsum_v2", "ALL")]
    assert found.reference is found.measured[0]
    assert is_usable(found.measured[0])


def test_when_time_is_up_nothing_new_is_begun_and_what_is_left_is_named(tmp_path: Path) -> None:
    asked: list[bool] = []

    def after_one() -> bool:
        asked.append(len(asked) > 0)
        return asked[-1]

    found = bench(tmp_path, DEMO, time_is_up=after_one)
    assert names(found.measured) == [("original", "ALL")]
    assert is_usable(found.measured[0])
    assert found.left_out == ["split_einsum on ALL"]


def test_a_model_that_is_not_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="no model 'sdxl' here"):
        bench(tmp_path, "sdxl")


def folder(attention: AttentionImplementation, *unet: str) -> VariantFolder:
    return VariantFolder(
        model="m",
        attention_implementation=attention,
        revision="r",
        parts={part: Path(part) for part in ("text_encoder", "vae_decoder", *unet)},
        tokenizer=Path(),
        scheduler_config=Path(),
        feature_extractor=None,
        width=512,
        height=512,
        unet_batch=2,
    )


def test_on_core_ml_the_usual_units_come_first_and_original_spares_the_neural_engine() -> None:
    found = candidates([folder(ORIGINAL, "unet"), folder(SPLIT, "unet")], tuple(ComputeUnit))
    assert [(c.folder.attention_implementation, c.compute_unit) for c in found] == [
        (ORIGINAL, ALL),
        (SPLIT, NE),
        (ORIGINAL, GPU),
        (SPLIT, ALL),
        (ORIGINAL, CPU),
        (SPLIT, GPU),
        (SPLIT, CPU),
    ]
    assert all(candidate.drawn_with and candidate.unet == "whole" for candidate in found)


def test_chunks_beside_a_whole_unet_are_measured_last_and_never_drawn_with() -> None:
    both = folder(ORIGINAL, "unet", "unet_chunk1", "unet_chunk2")
    found = candidates([both, folder(SPLIT, "unet_chunk1", "unet_chunk2")], (ALL,))
    assert [(c.folder.attention_implementation, c.unet, c.drawn_with) for c in found] == [
        (ORIGINAL, "whole", True),
        (SPLIT, "chunks", True),
        (ORIGINAL, "chunks", False),
    ]
    assert "unet" in found[0].folder.parts
    assert found[2].folder.parts.keys() == {
        "text_encoder", "vae_decoder", "unet_chunk1", "unet_chunk2",
    }  # fmt: skip
    assert str(found[2]) == "original on ALL (in chunks)"


def test_a_unet_in_chunks_beside_the_whole_one_draws_the_same(tmp_path: Path) -> None:
    pytest.importorskip("coremltools", reason="coremltools, which cuts it, is missing")
    from coremltools.models.utils import bisect_model

    # That of the demo model is twice as large, and its palettes would have to be unpacked before.
    packages = tmp_path / "models" / "own_original_packages"
    shutil.copytree(GOLDEN / "xl", packages)
    shutil.copytree(GOLDEN / "tokenizer", packages / "tokenizer")
    whole = next(packages.glob("*_unet.mlpackage"))
    bisect_model(str(whole), str(packages), check_output_correctness=False)
    found = bench(tmp_path, "own")
    assert [(row.unet, row.drawn_with, row.error) for row in found.measured] == [
        ("whole", True, None),
        ("chunks", False, None),
    ]
    chunks = found.measured[1]
    assert chunks.precision == "float16"
    assert chunks.psnr_db > 30
    assert not is_usable(chunks)


def test_other_runtimes_are_measured_last_for_comparison_and_decide_nothing(tmp_path: Path) -> None:
    own_variant(tmp_path, ORIGINAL)
    openvino = RuntimeChoice.OPENVINO
    found = bench(tmp_path, "own", others={openvino: (ALL,)}, time_is_up=lambda: True)
    assert found.left_out == ["original on ALL", "original on ALL (with openvino)"]
    folder = ModelStore(tmp_path / "models").find("own", ORIGINAL)
    (drawing,), (other,) = candidates([folder], (ALL,)), for_comparison([folder], (ALL,), openvino)
    assert (drawing.runtime, drawing.drawn_with) == (RuntimeChoice.AUTO, True)
    assert (other.runtime, other.drawn_with, other.folder) == (openvino, False, folder)


def test_a_runtime_that_would_draw_faster_is_named_with_how_to_choose_it() -> None:
    drawing = replace(BLANK, runtime="onnx", image_ms=4000, step_ms=200, psnr_db=math.inf)
    rival = replace(drawing, runtime="openvino", drawn_with=False, image_ms=1800, psnr_db=47.25)

    def said(*rows: Benchmark) -> str:
        return bench_lines(rows, reference=rows[0], left_out=[], winner=None)[-1]

    assert said(drawing, rival) == (
        "openvino takes 0.45 of the time of what draws here, with images at 47.2 dB: "
        '`--runtime openvino`, or runtime = "openvino" in sdq.toml.'
    )
    for no_rival in (replace(rival, image_ms=4100), replace(rival, psnr_db=20.0)):
        assert "takes" not in said(drawing, no_rival)


def test_what_fails_with_another_runtime_says_with_which() -> None:
    rival = replace(BLANK, runtime="openvino", drawn_with=False, error="PackageError: no")
    (line,) = bench_lines([rival], reference=None, left_out=[], winner=None)
    assert line == "failed: original on ALL with openvino: PackageError: no"
