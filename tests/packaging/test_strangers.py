"""Packages of other people that are called as ours are: `db`, `producer`, `worker`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sdq import SIBLINGS
from tests.acceptance.program import SDQ, Program

SCRIPT = (str(SDQ),)
MODULE = (sys.executable, "-m", "sdq")


def stranger(folder: Path, name: str) -> Path:
    """A package of another project, which leaves a trace when something imports it."""
    (folder / name).mkdir(parents=True)
    file = folder / name / "__init__.py"
    file.write_text("import pathlib; pathlib.Path(__file__).with_name('imported').touch()\n")
    return file


def sdq(
    program: Program, command: tuple[str, ...], *arguments: str, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        env=program.environment | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def assert_refused(result: subprocess.CompletedProcess[str], file: Path) -> None:
    assert result.returncode == 78, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("sdq: sdq cannot start: Python finds another ")
    assert str(file) in result.stderr
    assert result.stderr.count("\n") == 1
    assert not file.with_name("imported").exists()


@pytest.mark.parametrize("name", SIBLINGS)
def test_a_package_that_hides_ours_is_named(program: Program, tmp_path: Path, name: str) -> None:
    file = stranger(tmp_path / "project", name)
    for path in (tmp_path / "project", "."):
        result = sdq(program, SCRIPT, "status", cwd=tmp_path / "project", PYTHONPATH=str(path))
        assert_refused(result, file)


def test_a_module_that_hides_ours_is_named(program: Program, tmp_path: Path) -> None:
    (tmp_path / "db.py").write_text("raise SystemExit('imported')\n")
    result = sdq(program, SCRIPT, "--help", cwd=tmp_path, PYTHONPATH=".")
    assert_refused(result, tmp_path / "db.py")


def test_python_m_sdq_is_refused_where_the_current_folder_hides_ours(
    program: Program, tmp_path: Path
) -> None:
    file = stranger(tmp_path / "project", "worker")
    assert_refused(sdq(program, MODULE, "--help", cwd=tmp_path / "project"), file)


def test_a_folder_that_is_no_package_hides_nothing(program: Program, tmp_path: Path) -> None:
    for name in SIBLINGS:
        (tmp_path / "project" / name).mkdir(parents=True)
        (tmp_path / "project" / name / "notes.txt").touch()
    for command in (SCRIPT, MODULE):
        result = sdq(program, command, "status", cwd=tmp_path / "project", PYTHONPATH=".")
        assert result.returncode == 0, result.stderr


def test_an_installation_of_links_to_files_is_ours(program: Program, tmp_path: Path) -> None:
    """As `uv pip install --link-mode symlink` makes one."""
    root = Path(__file__).parents[2]
    for name in ("sdq", "sdq_core", *SIBLINGS):
        shutil.copytree(root / name, tmp_path / "linked" / name, copy_function=os.symlink)
    result = sdq(program, SCRIPT, "status", cwd=tmp_path, PYTHONPATH=str(tmp_path / "linked"))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("lanes", [(), ("--lanes", "original:CPU_AND_GPU,split_einsum:CPU_AND_NE")])
def test_a_project_with_such_packages_draws(
    program: Program, tmp_path: Path, lanes: tuple[str, ...]
) -> None:
    project = tmp_path / "project"
    files = [stranger(project, name) for name in (*SIBLINGS, "sdq", "sdq_core", "numpy")]
    prompt = ("submit", "--prompt", "a tree", "--batch", "trees", "--steps", "2")
    submitted = sdq(program, SCRIPT, *prompt, "--variant", "any", cwd=project)
    assert submitted.returncode == 0, submitted.stderr
    drawn = sdq(program, SCRIPT, "worker", "--burst", *lanes, cwd=project)
    assert drawn.returncode == 0, drawn.stderr
    assert len(program.drawn("trees")) == 1
    assert not [file for file in files if file.with_name("imported").exists()]
