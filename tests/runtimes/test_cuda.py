"""`--runtime cuda` as far as it can be shown without such a GPU: how it is refused, and what ONNX Runtime is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from sdq_core.errors import ConfigurationError
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import ComputeUnit
from worker.runtimes.choice import choose_runtime
from worker.runtimes.contract import Runtime

from .conftest import HAS_OPENVINO, demo_package, inputs_for

CUDA = "CUDAExecutionProvider"
here = onnxruntime.get_available_providers()
pytestmark = pytest.mark.skipif(CUDA in here, reason="this ONNX Runtime has CUDA")


def chosen(cache: Path) -> Runtime:
    return choose_runtime(cache=cache, threads=1, choice=RuntimeChoice.CUDA)


class Session:
    """An `InferenceSession` of an ONNX Runtime that was built with CUDA; what computes is the CPU."""

    asked: list[list[tuple[str, dict[str, str]]]]
    starts = True

    def __init__(self, path, options, providers):
        Session.asked.append(providers)
        self._session = self.usual(path, options, providers=["CPUExecutionProvider"])
        self.run = self._session.run

    def get_providers(self):
        return [*([CUDA] if self.starts else []), "CPUExecutionProvider"]


@pytest.fixture
def with_cuda(monkeypatch: pytest.MonkeyPatch) -> type[Session]:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, *here])
    monkeypatch.setattr(Session, "usual", onnxruntime.InferenceSession, raising=False)
    monkeypatch.setattr(Session, "asked", [], raising=False)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    return Session


def test_without_it_the_library_that_has_it_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"has no CUDAExecutionProvider") as refused:
        chosen(tmp_path)
    assert "`pip install 'onnxruntime-gpu[cuda,cudnn]'`" in str(refused.value)
    assert "choose another runtime" in str(refused.value)


def test_it_is_a_runtime_of_its_own_with_options_under_which_pixels_stay(tmp_path, with_cuda):
    runtime = chosen(tmp_path)
    assert runtime.name == "cuda"
    assert runtime.versions["onnxruntime"] == onnxruntime.__version__
    assert runtime.distinct_units == (ComputeUnit.ALL,)
    model = runtime.load(demo_package("text_encoder"), ComputeUnit.ALL)
    assert np.isfinite(model(**inputs_for(model))["last_hidden_state"]).all()
    options = {
        "device_id": "0",
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
    }
    assert with_cuda.asked == [[(CUDA, options)]]


def test_a_cuda_that_does_not_start_is_not_replaced_by_the_cpu(tmp_path, with_cuda, monkeypatch):
    monkeypatch.setattr(with_cuda, "starts", False)
    with pytest.raises(
        ConfigurationError, match=r"cannot start its CUDAExecutionProvider: .*driver"
    ):
        chosen(tmp_path).load(demo_package("text_encoder"), ComputeUnit.ALL)


@pytest.mark.skipif(not HAS_OPENVINO, reason="openvino is not installed")
def test_openvino_and_cuda_share_one_translation(tmp_path, with_cuda):
    package = demo_package("text_encoder")
    chosen(tmp_path).load(package, ComputeUnit.ALL)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    other = choose_runtime(cache=tmp_path, threads=1, choice=RuntimeChoice.OPENVINO)
    other.load(package, ComputeUnit.ALL)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")} == before
