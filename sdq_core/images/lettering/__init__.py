"""Text on images, readable in every script: the bundled font first, then the system's, else escapes like \\u65e5."""

from sdq_core.images.lettering.lettering import Lettering
from sdq_core.images.lettering.wrapping import Paragraph, wrapped

__all__ = ["Lettering", "Paragraph", "wrapped"]
