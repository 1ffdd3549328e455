"""What a recipe's values may be, wherever they come from: prompt files, the command line, the record in a PNG."""

from __future__ import annotations

import re

#: 77 tokens reach the model; far beyond them a prompt is a file read by mistake.
MAX_TEXT_CHARS = 20_000
MAX_STEPS = 1000
MAX_GUIDANCE_SCALE = 100.0
#: Pixels; only guards against nonsense, the model's own size decides.
MAX_SIDE = 16_384

#: NUL ends C strings, escapes drive terminals, lone surrogates cannot be stored: none belongs in a text.
BAD_CHARACTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
