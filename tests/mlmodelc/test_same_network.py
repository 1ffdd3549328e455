"""A compiled model is its package: the same program, the same facts at submit, the same pixels."""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import sdq_core
from sdq_core.models import ModelStore, VariantFolder
from sdq_core.models.compiled import CompiledModel
from sdq_core.models.network import read_network
from sdq_core.models.package import Package
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Scheduler
from tests.fuzz.package_reader import write_package
from tests.mlmodelc.printer import DIALECTS, compile_package, compile_variant, parse
from tests.translator.plain import plain
from worker.mlmodelc.text import read_program
from worker.mlpackage import proto
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest
from worker.runtimes.onnx import OnnxRuntime

DEMO = Path(sdq_core.__file__).parent / "demo_model"
PACKAGES = sorted(DEMO.glob("*/packages/*.mlpackage"))
CORPUS = sorted((Path(__file__).parents[1] / "fuzz" / "corpus").iterdir())
ORIGINAL = AttentionImplementation.ORIGINAL


def assert_same(package: Path, compiled: Path) -> None:
    expected = plain(proto.read_program(Package.open(package)))
    assert plain(read_program(CompiledModel.open(compiled))) == expected
    assert replace(read_network(compiled), path=package) == read_network(package)


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_of_the_demo_model(path: Path, tmp_path: Path) -> None:
    dialect = DIALECTS[path.parts[-3] == "split_einsum"]
    assert_same(path, compile_package(path, tmp_path / "net.mlmodelc", dialect))


@pytest.mark.coreml
@pytest.mark.skipif(sys.platform != "darwin", reason="needs macOS with Core ML")
@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_of_what_core_mls_own_compiler_makes_of_the_demo_model(path: Path, tmp_path: Path) -> None:
    from worker.runtimes.coreml.library import compile_package as compile_with_core_ml

    compiled = tmp_path / "net.mlmodelc"
    compile_with_core_ml(path, compiled)
    assert_same(path, compiled)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_of_every_kind_of_package(path: Path, dialect: str, tmp_path: Path) -> None:
    package = write_package(path.read_bytes(), tmp_path)
    assert_same(package, compile_package(package, tmp_path / "net.mlmodelc", dialect))


@pytest.mark.parametrize("kind", ["palettes", "blocks"])
def test_of_weights_below_a_byte(kind: str, tmp_path: Path) -> None:
    from tests.translator.building import convert, cto, mb
    from tests.translator.test_readers_agree import weights

    model = convert(
        lambda x: mb.linear(x=x, weight=weights(32, 64)),
        {"x": (1, 64)},
        target="macOS15",
        passes=True,
    )
    if kind == "palettes":
        config = cto.OpPalettizerConfig(
            nbits=4, mode="uniform", weight_threshold=0,
            granularity="per_grouped_channel", group_size=8,
        )  # fmt: skip
        model = cto.palettize_weights(model, cto.OptimizationConfig(config))
    else:
        config = cto.OpLinearQuantizerConfig(
            dtype="int4", weight_threshold=0, granularity="per_block", block_size=16
        )
        model = cto.linear_quantize_weights(model, cto.OptimizationConfig(config))
    package = tmp_path / "x_unet.mlpackage"
    model.save(str(package))
    for dialect in DIALECTS:
        assert_same(package, compile_package(package, tmp_path / f"{dialect}.mlmodelc", dialect))


def test_of_functions_the_default_one(tmp_path: Path) -> None:
    package = Path(shutil.copytree(PACKAGES[1], tmp_path / "net.mlpackage"))
    spec = parse(package)
    functions = spec.mlProgram.functions
    functions["large"].CopyFrom(functions["main"])
    for value in functions["main"].inputs:
        value.type.tensorType.dimensions[0].constant.size = 7
    for name in ("main", "large"):
        spec.description.defaultFunctionName = name
        Package.open(package).model.write_bytes(spec.SerializeToString())
        compiled = compile_package(package, tmp_path / f"{name}.mlmodelc")
        assert CompiledModel.open(compiled).default_function == name
        assert_same(package, compiled)
    keys = {
        CompiledModel.open(tmp_path / f"{name}.mlmodelc").content_key("1") for name in functions
    }
    assert len(keys) == 2


def drawn(folder: VariantFolder, cache: Path) -> tuple[str, dict[str, float]]:
    pipeline = BuiltinPipeline.load(
        folder, OnnxRuntime(cache, threads=1), PartUnits.all_on(ComputeUnit.ALL)
    )
    request = ImageRequest(
        prompt="a lighthouse at night",
        negative_prompt="",
        seed=3,
        num_inference_steps=2,
        guidance_scale=5.0,
        scheduler=Scheduler.DDIM,
    )
    image = pipeline.draw(request, lambda _done, _total: None)
    return hashlib.sha256(image.pixels.tobytes()).hexdigest(), dict(image.concept_scores)


def test_an_image_is_the_same_bit_for_bit(tmp_path: Path, translations: Path) -> None:
    mine = tmp_path / "models" / "mine_original_compiled"
    compile_variant(DEMO / "original" / "packages", mine)
    for name in ("scheduler", "feature_extractor"):
        shutil.copytree(DEMO / name, mine / name)
    for name in ("vocab.json", "merges.txt"):  # where the Hub's compiled folders have them
        shutil.copy(DEMO / "tokenizer" / name, mine)
    store = ModelStore(tmp_path / "models")
    compiled = store.find("mine", ORIGINAL)
    assert {path.suffix for path in compiled.parts.values()} == {".mlmodelc"}
    package = store.find("demo", ORIGINAL)
    assert compiled.revision != package.revision
    pixels, scores = drawn(package, translations)
    assert scores
    assert drawn(compiled, tmp_path / "cache") == (pixels, scores)
