"""The built-in pipeline draws what Apple's pipeline draws over the same networks; `record_apple.py` recorded it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from toys import ToyRuntime, parts, variant_folder

from sdq_core.values.part_units import PartUnits
from sdq_core.values.steps import DISTILLED
from sdq_core.values.variants import ComputeUnit, Scheduler
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import ImageRequest

GOLDEN = Path(__file__).parent.parent / "golden" / "apple.npz"
REQUEST = ("prompt", "negative_prompt", "seed", "num_inference_steps", "guidance_scale")


# Apple's command line has no LCM and no TCD.
@pytest.mark.parametrize("scheduler", [word for word in Scheduler if word not in DISTILLED])
def test_images_agree_with_apples_pipeline_within_one_level(tmp_path, scheduler):
    with np.load(GOLDEN) as archive:
        cases, images = json.loads(str(archive["cases"])), archive["images"]
    mine = [pair for pair in zip(cases, images, strict=True) if pair[0]["scheduler"] == scheduler]
    assert len(mine) == 5
    for number, (case, expected) in enumerate(mine):
        models = parts(case["batch"])
        root = tmp_path / str(number)
        folder = variant_folder(root, models, scheduler_config=case["config"])
        pipeline = BuiltinPipeline.load(
            folder, ToyRuntime(models), PartUnits.all_on(ComputeUnit.ALL)
        )
        request = ImageRequest(**{key: case[key] for key in REQUEST}, scheduler=scheduler)
        drawn = pipeline.draw(request, lambda done, total: None)
        assert expected.std() > 10, "the recorded image should be worth comparing"
        assert np.abs(drawn.pixels.astype(int) - expected).max() <= 1, case
