"""Record what imagehash says of the pictures of `tests/quality`, for `tests/quality/test_measures.py`.

    pip install "imagehash==4.3.2" pillow
    PYTHONPATH=. python tools/record_phashes.py

One file results, `tests/golden/phashes.json`: the hash of each picture, by its name.
"""

from __future__ import annotations

import json
from pathlib import Path

import imagehash

from tests.quality.pictures import pictures

TARGET = Path(__file__).parent.parent / "tests" / "golden" / "phashes.json"


def main() -> None:
    hashes = {name: str(imagehash.phash(picture)) for name, picture in pictures()}
    TARGET.write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
