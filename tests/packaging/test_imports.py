"""What tests, benchmarks and tools import is what `[dev]` installs, by its own name and not through something else."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]

#: Only programs that record or train import these, each in an environment of its own; they say how to make it.
ELSEWHERE = {
    "cv2", "diffusers", "fontTools", "imagehash", "python_coreml_stable_diffusion", "torch", "transformers"
}  # fmt: skip


#: What `make datasets` runs; it installs what these import besides.
READERS = "tests/readers"


def imported(file: Path) -> Iterator[str]:
    """Yield the top-level names of a file's imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_every_import_stands_in_an_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = ("onnx", "postgres", "dataset", "web", "dev")
    lines = [*project["dependencies"], *(line for extra in named for line in extras[extra])]
    required = {canonicalize_name(Requirement(line).name) for line in lines}
    readers = {
        canonicalize_name(Requirement(line).name)
        for line in (ROOT / READERS / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    }
    distributions = packages_distributions()  # not pgserver's or coremltools' on every Python
    files = [
        file for top in ("tests", "benchmarks", "tools") for file in (ROOT / top).rglob("*.py")
    ]
    own = {path.stem for path in [*ROOT.iterdir(), *files]}
    assert len(files) > 100
    missing = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in files
        for name in set(imported(file)) - ELSEWHERE - own - sys.stdlib_module_names
        if (required | readers if (ROOT / READERS) in file.parents else required).isdisjoint(
            map(canonicalize_name, distributions.get(name, [name]))
        )
    }
    assert not missing
