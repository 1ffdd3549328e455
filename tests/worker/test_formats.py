"""One real engine draws a batch in each format; whatever reads images reads all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, features

from db.ledger import Ledger
from sdq.sheets.file import draw_sheet
from sdq.sheets.sheet import Grid, Row, Tile
from sdq_core.images.filing import Filing
from sdq_core.images.fitted import thumbnail
from sdq_core.images.pixels import psnr_db
from sdq_core.images.read import read_record
from sdq_core.models import DEMO
from sdq_core.values.image_files import ImageFormat
from sdq_core.values.variants import AttentionImplementation
from tests.core.small_ledger import small_plan
from tests.worker.studio import root_at
from tests.worker.test_drawn_twice import draw, studio, variant
from worker.claims.claims import Outcome
from worker.drawing.saving import Gallery

TEMPLATE = "{batch}/{model}-{slug}-{seed:03d}"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as opened:
        yield opened


def test_a_batch_of_each_format(ledger: Ledger, tmp_path: Path, translations: Path) -> None:
    kinds = [kind for kind in ImageFormat if kind in {"png", "jpg"} or features.check(str(kind))]
    outputs = tmp_path / "outputs"
    drawing = studio(ledger, Gallery(root_at(outputs), with_metadata=True), translations)
    for number, kind in enumerate(kinds):
        planned = small_plan("a red boat" + "!" * number, images=1, name=str(kind))
        options = Filing.make(TEMPLATE, kind).to_options()
        (ref,) = ledger.submissions.add(replace(planned, options=options)).slices
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        assert draw(drawing, slice_, variant(AttentionImplementation.ORIGINAL)) is Outcome.FINISHED
    drawing.engines.close()

    files: dict[ImageFormat, Path] = {}
    for kind in kinds:
        (image,) = ledger.batches.images(str(kind))
        assert image.image.path == f"{kind}/{DEMO}-a-red-boat-000.{kind}"
        files[kind] = outputs / image.image.path
        assert hashlib.sha256(files[kind].read_bytes()).hexdigest() == image.image.sha256
        record = read_record(files[kind])
        assert (record.recipe, record.seed) == (image.recipe, image.seed)
        assert record.provenance["pipeline"] == "builtin"
        assert thumbnail(files[kind], 32) is not None
    with Image.open(files[ImageFormat.PNG]) as png:
        for kind in kinds[1:]:
            with Image.open(files[kind]) as other:
                assert other.size == png.size
                assert psnr_db(png, other) > 15  # of almost the same prompt
    sheet = tmp_path / "sheet.png"
    row = Row(tiles=[Tile(file=file) for file in files.values()])
    assert draw_sheet([Grid(rows=[row])], sheet, 32).unreadable == 0
    with Image.open(sheet) as tiles:
        colours = tiles.convert("RGB").getcolors(maxcolors=100_000)
    assert colours is not None
    assert not any(colour == (232, 232, 228) for _, colour in colours)  # of an empty tile
