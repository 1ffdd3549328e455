"""Other tools' syntax inside prompts, which would be drawn as words.

What cannot be meant as words is refused. What could be (a bracket with a number, the word BREAK) is drawn as it stands,
and the user is told. `--literal` switches both off.
"""

from __future__ import annotations

import re

from producer.reading.characters import APOSTROPHES, DASHES
from producer.reading.names import field_named, foreign
from producer.reading.options import next_option
from sdq_core.printable import quote

_LITERAL = "or use --literal to draw it as words"
#: InvokeAI's (Dream's) letters -> the options here.
_DREAM = {"n": "--n_iter", "s": "--steps", "S": "--seed", "C": "--cfg_scale", "W": "--width", "H": "--height",
          "A": "--sampler"}  # fmt: skip
_DREAM_OPTION = re.compile(r"\s-([nsSCWHAGUfvILFt])\s?([\w.]+)(?=\s|$)")
_DREAM_OPTIONS = re.compile(r"(?:\s-[nsSCWHAGUfvILFt]\s?[\w.]+)+\s*$")
#: A run of options is at the end, and short.
_TAIL_CHARS = 300
_NAMES = r"(?:steps|seed|cfg[_ ]?scale|cfg|width|height|n_iter|negative[_-]prompt|sampler)"
_LABELS = re.compile(r"\b(?:Steps|Sampler|CFG scale|Seed|Size|Negative prompt):\s*\S")
#: What a line must have to be looked at more closely; most have none of it.
_SUSPECT = re.compile(
    rf"[<{{(\[:#=&/`\\]|__|BREAK|AND|(?:^|\s)[-{DASHES}]|^\s*[\"'*~\u2022}}\]0-9|>;]"
)
_WEIGHT = r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"

#: First what every match contains: to look for it costs far less than a search.
_REFUSED = (
    ("<", re.compile(r"<(?:lora|lyco|hypernet|lora_loader):[^<>]*>", re.IGNORECASE),
     "{} asks for an extra network, which sdq does not draw with; remove it"),
    ("<", re.compile(r"<(?!lora|lyco|hypernet)[a-z_]+(?:\[[^\[\]<>]*\])?:(?!//)[^<>]*>", re.IGNORECASE),
     "{} is an instruction for another tool; remove it"),
    (":", re.compile(r"\bnegative[ _-]?prompts?\s*:", re.IGNORECASE),
     "{} stands inside a prompt; write --negative_prompt, or put it on its own line"),
    ("-", re.compile(rf"(?:^|\s)-{_NAMES}[= ]\S+", re.IGNORECASE), "{} begins with one hyphen; write two"),
    ("=", re.compile(rf"(?:^|\s){_NAMES}=\S+", re.IGNORECASE), "{} is written like a setting; write --steps 30"),
    (":", re.compile(rf"^\s*{_NAMES}\s*:\s*[0-9][0-9.]*\s*$", re.IGNORECASE),
     "{} is written like a setting; write it behind the prompt, as in --steps 30"),
    ("", re.compile(r"^\s*(?:`{3,}\w*|[-=*_~]{3,})\s*$"), "{} is a line of Markdown; remove it"),
    ("|", re.compile(r"^\s*\|.*\|\s*$"), "{} is a row of a table in Markdown; write a prompt a line"),
    ("[", re.compile(r"^\s*\[\s*([\"']).*\1[\s,]*\][\s,]*$"),
     "{} is a list; write a prompt a line, without brackets and quotes"),
    (",", re.compile(r"^\s*([\"'])[^\"]*\1\s*,\s*$|^\s*\"[^\"]*\"(?:\s*,\s*\"[^\"]*\")+\s*,\s*$"),
     "{} is taken from a list; write a prompt a line, without quotes and comma"),
    ("=", re.compile(r"^\s*(?:negative[ _-]?)?prompts?\s*=\s*\S.*", re.IGNORECASE),
     "{} is written like TOML; leave only the prompt, or name the file .toml"),
    ("/", re.compile(r"^\s*/(?:imagine|dream)\b"), "{} is a command of another tool; leave only the prompt"),
    ("", re.compile(r'^[\s\[{,]*"[\w ]+"\s*:.*|^[\s{}\[\],]*[{}\[\]][\s{}\[\],]*$'),
     "{} is JSON; name the file .jsonl or .json, or use --format"),
)  # fmt: skip
#: What only `--dynamic` reads: a choice, a wildcard.
_CHOICES = (
    ("{", re.compile(r"\{[^{}|]*\|[^{}]*\}")),
    ("__", re.compile(r"(?<!\w)__[A-Za-z][\w/*-]*?__(?!\w)")),
)
#: What `--weighted` reads.
_NOT_WEIGHED = "is drawn as words; with --weighted it counts"
_WEIGHED = (
    (":", re.compile(rf"\([^():]*[^\s():0-9]\s*:\s*{_WEIGHT}\s*\)"), f"the weight {{}} {_NOT_WEIGHED}"),
    ("", re.compile(r"\(\([^()]+\)\)|\[\[[^\[\]]+\]\]"), f"the emphasis {{}} {_NOT_WEIGHED}"),
)  # fmt: skip
_HINTED = (
    ("::", re.compile(rf"\w::{_WEIGHT}|(?:^|[\s,]){_WEIGHT}::\w?"), "the weight {} is drawn as words"),
    ("(", re.compile(r"\([^()]+\)(?:[+-]+(?=[\s,]|$)|[0-9]*\.[0-9]+)"), "the weight {} is drawn as words"),
    ("{{", re.compile(r"\{\{[^{}]+\}\}"), "the emphasis {} is drawn as words"),
    ("[", re.compile(r"\[[^\[\]:|]*(?::[^\[\]:|]*|[^\[\]:|\s0-9]\s*):\s*[0-9.]+\s*\]|\[[^\[\]|]+\|[^\[\]]+\]"),
     "the change of prompt {} is drawn as words"),
    (").", re.compile(r"\)\.(?:and|blend|swap)\([^()]*\)"), "{} is drawn as words"),
    ("embedding:", re.compile(r"\bembedding:\S+"), "{} is drawn as words"),
    ("###", re.compile(r"(?<=\s)###\s+\S.*"), "{} is drawn as words; for a negative prompt write --n"),
    ("", re.compile(rf"(?:^|\s)[-{DASHES}]+\s+{_NAMES}[\s=:]+[0-9]\S*", re.IGNORECASE),
     "{} is drawn as words; an option is written without a space, as --steps 30"),
    (":", re.compile(rf"(?:^|[\s,;]){_NAMES}\s*:\s*[0-9][0-9.]*(?=[,;]|\s*$)", re.IGNORECASE),
     "{} is drawn as words; a setting is written as --steps 30"),
    ("\\", re.compile(r"(?:^|\s)\\+--?[A-Za-z]\S*"),
     "{} is drawn with its backslash; --literal draws options as words"),
    ("\\", re.compile(r"\\$"), "the {} at the end is drawn, too; a prompt is one line"),
    ("://", re.compile(r"\bhttps?://\S+", re.IGNORECASE), "the address {} is drawn as words"),
    ("&", re.compile(r"&(?:amp|quot|apos|lt|gt|nbsp|#x?[0-9A-Fa-f]+);"),
     "{}, HTML for another character, is drawn as it stands"),
    ("", re.compile(r"^(?:[-*\u2022>;]|//+|[0-9]{1,3}[.)])(?=\s+\w)"), "the {} at the beginning is drawn, too"),
)  # fmt: skip
#: In a line of capitals they are words like any others.
_COMMANDS = re.compile(r"(?:^|[\s,])(BREAK|AND)(?:$|[\s,])")
_OPTION = re.compile(r"(\S+(?:[\s=]+\S+)?).*", re.DOTALL)


def foreign_syntax(prompt: str, *, weighted: bool = False) -> tuple[list[str], list[str]]:
    """Return what is wrong with a prompt and what to know about it, a clause each. weighted: weights count in it."""
    if not _SUSPECT.search(prompt):
        return [], []
    wrong = [
        f"{says.format(quote(found[0].strip()))}, {_LITERAL}"
        for mark, pattern, says in _REFUSED
        if mark in prompt and (found := pattern.search(prompt))
    ]
    hints = [
        says.format(quote(found[0].strip()))
        for mark, pattern, says in (_HINTED if weighted else (*_WEIGHED, *_HINTED))
        if mark in prompt and (found := pattern.search(prompt))
    ]
    if prompt != prompt.upper():
        words = dict.fromkeys(_COMMANDS.findall(prompt))
        hints += [f"the word {word} is drawn as a word" for word in words]
    if len({found[0].split(":")[0] for found in _LABELS.finditer(prompt)}) > 1 and not wrong:
        wrong.append(
            "the prompt contains settings of generation data; keep its line ends, or write them as "
            f"--steps 20 --seed 7, {_LITERAL}"
        )
    _look_for_dream(prompt, wrong, hints)
    return wrong, hints


def choice_in(prompt: str) -> str | None:
    """Return the first choice or wildcard inside a prompt, as messages show it; None without one."""
    for mark, pattern in _CHOICES:
        if mark in prompt and (found := pattern.search(prompt)):
            return quote(found[0])
    return None


def option_in(prompt: str) -> tuple[str, bool] | None:
    """Return the first option inside a prompt, as messages show it, and whether sdq or another tool has it."""
    start = next_option(prompt)
    if start is None:
        return None
    is_known = field_named(start[2], short=True) is not None or foreign(start[2]) is not None
    return quote(_OPTION.sub(r"\1", prompt[start.start() :])), is_known


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
