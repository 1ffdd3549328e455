"""What only the portable runtime does: failures of ONNX Runtime while it runs, and while it loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sdq_core.errors import ComputeError, PackageError
from sdq_core.values.variants import ComputeUnit
from tests.acceptance.program import Program, assert_whole
from worker.runtimes.onnx import OnnxRuntime, model_file, session

from .conftest import demo_package, inputs_for


def let_it_fail(translation: Path) -> None:
    """Put a network with the same inputs and outputs into a translation that loads and fails at every run."""
    path = translation / "model.onnx"
    whole = onnx.load(path, load_external_data=False).graph
    first = whole.input[0]
    nodes = [
        helper.make_node("ReduceSum", [first.name], ["sum"], keepdims=0),
        helper.make_node("Abs", ["sum"], ["size"]),
        helper.make_node("Add", ["size", "far"], ["place"]),
        helper.make_node("Cast", ["place"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", [first.name, "index"], ["nothing"], axis=0),
        *(helper.make_node("Identity", ["nothing"], [o.name]) for o in whole.output),
    ]
    far = helper.make_tensor("far", TensorProto.FLOAT, [], [1e6])
    outputs = [helper.make_tensor_value_info(o.name, TensorProto.FLOAT, None) for o in whole.output]
    graph = helper.make_graph(nodes, "fails", list(whole.input), outputs, initializer=[far])
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    entry = json.loads((translation / "entry.json").read_text())
    entry["files"]["model.onnx"] = path.stat().st_size
    (translation / "entry.json").write_text(json.dumps(entry))


def test_a_failure_in_the_middle_is_retryable_and_names_the_model(tmp_path: Path) -> None:
    package = demo_package("vae_decoder")
    OnnxRuntime(tmp_path, threads=1).load(package, ComputeUnit.ALL)
    (translation,) = tmp_path.iterdir()
    let_it_fail(translation)
    model = OnnxRuntime(tmp_path, threads=1).load(package, ComputeUnit.ALL)
    with pytest.raises(ComputeError, match=r"ran \S*vae_decoder\.mlpackage: .*Gather") as failure:
        model(**inputs_for(model))
    assert failure.value.retryable
    assert "\n" not in str(failure.value)


@pytest.fixture
def translated(new_program: Program) -> Program:
    """A data folder whose model has drawn before, with a translation of its own to damage."""
    options = ("--steps", "1", "--batch", "before", "--variant", "original")
    new_program.call("run", "--prompt", "the sea", *options)
    return new_program


def test_an_image_that_fails_in_the_middle_is_tried_again(translated: Program) -> None:
    (translation,) = translated.home.glob("cache/**/*_unet-*/")
    let_it_fail(translation)
    options = ("--steps", "1", "--batch", "b", "--variant", "original")
    translated.call("submit", "--prompt", "a tent", *options)
    translated.call("worker", "--burst", code=3)
    status = json.loads(translated.call("status", "b", "--json").stdout)
    (error,) = status["sdq"]["failed_images"]
    assert error["attempts"] == 3
    assert error["error"].startswith("ComputeError: ONNX Runtime failed while it ran ")
    # Once the network is whole again, so is the image.
    for path in translation.iterdir():
        path.unlink()
    translation.rmdir()
    translated.call("retry", "b")
    translated.call("worker", "--burst")
    assert_whole(translated.home, [*translated.drawn("before"), *translated.drawn("b")], 2)


class _Loads:
    """Counts how often ONNX Runtime was asked to load the network that draws."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[Path] = []
        load = session._session

        def counted(model: Path, *how: Any) -> Any:
            if model.parent.name != "plain":  # where it is prepared
                self.paths.append(model)
            return load(model, *how)

        monkeypatch.setattr(session, "_session", counted)


def test_a_translation_that_does_not_load_is_made_anew_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = demo_package("text_encoder")
    OnnxRuntime(tmp_path, threads=1).load(package, ComputeUnit.ALL)
    (translation,) = tmp_path.iterdir()
    whole = translation / "model.onnx"
    whole.write_bytes(b"\xff" * whole.stat().st_size)
    loads = _Loads(monkeypatch)
    model = OnnxRuntime(tmp_path, threads=1).load(package, ComputeUnit.ALL)
    assert np.isfinite(model(**inputs_for(model))["last_hidden_state"]).all()
    assert loads.paths == [whole, whole]
    OnnxRuntime(tmp_path, threads=1).load(package, ComputeUnit.ALL)
    assert loads.paths == [whole] * 3, "what was made anew is whole"


def test_a_network_that_onnx_runtime_never_loads_is_refused_after_two_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_file, "_IR_VERSION", 9999)  # of some later onnx
    loads = _Loads(monkeypatch)
    with pytest.raises(
        PackageError, match=r"ONNX Runtime does not load .*: .*IR version"
    ) as caught:
        OnnxRuntime(tmp_path, threads=1).load(demo_package("text_encoder"), ComputeUnit.ALL)
    assert len(loads.paths) == 2
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("and report this.")
