"""Which pipeline draws, and that it says so."""

from __future__ import annotations

import sys

import pytest
from toys import ToyRuntime, parts, variant_folder

from sdq_core.errors import ConfigurationError
from sdq_core.values.part_units import PartUnits
from sdq_core.values.variants import ComputeUnit
from worker.pipelines import apple_package as apple
from worker.pipelines.choice import PipelineChoice, library_versions, load_pipeline

WITH_APPLE = apple.is_installed()


def load(tmp_path, choice):
    models = parts()
    folder = variant_folder(tmp_path / "model", models)
    return load_pipeline(choice, folder, ToyRuntime(models), PartUnits.all_on(ComputeUnit.ALL))


def test_off_a_mac_the_built_in_pipeline_is_the_natural_choice(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert load(tmp_path, PipelineChoice.AUTO).name == "builtin"


def test_on_a_mac_apples_is_where_it_is_installed(tmp_path, monkeypatch):
    if WITH_APPLE:
        apple.import_apple()  # with the libraries for the system that this really is
    monkeypatch.setattr(sys, "platform", "darwin")
    expected = "apple" if WITH_APPLE else "builtin"
    assert load(tmp_path, PipelineChoice.AUTO).name == expected


@pytest.mark.skipif(WITH_APPLE, reason="Apple's package is installed")
def test_apples_asked_for_and_absent_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError, match=r"docs/mac\.md.*--pipeline builtin"):
        load(tmp_path, PipelineChoice.APPLE)


def test_chosen_by_itself_and_broken_it_makes_way(tmp_path, monkeypatch, caplog):
    """Libraries that do not fit together, transformers 5 for one, are found only by importing them."""
    monkeypatch.setattr("worker.pipelines.choice._is_apples_natural_choice", lambda: True)
    monkeypatch.setitem(sys.modules, "python_coreml_stable_diffusion.pipeline", None)
    monkeypatch.setitem(sys.modules, "python_coreml_stable_diffusion", None)
    assert load(tmp_path, PipelineChoice.AUTO).name == "builtin"
    assert "built-in pipeline" in caplog.text


@pytest.mark.parametrize("pipeline", ["builtin", "apple"])
def test_versions_are_recorded(pipeline):
    assert library_versions(pipeline)["numpy"]
    assert all(isinstance(version, str) for version in library_versions(pipeline).values())
