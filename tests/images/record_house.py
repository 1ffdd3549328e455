"""Write house.ttf, a font of pictures with one emoji, a red square for a house (U+1F3E0), as Apple's font has them.

pip install fonttools && python tests/images/record_house.py tests/images/house.ttf
"""

from __future__ import annotations

import io
import sys

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import newTable
from fontTools.ttLib.tables.sbixGlyph import Glyph
from fontTools.ttLib.tables.sbixStrike import Strike
from PIL import Image

GLYPHS = [".notdef", "house"]
SIDE = 64


def main() -> None:
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(GLYPHS)
    builder.setupCharacterMap({0x1F3E0: "house"})
    builder.setupGlyf({name: TTGlyphPen(None).glyph() for name in GLYPHS})
    builder.setupHorizontalMetrics(dict.fromkeys(GLYPHS, (1200, 0)))
    builder.setupHorizontalHeader(ascent=950, descent=-250)
    builder.setupNameTable({"familyName": "House", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    png = io.BytesIO()
    Image.new("RGBA", (SIDE, SIDE), (200, 30, 30, 255)).save(png, "PNG")
    strike = Strike(ppem=SIDE, resolution=72)
    strike.glyphs[".notdef"] = Glyph(glyphName=".notdef")
    strike.glyphs["house"] = Glyph(
        glyphName="house",
        graphicType="png ",
        imageData=png.getvalue(),
        originOffsetX=0,
        originOffsetY=0,
    )
    table = newTable("sbix")
    table.version, table.flags, table.strikes = 1, 1, {SIDE: strike}
    builder.font["sbix"] = table
    builder.save(sys.argv[1])


if __name__ == "__main__":
    main()
