"""GitHub's workflows, which cannot run here: at least they are what GitHub's schema asks for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))


def invalid(file: Path) -> subprocess.CompletedProcess[str]:
    """Check one workflow against the schema that check-jsonschema brings along."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.github-workflows", file),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_is_what_the_schema_asks_for(file: Path) -> None:
    result = invalid(file)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_schema_refuses_a_job_without_a_runner(tmp_path: Path) -> None:
    text = (FOLDER / "ci.yml").read_text(encoding="utf-8")
    (tmp_path / "ci.yml").write_text(text.replace("runs-on:", "runs-at:"), encoding="utf-8")
    assert invalid(tmp_path / "ci.yml").returncode != 0


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_job_has_a_time_limit(file: Path) -> None:
    jobs = re.findall(r"(?m)^  \w+:\n((?:    .*\n|\n)+)", file.read_text(encoding="utf-8"))
    with_steps = [job for job in jobs if "    steps:" in job]
    assert with_steps
    for job in with_steps:
        assert re.search(r"(?m)^    timeout-minutes: \d+", job), job


def test_only_publishing_may_ask_for_an_identity() -> None:
    assert {file.name for file in WORKFLOWS} == {"ci.yml", "release.yml"}
    texts = {file.name: file.read_text(encoding="utf-8") for file in WORKFLOWS}
    before, _, publish = texts["release.yml"].partition("  publish:\n")
    assert "id-token: write" in publish
    assert "id-token" not in before + texts["ci.yml"]
    assert "run:" not in publish


def test_only_known_actions_follow_a_major_version() -> None:
    for file in WORKFLOWS:
        for action in re.findall(r"uses: (\S+)", file.read_text(encoding="utf-8")):
            assert re.fullmatch(
                r"\./\S+|actions/\S+@v\d+|pypa/gh-action-pypi-publish@release/v1|\S+@[0-9a-f]{40}",
                action,
            ), action
