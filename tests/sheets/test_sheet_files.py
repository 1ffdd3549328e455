"""What a sheet's file looks like, in each format."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageChops
from PIL.PdfParser import PdfParser

from sdq.sheets.file import draw_sheet
from sdq.sheets.sheet import Grid, Row, Tile
from sdq_core.errors import InputError, OutputError, UsageError
from tests.images.image_factory import picture
from tests.sheets.reading import EMPTY, tiles_of


def pictures(folder: Path, count: int, width: int = 64, height: int = 48) -> list[Tile]:
    paths = [folder / f"{width}x{height}-{number}.png" for number in range(count)]
    for path in paths:
        picture(width, height).save(path)
    return [Tile(file=path) for path in paths]


def of_colours(folder: Path, *colours: str) -> list[Tile]:
    for colour in colours:
        Image.new("RGB", (32, 32), colour).save(folder / f"{colour}.png")
    return [Tile(file=folder / f"{colour}.png") for colour in colours]


RED, GREEN, BLUE = (255, 0, 0), (0, 128, 0), (0, 0, 255)


def test_a_sheet_shows_prompts_down_and_seeds_across(tmp_path: Path) -> None:
    rows = [
        Row(caption="a red house", tiles=pictures(tmp_path, 3)),
        Row(caption="a blue tent", tiles=pictures(tmp_path, 2, 48, 64)),
    ]
    out = tmp_path / "sheets" / "s.png"
    draw_sheet([Grid(rows=rows)], out, 64)
    with Image.open(out) as sheet:
        assert sheet.size[0] == 2 * 12 + 3 * 64 + 2 * 4
        assert sheet.size[1] < 2 * 12 + 2 * 64 + 80
        # The first picture's own pixels, below a caption of one line.
        corner = 12, 12 + 15 + 4
        tile = sheet.crop((*corner, corner[0] + 64, corner[1] + 48))
        assert tile.tobytes() == picture(64, 48).tobytes()


@pytest.mark.parametrize("count", [1, 7, 100])
def test_any_number_of_pictures_fits(tmp_path: Path, count: int) -> None:
    tiles = pictures(tmp_path, 1) * count
    rows = [Row(caption=text, tiles=tiles) for text in ("word " * 500, "x" * 5000, "")]
    draw_sheet([Grid(rows=rows)], tmp_path / "s.jpg", 32)
    with Image.open(tmp_path / "s.jpg") as sheet:
        assert sheet.format == "JPEG"
        assert sheet.width == 24 + count * 36 - 4


def test_pictures_that_cannot_be_read_are_empty_tiles(tmp_path: Path) -> None:
    (broken,) = pictures(tmp_path, 1)
    assert broken.file
    broken.file.write_bytes(broken.file.read_bytes()[:200])
    (tmp_path / "text.png").write_text("no picture")
    gone = [tmp_path / "gone.png", tmp_path / "text.png", tmp_path]
    tiles = [broken, *(Tile(file=file) for file in gone), Tile(file=None)]
    drawn = draw_sheet([Grid(rows=[Row(tiles=tiles)])], tmp_path / "s.png", 64)
    assert drawn.unreadable == 4
    with Image.open(tmp_path / "s.png") as sheet:
        assert tiles_of(sheet, 48) == [[EMPTY] * 5]


def test_a_grid_has_columns_labels_and_a_heading(tmp_path: Path) -> None:
    red, green, blue = of_colours(tmp_path, "red", "green", "blue")
    rows = [
        Row(label="first", tiles=[red, green]),
        Row(label="second", tiles=[Tile(file=None), blue]),
    ]
    plain = Grid(rows=[Row(tiles=row.tiles) for row in rows])
    full = Grid(rows=rows, columns=["a", "bc"], heading="Heading")
    for name, grids in (("plain", [plain]), ("full", [full]), ("twice", [full, full])):
        draw_sheet(grids, tmp_path / f"{name}.png", 32)
    shown = [[RED, GREEN], [EMPTY, BLUE]]
    with Image.open(tmp_path / "plain.png") as sheet:
        width = sheet.width
        assert tiles_of(sheet, 32) == shown
    with Image.open(tmp_path / "full.png") as sheet:
        height = sheet.height
        assert sheet.width > width + 20
        assert tiles_of(sheet, 32) == shown
    with Image.open(tmp_path / "twice.png") as sheet:
        assert sheet.height > 2 * height - 24
        assert tiles_of(sheet, 32) == shown * 2


def test_a_webp_is_as_a_png_is(tmp_path: Path) -> None:
    grid = Grid(rows=[Row(caption="a", tiles=pictures(tmp_path, 2))])
    for name in ("s.png", "s.webp"):
        draw_sheet([grid], tmp_path / name, 64)
    with Image.open(tmp_path / "s.png") as png, Image.open(tmp_path / "s.webp") as webp:
        assert webp.format == "WEBP"
        assert webp.size == png.size
        difference = ImageChops.difference(png, webp.convert("RGB")).convert("L")
        assert difference.point(lambda value: 255 * (value > 80)).getbbox() is None


@pytest.mark.parametrize(("across", "upright"), [(4, True), (8, False)])
def test_a_pdf_has_pages_of_a4(tmp_path: Path, across: int, upright: bool) -> None:
    row = Row(caption="a red house", tiles=pictures(tmp_path, across))
    grids = [Grid(heading="one", rows=[row] * 20), Grid(heading="two", rows=[row])]
    drawn = draw_sheet(grids, tmp_path / "s.pdf", 64)
    with PdfParser(str(tmp_path / "s.pdf")) as pdf:
        assert len(pdf.pages) == drawn.pages > 2
        boxes = {tuple(map(round, pdf.read_indirect(page)[b"MediaBox"])) for page in pdf.pages}
        assert pdf.info.Title == "s"
    ((left, bottom, width, height),) = boxes
    assert (left, bottom) == (0, 0)
    assert (width, height) == pytest.approx((595, 842) if upright else (842, 595), abs=2)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    # Written in one go: appended pages take the longer the more there are.
    assert (tmp_path / "s.pdf").read_bytes().count(b"startxref") == 1


def test_a_tile_higher_than_a_page_makes_the_page_higher(tmp_path: Path) -> None:
    tiles = pictures(tmp_path, 1, 20, 200)
    grid = Grid(rows=[Row(tiles=tiles)] * 2)
    assert draw_sheet([grid], tmp_path / "s.pdf", 512).pages == 2


def test_sheets_that_cannot_be_made(tmp_path: Path) -> None:
    tiles = pictures(tmp_path, 1)
    grid = Grid(rows=[Row(caption="a", tiles=tiles)])
    with pytest.raises(UsageError, match=r"a \.png, \.jpg, \.webp or \.pdf file, not '.*s\.gif'"):
        draw_sheet([grid], tmp_path / "s.gif", 64)
    long = Grid(rows=[Row(tiles=tiles)] * 40)
    with pytest.raises(InputError, match=r"too many for a WEBP file\. Use smaller tiles"):
        draw_sheet([long], tmp_path / "s.webp", 512)
    with pytest.raises(InputError, match=r"or a \.pdf, which has pages"):
        draw_sheet([long] * 2, tmp_path / "s.png", 512)
    with pytest.raises(OutputError, match=r"Not a directory|File exists"):
        draw_sheet([grid], tmp_path / "64x48-0.png" / "s.pdf", 64)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["64x48-0.png"]
