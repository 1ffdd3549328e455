"""Docs that cannot drift."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_what_is_written_from_the_program_is_what_it_says() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from write_cli_reference import reference
        from write_columns import page
    finally:
        sys.path.pop(0)
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == reference(), "run `make docs`"
    assert (ROOT / "docs" / "columns.md").read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_link_in_the_docs_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_file_that_the_docs_name_is_there() -> None:
    rooms = "sdq|sdq_core|db|producer|worker|tests|tools|benchmarks|docs"
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        if page.name == "CHANGELOG.md":
            continue
        for name in re.findall(rf"`((?:{rooms})/[\w./-]+)`", page.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{page.name} names {name}"
