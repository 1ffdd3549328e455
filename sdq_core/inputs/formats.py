"""Which files are pictures, known without Pillow, which takes its time to be imported."""

from __future__ import annotations

MAX_FILE_BYTES = 2**27

#: Pillow's name of a format -> the ending of a kept file's name.
SUFFIXES = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "MPO": ".jpg",  # a JPEG with further pictures behind it, as phones make them
    "WEBP": ".webp",
    "AVIF": ".avif",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tiff",
}
#: The ending of what sdq makes itself: maps for ControlNets.
MAP_SUFFIX = ".bmp"
#: Endings of files that a folder of pictures is searched for.
PICTURE_ENDINGS = frozenset({*SUFFIXES.values(), ".jpeg", ".tif", ".jfif"})
#: Endings of pictures that are not read, as cameras and editors make them.
OTHER_ENDINGS = frozenset(
    {".heic", ".heif", ".jxl", ".jp2", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".psd", ".svg"}
)
