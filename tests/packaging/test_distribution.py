"""The files that go to PyPI: what they say of themselves, what is in them, and that they draw."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from email import message_from_bytes
from email.message import Message
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image

ROOT = Path(__file__).parents[2]
PACKAGES = ("sdq", "sdq_core", "db", "producer", "worker")

pytestmark = pytest.mark.timeout(600)


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program to its end, away from this test run's own packages."""
    cleared = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SDQ_", "RQ_", "REDIS_", "DATABASE_", "PYTHON"))
    }
    result = subprocess.run(
        command, cwd=cwd, env=cleared | environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a wheel or an sdist of a source tree with this environment's hatchling."""
    run(
        *(sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", folder, source),
        cwd=source,
    )
    (file,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return source


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def files_of(folder: Path) -> set[str]:
    return {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and not {"__pycache__", ".DS_Store"} & set(file.parts)
    }


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_wheel_from_the_sdist_is_the_wheel_from_the_checkout(
    wheel: Path, unpacked: Path, tmp_path: Path
) -> None:
    again = contents(build("wheel", unpacked, tmp_path))
    assert again == contents(wheel)


def test_the_wheel_has_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    files = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    shipped = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert shipped == files
    assert {f"{package}/py.typed" for package in PACKAGES} <= shipped


def test_the_sdist_can_be_tested(unpacked: Path) -> None:
    """Tests, and what they read: tools, benchmarks, docs, workflows, constraints."""
    for name in ("tests", "tools", "benchmarks", "docs", "examples", ".github"):
        assert files_of(unpacked / name) == files_of(ROOT / name)
    for name in ("Makefile", "constraints.txt", "CONTRIBUTING.md"):
        assert (unpacked / name).exists(), name
    run(sys.executable, "-m", "pytest", "-q", "tests/test_docs.py", cwd=unpacked)


def test_an_index_takes_them(wheel: Path, sdist: Path, metadata: Message) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist, cwd=wheel.parent)
    requirements = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    assert requirements
    # PyPI refuses an upload whose requirements name an address; twine does not look.
    assert [requirement for requirement in requirements if requirement.url] == []


def test_the_licence_goes_along(wheel: Path, metadata: Message) -> None:
    assert metadata["License-Expression"] == "MIT AND Bitstream-Vera"
    assert metadata.get_all("License-File") == [
        "LICENSE",
        "sdq_core/images/font/LICENSE",
        "sdq_core/models/clip/LICENSE",
    ]
    files = contents(wheel)
    (licence,) = (name for name in files if name.endswith(".dist-info/licenses/LICENSE"))
    assert files[licence] == (ROOT / "LICENSE").read_bytes()
    assert b"MIT licence" in files["sdq_core/demo_model/README.md"]


def distributions_for(lines: Iterable[str], extra: str) -> set[str]:
    """Give the names of all that is installed for these requirements, by what each says that it needs."""
    found: set[tuple[str, str]] = set()

    def follow(lines: Iterable[str], extra: str) -> None:
        for requirement in map(Requirement, lines):
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            for its_extra in {"", *requirement.extras} - {
                e for n, e in found if n == requirement.name
            }:
                found.add((requirement.name, its_extra))
                follow(distribution(requirement.name).requires or (), its_extra)

    follow(lines, extra)
    return {name for name, _ in found}


def test_the_wheel_draws_in_a_bare_environment(
    wheel: Path, metadata: Message, tmp_path: Path
) -> None:
    """Bare but for links to what the wheel says that drawing needs; pip finds whether that is all."""
    venv.create(tmp_path / "venv", symlinks=True)
    programs = tmp_path / "venv" / "bin"
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    for name in distributions_for(metadata.get_all("Requires-Dist", []), "onnx"):
        installed = distribution(name)
        for top in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(installed.locate_file(top))).resolve())
    run(
        *(sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet"),
        *("--no-index", "--no-compile", f"{wheel}[onnx]", "--constraint", ROOT / "constraints.txt"),
        cwd=tmp_path,
    )
    (tmp_path / "empty").mkdir()
    home = tmp_path / "home"

    def sdq(*arguments: str) -> str:
        return run(programs / "sdq", *arguments, cwd=tmp_path / "empty", SDQ_HOME=str(home))

    try:
        sdq("run", "--prompt", "a red house", "--batch", "first", "--steps", "3")
    finally:
        sdq("redis", "stop")
    (picture,) = (home / "outputs").rglob("*.png")
    with Image.open(picture) as image:
        assert image.size == (128, 128)
    assert list((tmp_path / "empty").iterdir()) == []
