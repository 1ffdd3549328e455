"""Record what AUTOMATIC1111's parser makes of prompts, for `tests/core/test_weighted_text.py`.

    python tools/record_weights.py PROMPT_PARSER

PROMPT_PARSER is its `modules/prompt_parser.py`, which is not part of this repository and needs `lark` and `torch`.
Parts without text are left out. The prompts are those below, and `COUNT` that are put together by chance of what means
something in its grammar, without `BREAK`, which sdq takes for a word, and without numbers such as 1.2.3, on which it
stops.
"""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from pathlib import Path

PROMPTS = (
    "",
    "normal text",
    "an (important) word",
    "(unbalanced",
    "[unbalanced",
    "closed) for nothing]",
    r"\(literal\]",
    r"a back\slash, two \\ of them, and one at the end \\",
    "(unnecessary)(parens)",
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
    "(a [b) c]",
    "(a:1.2) b:1.2) [c:1.2] (d: 1.2 ) (e :+.5) (f:-1) (g:2.)",
    "no weight (a:b) (c:1.2:1.3) (d:)",
    "(two\nlines:0.8), (ünï:1.1)",
    "((((deep)))) [[[[shallow]]]] ([even])",
)
PIECES = (
    "(",
    ")",
    "[",
    "]",
    ":",
    ":1.2)",
    ":0.5)",
    ": 2 )",
    "\\",
    "\\(",
    "\\]",
    "a",
    " word",
    ", ",
    "é",
)
COUNT = 300
TARGET = Path(__file__).parent.parent / "tests" / "golden" / "weights.json"


def main() -> None:
    """Record."""
    specification = importlib.util.spec_from_file_location("prompt_parser", sys.argv[1])
    assert specification
    assert specification.loader
    parser = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(parser)
    chance = random.Random(1)
    prompts = [*PROMPTS]
    while len(prompts) < len(PROMPTS) + COUNT:
        prompts.append("".join(chance.choices(PIECES, k=chance.randint(1, 14))))
    recorded = [
        [prompt, [part for part in parser.parse_prompt_attention(prompt) if part[0]]]
        for prompt in dict.fromkeys(prompts)
    ]
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in recorded)
    TARGET.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
