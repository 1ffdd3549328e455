"""CLIP's view of an image equals transformers'; `tests/golden/record_features.py` recorded it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sdq.errors import PackageError
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
