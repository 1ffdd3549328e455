"""The worked example of docs/datasets.md, as its reader types it, up to a Hub on loopback."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from datasets import load_dataset

from tests.acceptance.program import Program
from tests.exports.upload_hub import running_upload_hub

ROOT = Path(__file__).resolve().parents[2]
_HEADING = "## From a prompt list to a data set on the Hub"


def commands() -> list[list[str]]:
    page = (ROOT / "docs" / "datasets.md").read_text()
    section = page[page.index(_HEADING) + len(_HEADING) :].split("\n## ")[0]
    typed = re.findall(r"^    (sdq .*)$", section, re.MULTILINE)
    assert typed
    return [shlex.split(line, comments=True)[1:] for line in typed]


def test_the_example_of_the_docs_ends_on_the_hub(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "examples" / "prompts.txt", tmp_path / "prompts.txt")
    with running_upload_hub() as hub:
        for arguments in commands():
            said = program.run(
                *arguments,
                HF_ENDPOINT=hub.url,
                HF_TOKEN="hf_test",
                HF_HOME=str(tmp_path / "hf"),
                HF_HUB_DISABLE_XET="1",
                HF_HUB_OFFLINE="0",
            )
            print(said.stdout, said.stderr)
    ((name, there),) = hub.repositories.items()
    assert hub.private[name]
    assert "README.md" in hub.commits[-1]
    downloaded = tmp_path / "downloaded"
    for path, content in there.items():
        (downloaded / path).parent.mkdir(parents=True, exist_ok=True)
        (downloaded / path).write_bytes(content)
    loaded = load_dataset(str(downloaded), cache_dir=cache)
    assert sum(len(split) for split in loaded.values()) == 48
