"""Other tools' syntax inside prompts, which would be drawn as words.

What cannot be meant as words is refused. What could be (a bracket with a number, the word BREAK) is drawn as it stands,
and the user is told. `--literal` switches both off.
"""

from __future__ import annotations

import re

from producer.reading.characters import APOSTROPHES
from sdq_core.printable import quote

_LITERAL = "or use --literal to draw it as words"
#: InvokeAI's (Dream's) letters -> the options here.
_DREAM = {"n": "--n_iter", "s": "--steps", "S": "--seed", "C": "--cfg_scale", "W": "--width", "H": "--height",
          "A": "--sampler"}  # fmt: skip
_DREAM_OPTION = re.compile(r"\s-([nsSCWHAGUfvILFt])\s?([\w.]+)(?=\s|$)")
_DREAM_OPTIONS = re.compile(r"(?:\s-[nsSCWHAGUfvILFt]\s?[\w.]+)+\s*$")
#: A run of options is at the end, and short.
_TAIL_CHARS = 300
_ONE_DASH = re.compile(
    r"(?:^|\s)-(?:steps|seed|cfg_?scale|cfg|width|height|n_iter|negative_prompt|negative-prompt|sampler)[= ]\S+",
    re.IGNORECASE,
)
_LABELS = re.compile(r"\b(?:Steps|Sampler|CFG scale|Seed|Size|Negative prompt):\s*\S")
#: What a line must have to be looked at more closely; most have none of it.
_SUSPECT = re.compile(r"[<{(\[:#]|__|BREAK|(?:^|\s)-[A-Za-z]")

_REFUSED = (
    (re.compile(r"<(?:lora|lyco|hypernet|lora_loader):[^<>]*>", re.IGNORECASE),
     "{} asks for an extra network, which sdq does not draw with; remove it"),
    (re.compile(r"Negative prompt:"), "{} stands inside a prompt; write --negative_prompt, or put it on its own line"),
    (_ONE_DASH, "{} begins with one hyphen; write two"),
)  # fmt: skip
#: What `--dynamic` reads.
_TEMPLATES = (
    (re.compile(r"\{[^{}|]*\|[^{}]*\}"), "{} is a choice; use --dynamic random (or combinatorial) to make it"),
    (re.compile(r"(?<!\w)__[A-Za-z][\w/*-]*?__(?!\w)"),
     "{} is a wildcard; use --dynamic random (or combinatorial) to fill it in"),
)  # fmt: skip
_HINTED = (
    (re.compile(r"\([^():]*[^\s():0-9]\s*:\s*[0-9]*\.?[0-9]+\s*\)"), "the weight {} is drawn as words"),
    (re.compile(r"\(\([^()]+\)\)|\[\[[^\[\]]+\]\]"), "the emphasis {} is drawn as words"),
    (re.compile(r"\[[^\[\]:|]*:[^\[\]:|]*:\s*[0-9.]+\s*\]"), "the change of prompt {} is drawn as words"),
    (re.compile(r"\w::-?[0-9.]+"), "the weight {} is drawn as words"),
    (re.compile(r"\bembedding:\S+"), "{} is drawn as words"),
    (re.compile(r"(?<=\s)###\s+\S.*"), "{} is drawn as words; for a negative prompt write --n"),
)  # fmt: skip
_BREAK = re.compile(r"(?:^|[\s,])BREAK(?:$|[\s,])")


def foreign_syntax(prompt: str, *, made: bool = False) -> tuple[list[str], list[str]]:
    """Return what is wrong with a prompt and what to know about it, a clause each.

    made: the prompt was made of a template, so braces and underscores in it are meant.
    """
    if not _SUSPECT.search(prompt):
        return [], []
    wrong = [
        f"{says.format(quote(found[0].strip()))}, {_LITERAL}"
        for pattern, says in (_REFUSED if made else _REFUSED + _TEMPLATES)
        if (found := pattern.search(prompt))
    ]
    hints = [
        says.format(quote(found[0].strip()))
        for pattern, says in _HINTED
        if (found := pattern.search(prompt))
    ]
    # In a line of capitals it is a word like any other.
    if _BREAK.search(prompt) and prompt != prompt.upper():
        hints.append("the word BREAK is drawn as a word")
    if len({found[0].split(":")[0] for found in _LABELS.finditer(prompt)}) > 1 and not wrong:
        wrong.append(
            "the prompt contains settings of generation data; keep its line ends, or write them as "
            f"--steps 20 --seed 7, {_LITERAL}"
        )
    _look_for_dream(prompt, wrong, hints)
    return wrong, hints


def _look_for_dream(prompt: str, wrong: list[str], hints: list[str]) -> None:
    found = _DREAM_OPTIONS.search(prompt[-_TAIL_CHARS:])
    if not found or wrong:
        return
    options = _DREAM_OPTION.findall(found[0])
    written = " ".join(f"{_DREAM[name]} {value}" for name, value in options if name in _DREAM)
    numbers = [value for name, value in options if name in "nsSCWH" and value[0].isdigit()]
    if not numbers:
        return
    shown = quote(found[0].strip())
    is_quoted = prompt[0] in f'"{APOSTROPHES}\u201c'
    if len(options) > 1 or is_quoted:
        wrong.append(f"{shown} are InvokeAI's options; write {written}, {_LITERAL}")
    else:
        hints.append(f"{shown} is drawn as words; if it is an option, write {written}")
