"""docs/python.md and the README's lines of Python, run as they stand, with a real worker where they start one."""

from __future__ import annotations

import doctest
import os
import re
import shlex
from pathlib import Path

import pytest

from tests.acceptance.program import Program

ROOT = Path(__file__).parents[2]
BLOCKS = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_page_and_the_readme_do_what_they_say(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in program.environment.items():
        monkeypatch.setenv(name, value)
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    names: dict[str, object] = {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for language, block in BLOCKS.findall(page):
        if language == "sh":
            _, *arguments = shlex.split(block)
            program.run(*arguments)
            continue
        example = doctest.DocTestParser().get_doctest(block, names, "python.md", None, 0)
        assert example.examples
        runner.run(example, clear_globs=False)
        names.update(example.globs)
    assert runner.tries > 15
    assert runner.failures == 0

    readme = (ROOT / "README.md").read_text("utf-8")
    (section,) = re.findall(r"^## In Python\n(.*?)^## ", readme, re.DOTALL | re.MULTILINE)
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    assert 5 <= len(lines) <= 12
    monkeypatch.chdir(os.fspath(program.home))
    exec("\n".join(lines), {})
