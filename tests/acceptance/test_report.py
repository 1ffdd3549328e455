"""The morning report of images that were really drawn."""

from __future__ import annotations

import json
from pathlib import Path

from tests.acceptance.program import Program
from tests.report.html import check, read_page


def test_a_night_is_reported_as_it_was(program: Program, prompts: Path, tmp_path: Path) -> None:
    program.call("run", str(prompts), "--seed-range", "0-2", "--steps", "2", "--batch", "night")
    drawn = program.drawn("night")
    report = json.loads(program.call("report", "--since", "1h", "--json").stdout)
    assert (report["images"]["done"], report["images"]["failed"]) == (12, 0)
    assert report["size_bytes"] == sum(image.image.size_bytes for image in drawn)
    (drew,) = report["drawn_by"]
    assert (drew["images"], drew["host"]) == (12, drawn[0].engine.host)
    page = tmp_path / "report.html"
    assert program.call("report", "night", "--html", str(page)).stdout == f"{page}\n"
    html = read_page(page.read_text(encoding="utf-8"))
    check(html)
    assert html.one("h1").text == "All 12 images are drawn."
    assert len(html.all("img")) == 12
    refused = program.call("report", "--since", "25:00", code=2)
    assert refused.stderr.startswith("sdq: --since: '25:00' is not a time: write 22:00")
    assert len(refused.stderr.splitlines()) == 1
