"""Pictures that are followed, from the command line to the file and back."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from sdq_core.errors import EXIT_SOME_IMAGES_FAILED, EXIT_USAGE
from sdq_core.images.read import read_record
from tests.acceptance.program import Program, assert_whole
from tests.tiny_controlnet import put_tiny_models


def test_each_picture_of_a_folder_is_followed_and_one_that_is_gone_fails_alone(
    program: Program, tmp_path: Path
) -> None:
    put_tiny_models(program.home / "models")
    maps = tmp_path / "maps"
    maps.mkdir()
    for number in range(3):
        image = Image.new("RGB", (150, 90), (80 * number, 90, 200))
        image.paste("white", (30 * number, 20, 30 * number + 40, 60))
        image.save(maps / f"map-{number}.png")
    asked = [
        "submit", "--prompt", "a house", "--model", "tiny", "--steps", "3", "--batch", "maps",
        "--controlnet", f"sdq_edges:{maps}:0.9", "--controlnet", f"sdq_depth:canny({maps / 'map-0.png'}):1:0-0.5",
    ]  # fmt: skip
    alone = program.call("submit", "--prompt", "a", "--annotate", "canny", code=EXIT_USAGE)
    assert "--annotate makes maps of the pictures of --controlnet" in alone.stderr
    told = program.call(*asked, "--annotate", "canny", "--dry-run", "--json").stdout
    assert json.loads(told)["images_new"] == 3
    program.call(*asked)
    with program.ledger() as ledger:
        entries = {entry.number: entry for entry in ledger.submissions.known_entries("maps")}
    gone = entries[2].recipe.conditions.controlnets[0].image
    kept = next((program.home / "inputs").glob(f"*/{gone}.png"))
    kept.rename(tmp_path / kept.name)
    program.call("worker", "--burst", code=EXIT_SOME_IMAGES_FAILED)
    drawn = program.drawn("maps")
    assert [image.entry for image in drawn] == [1, 3]
    assert_whole(program.home, drawn, 2)
    assert len({image.image.pixels_sha256 for image in drawn}) == 2

    shown = program.call("show", "maps/1/0").stdout
    assert (
        "sdq_edges of map-0.png, scale 0.9; sdq_depth of canny(map-0.png), scale 1, steps 0% to 50%"
        in shown
    )
    map_path = next(line.split()[1] for line in shown.splitlines() if line.startswith("maps "))
    with Image.open(program.home / map_path) as made:
        assert (made.size, made.mode) == ((96, 64), "1")
    assert f"{gone[:12]} is not in" in program.call("show", "maps/2/0").stdout
    file = program.home / "outputs" / drawn[0].image.path
    assert read_record(file).recipe == entries[1].recipe
    where = "controlnet ~ 'map-2'"
    assert len(program.call("ls", "maps", "--where", where).stdout.splitlines()) == 2
    exported = program.call("export", "maps", "-", "--format", "jsonl").stdout
    (tmp_path / "again.jsonl").write_text(exported)
    assert json.loads(exported.splitlines()[0])["controlnet"].startswith("sdq_edges:sha256:")
    again = program.call("submit", str(tmp_path / "again.jsonl"), "--batch", "other", "--dry-run")
    assert "0 images to draw in 0 slices, 2 drawn already" in again.stdout
