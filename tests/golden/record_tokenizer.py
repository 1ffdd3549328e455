"""Record what transformers' CLIPTokenizer gives, for `tests/pipeline/test_tokenizer.py`.

    pip install "transformers==4.57.*" torch          (without ftfy)
    python tests/golden/record_tokenizer.py

Writes a small vocabulary to `tests/golden/tokenizer/` and the ids to `tests/golden/tokenizer.json`. The vocabulary
lacks the byte 0xF0, with which the UTF-8 of most emoji begins, so that the unknown token is used as well.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

from transformers import CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

HERE = Path(__file__).parent
START, END = "<|startoftext|>", "<|endoftext|>"
TEXT = (
    "a photo of an astronaut riding horse on mars high quality detailed painting the in style café "
    "dog's won't they're we've i'm she'll he'd 8 k , . ... !! straße σίσυφος 日 本 naïve"
)
PROMPTS = [
    "",
    " ",
    "a photo of an astronaut riding a horse on mars",
    "A Photo,of AN   astronaut\t riding\n\na horse...",
    "the dog's bone won't break; they're sure we've said I'm, she'll, he'd 'til",
    "Café CAFÉ cafe\u0301 naïve Straße STRASSE",
    "Σίσυφος ΣΊΣΥΦΟΣ İstanbul",
    "日本 日本語の絵 painting",
    "한국어 русский العربية עברית हिन्दी",
    "😀 a smiling 👩‍🚀 astronaut 🐎🐎",
    "no\u200bzero\u200dwidth\ufeff \u00a0non-breaking\u3000ideographic space",
    "\u0000\u0007control\u001b[31m \ufffd replacement",
    "8k 4K 1920x1080 (masterpiece:1.2) [detail] {a|b} <lora:x:0.8> 50% #tag @me ~tilde^ `tick` \\ /",
    "wow! amazing!! really!!!",
    "in the prompt <|endoftext|> and <|startoftext|>here <|ENDOFTEXT|>",
    "“curly” ‘quotes’ – dashes — … ™ © ½ ﬁ ２",
    "a " * 75,
    "a " * 76,
    "astronaut " * 200,
    "x" * 500,
    "zzz unknownword qqq",
]
#: As a textual inversion that was merged before conversion leaves them; one is the beginning of another.
ADDED = ("<cat-toy>", "<cat>", "sks", "sks-style", "Élan")
ADDED_PROMPTS = [
    "a <cat-toy>",
    "a photo of <cat-toy>, painting",
    "<cat-toy><cat> <cat-toy",
    "A<cat-toy>B <CAT-TOY> <Cat>",
    "masks sks SKS sks-style sks-styles",
    "Élan élan E\u0301lan",
    "the <|endoftext|><cat> in",
    "<cat-toy> " * 80,
]


def write_vocabulary(folder: Path) -> None:
    """Write vocab.json and merges.txt: bytes, and merges learned until every word above is one token."""
    byte_names = bytes_to_unicode()
    spelled = ["".join(byte_names[byte] for byte in word.encode()) for word in TEXT.split()]
    pieces = {word: [*word[:-1], word[-1] + "</w>"] for word in spelled}
    merges: list[tuple[str, str]] = []
    while pairs := Counter(p for parts in pieces.values() for p in pairwise(parts)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word, parts in pieces.items():
            merged: list[str] = []
            for part in parts:
                if merged and (merged[-1], part) == best:
                    merged[-1] += part
                else:
                    merged.append(part)
            pieces[word] = merged
    names = [name for byte, name in byte_names.items() if byte != 0xF0]
    tokens = [*names, *(f"{name}</w>" for name in names), *(a + b for a, b in merges), START, END]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    source = HERE / "tokenizer"
    source.mkdir(exist_ok=True)
    write_vocabulary(source)
    recorded = []
    for pad in (END, "!"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file in ("vocab.json", "merges.txt"):
                (folder / file).write_bytes((source / file).read_bytes())
            # As in Stable Diffusion 2's repository: two files that disagree about the padding.
            (folder / "tokenizer_config.json").write_text(
                json.dumps(
                    {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": END}
                )
            )
            (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": pad}))
            tokenizer = CLIPTokenizer.from_pretrained(folder)
            assert tokenizer.fix_text is None, "uninstall ftfy first"
            for prompt in PROMPTS:
                row = tokenizer(prompt, padding="max_length", max_length=77, truncation=True)
                whole = tokenizer(prompt).input_ids
                recorded.append(
                    {
                        "pad_token": pad,
                        "prompt": prompt,
                        "input_ids": row.input_ids,
                        "truncated_tokens": max(len(whole) - 77, 0),
                    }
                )
    (HERE / "tokenizer.json").write_text(json.dumps(recorded), encoding="ascii")
    record_added(source)


def record_added(source: Path) -> None:
    """Record prompts with added tokens, as both files say them; all forms must give the same ids."""
    first = len(json.loads((source / "vocab.json").read_text()))
    added = {token: first + index for index, token in enumerate(ADDED)}
    decoder = {
        str(number): {
            "content": token,
            "lstrip": False,
            "normalized": True,
            "rstrip": False,
            "single_word": False,
            "special": False,
        }
        for token, number in added.items()
    }
    forms = [({"added_tokens.json": added}, {}), ({}, {"added_tokens_decoder": decoder})]
    rows = []
    for files, more in forms:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file in ("vocab.json", "merges.txt"):
                (folder / file).write_bytes((source / file).read_bytes())
            for file, content in files.items():
                (folder / file).write_text(json.dumps(content))
            config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **more}
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
            tokenizer = CLIPTokenizer.from_pretrained(folder)
            rows.append(
                [
                    tokenizer(
                        prompt, padding="max_length", max_length=77, truncation=True
                    ).input_ids
                    for prompt in ADDED_PROMPTS
                ]
            )
    assert rows[0] == rows[1]
    recorded = {
        "added_tokens": added,
        "prompts": [
            {"prompt": prompt, "input_ids": row}
            for prompt, row in zip(ADDED_PROMPTS, rows[0], strict=True)
        ],
    }
    (HERE / "tokenizer_added.json").write_text(json.dumps(recorded), encoding="ascii")


if __name__ == "__main__":
    main()
