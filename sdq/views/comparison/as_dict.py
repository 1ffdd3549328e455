"""A comparison for JSON."""

from __future__ import annotations

import math
from typing import Any

from sdq.comparing.comparison import Comparison, Pair
from sdq.comparing.sides import Candidate


def comparison_as_dict(comparison: Comparison, limit: int) -> dict[str, Any]:
    """Return a comparison; ratios are null for equal pixels, as JSON has no infinity. limit: of the pairs."""
    return {
        "one": comparison.one,
        "other": comparison.other,
        "pairs": len(comparison.pairs),
        "equal": comparison.equal,
        "not_comparable": comparison.unmeasured,
        "without_partner": list(comparison.alone),
        "median_psnr_db": _finite(comparison.median_db),
        "worst_psnr_db": _finite(comparison.worst_db),
        "differences": {
            difference.name: [list(difference.one), list(difference.other)]
            for difference in comparison.differences
        },
        "same": dict(comparison.same),
        "least_similar": [_pair(pair) for pair in comparison.pairs[:limit]],
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "psnr_db": _finite(pair.psnr_db),
        "equal": pair.psnr_db == math.inf,
        "prompt": pair.one.recipe.prompt,
        "seed": pair.one.seed,
        "one": _image(pair.one),
        "other": _image(pair.other),
    }


def _image(image: Candidate) -> dict[str, Any]:
    return {"batch": image.batch_name, "entry": image.entry, "path": image.path}


def _finite(value: float | None) -> float | None:
    return None if value is None or value == math.inf else round(value, 3)
