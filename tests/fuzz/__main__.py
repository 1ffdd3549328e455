"""python -m tests.fuzz --seconds 60 [--seed 1]: look for models that end in anything but `PackageError`.

Models are the packages of the corpus, and these as compiled models.

With atheris (Linux, installed by `make fuzz` where there is a wheel) changes are guided by which code they reach;
without it the same changes are made at random. What is found is kept as `tests/fuzz/found-*.bin` and printed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import random
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
#: A package of kilobytes has no business with gigabytes; more address space ends in MemoryError, which is a finding.
MEMORY_BYTES = 4 << 30
SLOW_S = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--at-random", action="store_true", help="also where atheris is installed")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if options.at_random or importlib.util.find_spec("atheris") is None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        return at_random(options.seconds, options.seed)
    return guided(options.seconds, options.seed)


def at_random(seconds: float, seed: int) -> int:
    """Change packages of the corpus at random; return 1 after a finding."""
    print(f"At random, seed {seed}, for {seconds} s.")
    rng = random.Random(seed)
    deadline = time.monotonic() + seconds
    runs = whole = 0
    with tempfile.TemporaryDirectory() as folder:
        corpus = _corpus(Path(folder))
        while time.monotonic() < deadline:
            data = _changed(rng.choice(corpus), rng)
            runs += 1
            try:
                whole += _timed(data, Path(folder))
            except Exception:
                traceback.print_exc()
                found = HERE / f"found-{seed}-{runs}.bin"
                found.write_bytes(data)
                print(f"Kept in {found}.")
                return 1
    print(f"{runs:,} models, {whole:,} of them whole, the others refused; no finding.")
    return 0


def guided(seconds: float, seed: int) -> int:
    """Let atheris choose what to change; it ends the process itself, with 77 after a finding."""
    fuzzer: Any = importlib.import_module("atheris")
    # Only what is ours: with protobuf and NumPy in it, watching takes longer than reading.
    with fuzzer.instrument_imports(include=["sdq_core", "worker"]):
        importlib.import_module("tests.fuzz.text_mutations")
    folder = tempfile.mkdtemp()

    def change(data: bytes, max_size: int, number: int) -> bytes:
        return _changed(data, random.Random(number))[:max_size]

    def one(data: bytes) -> None:
        _timed(data, Path(folder))

    growing = Path(folder, "corpus")
    growing.mkdir()
    for number, data in enumerate(_corpus(Path(folder))):
        (growing / f"corpus-{number}").write_bytes(data)
    fuzzer.Setup(
        [
            sys.argv[0],
            f"-max_total_time={seconds}",
            f"-seed={seed % (1 << 31) or 1}",
            f"-rss_limit_mb={MEMORY_BYTES >> 20}",
            f"-timeout={int(SLOW_S) * 4}",
            "-max_len=65536",
            "-print_final_stats=1",
            f"-artifact_prefix={HERE}/found-",
            str(growing),
        ],
        one,
        custom_mutator=change,
    )
    fuzzer.Fuzz()
    return 0


def _corpus(folder: Path) -> list[bytes]:
    """Return the packages, and after them their compiled models."""
    from tests.fuzz.text_mutations import texts_of

    packages = [path.read_bytes() for path in sorted(CORPUS.iterdir())]
    return packages + [text for package in packages for text in texts_of(package, folder)]


def _changed(data: bytes, rng: random.Random) -> bytes:
    from tests.fuzz.mutations import mutated
    from tests.fuzz.package_reader import TEXT
    from tests.fuzz.text_mutations import mutated_text

    return (mutated_text if data.startswith(TEXT) else mutated)(data, rng)


def _timed(data: bytes, folder: Path) -> bool:
    from tests.fuzz.package_reader import read_everything

    started = time.process_time()
    whole = read_everything(data, folder)
    took_s = time.process_time() - started
    if took_s > SLOW_S:
        raise AssertionError(f"{len(data):,} bytes took {took_s:.1f} s")
    return whole


if __name__ == "__main__":
    sys.exit(main())
