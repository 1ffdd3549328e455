"""Record what transformers' CLIPImageProcessor gives, for `tests/pipeline/test_safety.py`.

    pip install "transformers==4.57.*" pillow
    python tests/golden/record_features.py

Writes `tests/golden/features.npz`: `cases`, JSON with a configuration and an image size each, and one array per case.
The images are `numpy.random.RandomState(case number).randint(0, 256, (height, width, 3))`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from transformers import CLIPImageProcessor

HERE = Path(__file__).parent
OLD = {"feature_extractor_type": "CLIPFeatureExtractor", "size": 8, "crop_size": 8, "resample": 3}
NEW = {"size": {"shortest_edge": 8}, "crop_size": {"height": 8, "width": 8}}
CONFIGS = [
    OLD,
    NEW,
    {**NEW, "do_normalize": False, "rescale_factor": 0.00392156862745098},
    {**NEW, "do_rescale": False, "image_mean": [10, 20, 30], "image_std": [50, 60, 70]},
    {**NEW, "size": {"height": 9, "width": 12}, "resample": 2},
    {**NEW, "crop_size": {"height": 13, "width": 10}},
    {**OLD, "do_center_crop": False},
]
SIZES = [(64, 64), (32, 48), (45, 30), (7, 5), (40, 131)]


def main() -> None:
    cases, arrays = [], {}
    for config in CONFIGS:
        for height, width in SIZES:
            number = len(cases)
            pixels = np.random.RandomState(number).randint(0, 256, (height, width, 3))
            image = Image.fromarray(pixels.astype(np.uint8))
            processor = CLIPImageProcessor.from_dict(dict(config))
            arrays[f"case_{number}"] = processor([image], return_tensors="np").pixel_values
            cases.append({"config": config, "height": height, "width": width})
    np.savez_compressed(HERE / "features.npz", cases=np.array(json.dumps(cases)), **arrays)


if __name__ == "__main__":
    main()
