"""Each example in docs/prompts.md makes as many prompts as it says."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from producer import Defaults, PromptFormat, Remarks, read_prompts
from producer.dynamic.expansion import Dynamic, Mode, expand
from producer.dynamic.wildcards import Wildcards

PAGE = Path(__file__).parents[2] / "docs" / "prompts.md"
EXAMPLES = re.findall(
    r"^```(\w+) makes (\d+)( combinatorial)?\n(.*?)^```$",
    PAGE.read_text("utf-8"),
    re.DOTALL | re.MULTILINE,
)


@pytest.mark.parametrize(("format", "prompts", "combinatorial", "content"), EXAMPLES)
def test_an_example_makes_what_it_says(
    tmp_path: Path, format: str, prompts: str, combinatorial: str, content: str
) -> None:
    lines = read_prompts(
        ["-"],
        format=PromptFormat(format),
        dynamic=bool(combinatorial),
        stdin=io.BytesIO(content.encode()),
    )
    if combinatorial:
        dynamic = Dynamic(mode=Mode.COMBINATORIAL, wildcards=Wildcards(tmp_path, named=True))
        defaults = Defaults(model="demo", variants=None, compute_unit=None)
        lines = expand(lines, defaults, dynamic, max_images=1000, remarks=Remarks())
    assert len(lines) == int(prompts)


def test_there_are_examples_of_most_formats() -> None:
    assert len({format for format, *_ in EXAMPLES}) >= 5


@pytest.mark.parametrize("path", sorted(PAGE.parents[1].glob("examples/prompts.*")))
def test_every_example_file_can_be_submitted(path: Path) -> None:
    lines = read_prompts([path])
    assert len(lines) == (6 if path.suffix in {".yaml", ".toml"} else len(lines))
    assert len({line.prompt for line in lines}) >= 3
