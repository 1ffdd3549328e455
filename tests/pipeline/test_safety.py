"""What the safety checker sees, whether it runs, and what a file shows of a picture that it flags.

CLIP's view of an image equals transformers'; `tests/golden/record_features.py` recorded it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toys import ToyRuntime, parts, safety_checker, variant_folder

from sdq_core.errors import PackageError
from sdq_core.values.part_units import PartUnits
from sdq_core.values.safety import Safety
from sdq_core.values.variants import ComputeUnit
from worker.drawing.flagged import hidden
from worker.pipelines.parts import Parts
from worker.pipelines.safety import FeatureExtractor

GOLDEN = Path(__file__).parent.parent / "golden" / "features.npz"


def extractor(folder, config):
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return FeatureExtractor(folder)


def test_features_equal_transformers(tmp_path):
    with np.load(GOLDEN) as archive:
        cases = json.loads(str(archive["cases"]))
        for number, case in enumerate(cases):
            size = (case["height"], case["width"], 3)
            pixels = np.random.RandomState(number).randint(0, 256, size).astype(np.uint8)
            features = extractor(tmp_path, case["config"])(pixels)
            assert features.dtype == np.float32
            np.testing.assert_allclose(
                features, archive[f"case_{number}"], rtol=0, atol=1e-6, err_msg=str(case)
            )
    assert len(cases) == 35


@pytest.mark.parametrize("content", ["", "[]", '{"size": "large"}', '{"crop_size": {"width": 3}}'])
def test_a_damaged_configuration_is_named(tmp_path, content):
    (tmp_path / "preprocessor_config.json").write_text(content)
    with pytest.raises(PackageError, match=r"preprocessor_config\.json cannot be read"):
        FeatureExtractor(tmp_path)


def test_a_missing_configuration_is_named(tmp_path):
    with pytest.raises(PackageError, match=r"preprocessor_config\.json cannot be read"):
        FeatureExtractor(tmp_path)


def load(folder, models, safety, *, extractor=True):
    made = variant_folder(folder, models, safety=extractor)
    return Parts.load(
        made, ToyRuntime(models), PartUnits.all_on(ComputeUnit.ALL), safety
    ).safety_checker


@pytest.mark.parametrize("safety", list(Safety))
def test_the_checker_is_in_memory_unless_it_is_off(tmp_path, safety):
    models = {**parts(), "safety_checker": safety_checker()}
    assert (load(tmp_path / "m", models, safety) is None) is (safety is Safety.OFF)


@pytest.mark.parametrize("lacks", ["safety_checker package", "feature_extractor folder"])
def test_a_model_that_cannot_be_checked_is_not_drawn_when_flagged_pictures_are_to_be_hidden(
    tmp_path, lacks
):
    models = parts()
    if lacks == "feature_extractor folder":
        models["safety_checker"] = safety_checker()
    for number, safety in enumerate(Safety):
        folder = tmp_path / str(number)
        if safety.hides:
            with pytest.raises(PackageError, match=f"has no {lacks}, so --safety {safety} could"):
                load(folder, models, safety, extractor=False)
        else:
            assert load(folder, models, safety, extractor=False) is None


def noise(height=96, width=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_hidden_picture_has_the_size_of_the_one_that_was_drawn():
    picture = Image.fromarray(noise())
    for safety in Safety:
        assert hidden(picture, safety).size == (64, 96)
        assert hidden(picture, safety).mode == "RGB"
    assert hidden(picture, Safety.FLAG).tobytes() == picture.tobytes()
    assert set(hidden(picture, Safety.BLACK).tobytes()) == {0}


def test_a_blur_tells_nothing_but_the_mean_colours_of_sixteen_tiles():
    """Whatever is rearranged inside a tile, the blur is the same: nothing that was drawn there can be made out."""
    pixels = noise()
    rng = np.random.default_rng(1)
    mixed = pixels.copy()
    for top in range(0, 96, 24):
        for left in range(0, 64, 16):
            tile = mixed[top : top + 24, left : left + 16].reshape(-1, 3)
            mixed[top : top + 24, left : left + 16] = rng.permutation(tile).reshape(24, 16, 3)
    assert not np.array_equal(mixed, pixels)
    ours, theirs = (
        np.asarray(hidden(Image.fromarray(array), Safety.BLUR)).astype(int)
        for array in (pixels, mixed)
    )
    assert np.abs(ours - theirs).max() <= 2, "rounded between rows and columns"
    assert ours.max() > ours.min()
