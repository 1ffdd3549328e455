"""What the command line calls an option, in the words of the form.

Options that a line of prompts may have at its end, such as `--steps`, keep their names: they are written there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Option -> the title of what does the same in the form.
TITLES: Mapping[str, str] = {
    "--batch": "Batch",
    "--dynamic": "Choices",
    "--literal": "Draw lines as they stand",
    "--seed-range": "Seeds",
    "--weighted": "Weigh words",
}
#: The names of fields, as files have them -> as the form has them.
_FIELDS = {"num_inference_steps": "steps", "guidance_scale": "guidance scale"}
#: Advice that is another one here, or none: a page has fewer options, and shows the rest of it already.
_ADVICE: Mapping[str, str] = {
    "add --seed 1 or --random-seeds 1": "write others, or random, into “Seeds”",
    "use --literal to draw it as words": "tick “Draw lines as they stand”",
    "--dynamic random (or combinatorial)": "“Choices”",
    "use --dynamic random, leave out choices, or raise it": "make them at random, or leave out some",
    "--max-images is": "the most is",
    ", or raise --max-images": "",
    ", or use --format": " and drop it on this page",
    "; name one with --wildcards": "",
    "negative_prompt contains": "the negative prompt contains",
}
_INSTEAD = re.compile(r", or use --variant \S+ --compute-unit \w+(?=\.)")
#: In quotes is what somebody wrote.
_OPTION = re.compile(f"(?<!['\"])(?:{'|'.join(TITLES)})(?![\\w-])")


def in_words_of_the_form(text: str) -> str:
    """Return a sentence of a plan, or of what is wrong with it, for somebody who sees the form."""
    for said, here in {**_FIELDS, **_ADVICE}.items():
        text = text.replace(said, here)
    return _OPTION.sub(lambda found: f"“{TITLES[found[0]]}”", _INSTEAD.sub("", text))
