"""What a recipe's values may be, wherever they come from: prompt files, the command line, the record in a PNG."""

from __future__ import annotations

import re

#: Only 77 tokens reach the model; a prompt far beyond that is a file read by mistake.
MAX_TEXT_CHARS = 20_000
MAX_STEPS = 1000
MAX_GUIDANCE_SCALE = 100.0
#: Pixels; only a guard against nonsense, as the model's own size decides.
MAX_SIDE = 16_384

#: NUL ends C strings, escapes control terminals, lone surrogates cannot be stored: none belongs in a text.
BAD_CHARACTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
