"""Build the demo model's tokenizer: CLIP's file format, with every word of the captions as one token.

All 256 bytes are in the vocabulary, alone and at the end of a word, so text that training never saw still encodes: it
only becomes more tokens. The end-of-text token has the highest id, because CLIP finds the end of a prompt by argmax.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from scenes import vocabulary
from transformers import CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77


def train_merges(words: list[str]) -> list[tuple[str, str]]:
    """Learn byte-pair merges, most frequent pair first, until each word is a single token."""
    pieces = {word: [*word[:-1], word[-1] + "</w>"] for word in words}
    merges: list[tuple[str, str]] = []
    while True:
        pairs = Counter(pair for parts in pieces.values() for pair in pairwise(parts))
        if not pairs:
            return merges
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


def write_tokenizer(folder: Path) -> None:
    """Write vocab.json, merges.txt and the two configuration files that diffusers and Apple's tools read."""
    folder.mkdir(parents=True, exist_ok=True)
    merges = train_merges([*vocabulary(), ",", "."])
    byte_tokens = list(bytes_to_unicode().values())
    tokens = [*byte_tokens, *(b + "</w>" for b in byte_tokens)]
    tokens += [
        token for token in dict.fromkeys(a + b for a, b in merges) if token not in set(tokens)
    ]
    tokens += [START, END]
    vocab = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": LENGTH,
        "do_lower_case": True,
        "add_prefix_space": False,
        "errors": "replace",
        **special,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """Read the tokenizer back, building it first where it is missing."""
    if not (folder / "merges.txt").exists():
        write_tokenizer(folder)
    return CLIPTokenizer.from_pretrained(str(folder))
