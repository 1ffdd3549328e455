"""What an image file records: how to draw it again, and that a model made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from sdq_core.values.recipes import Recipe

#: The PNG text chunk with the record, and its version; readers refuse a later one.
RECORD_KEY = "sdq"
RECORD_VERSION = 1

#: What stands around the record in XMP, for files without text chunks.
RECORD_BEGIN, RECORD_END = "<sdq:record>", "</sdq:record>"

_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_XMP_HEAD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    f' Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPE}"'
)
_XMP_FOOT = '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
#: An XMP packet whose only property is IPTC's DigitalSourceType.
XMP = f"{_XMP_HEAD}/>{_XMP_FOOT}"


def xmp_with(record: str) -> str:
    """Return an XMP packet with DigitalSourceType and an image's record."""
    text = f"{RECORD_BEGIN}{escape(record)}{RECORD_END}"
    return f'{_XMP_HEAD} xmlns:sdq="urn:sdq:record:1/">{text}</rdf:Description>{_XMP_FOOT}'


@dataclass(frozen=True, kw_only=True)
class ImageMetadata:
    """What goes into an image file.

    recipe, seed: what draws it again.
    version: of sdq.
    provenance: how it was drawn, JSON-ready.
    """

    recipe: Recipe
    seed: int
    version: str
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the `sdq` record: ASCII, sorted keys, the same text for the same image."""
        record = {
            "version": RECORD_VERSION,
            "software": f"sdq {self.version}",
            "recipe": self.recipe.to_dict(),
            "recipe_key": self.recipe.content_key,
            "seed": self.seed,
            "provenance": dict(self.provenance),
        }
        return json.dumps(
            record, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
