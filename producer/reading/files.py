"""From prompt files, standard input and prompts on the command line to prompt lines.

All problems of all files are reported together, before anything is planned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from producer.reading.batch_file import read_batch_file
from producer.reading.characters import DASHES, QUOTES, code_point, unquoted
from producer.reading.dialects import choice_in, foreign_syntax, option_in
from producer.reading.fields import build_line
from producer.reading.json_values import count_values
from producer.reading.jsonl import read_json, read_jsonl
from producer.reading.lines import STANDARD_INPUT, display_name, read_lines
from producer.reading.objects import PLACE, read_objects
from producer.reading.places import with_places
from producer.reading.prompt_line import PromptLine
from producer.reading.remarks import Remarks
from producer.reading.table import read_table
from producer.reading.txt import read_txt
from sdq_core.errors import InputError, InputMissingError, PromptFileError, UsageError
from sdq_core.printable import printable, quote
from sdq_core.values.names import one_spelling
from sdq_core.values.tidying import tidy

#: The most prompts in one submission; bounds memory, about 1 GB for a million.
MAX_PROMPTS = 1_000_000
#: The most values in all lists and objects of one submission (single seeds, tags, meta), for the same reason.
MAX_VALUES = 10_000_000


class PromptFormat(StrEnum):
    """The formats of prompt files."""

    TXT = "txt"
    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    JSON = "json"
    YAML = "yaml"
    TOML = "toml"


_ENDINGS = {
    ".txt": PromptFormat.TXT,
    ".csv": PromptFormat.CSV,
    ".tsv": PromptFormat.TSV,
    ".jsonl": PromptFormat.JSONL,
    ".ndjson": PromptFormat.JSONL,
    ".json": PromptFormat.JSON,
    ".yaml": PromptFormat.YAML,
    ".yml": PromptFormat.YAML,
    ".toml": PromptFormat.TOML,
}
#: How the names of prompt files end.
PROMPT_ENDINGS = tuple(_ENDINGS)
_SPREADSHEET = "is a spreadsheet. Save its sheet as CSV in UTF-8, and submit that."
_DOCUMENT = "is a document. Save its text as a text file (.txt) in UTF-8, and submit that."
_IMAGE = "is an image. Draw it again with `sdq rerun`."
#: What files are whose extensions are no format's.
_OTHERS = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers"), _SPREADSHEET),
    **dict.fromkeys(
        (".docx", ".doc", ".odt", ".rtf", ".rtfd", ".pages", ".pdf", ".html"), _DOCUMENT
    ),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".avif"), _IMAGE),
}
_QUOTES = frozenset("".join((*QUOTES, *QUOTES.values())))


@dataclass(frozen=True, kw_only=True)
class PromptSource:
    """Where a submission's prompts came from: a short name for its batch, and the full text for the record."""

    name: str
    text: str


def read_prompts(
    paths: Sequence[str | Path] = (),
    texts: Sequence[str] = (),
    *,
    objects: Iterable[object] | None = None,
    format: PromptFormat | None = None,
    literal: bool = False,
    dynamic: bool = False,
    weighted: bool = False,
    stdin: BinaryIO | None = None,
    remarks: Remarks | None = None,
    most: int = MAX_PROMPTS,
) -> list[PromptLine]:
    """Read the files in order (``-`` is standard input), then the prompts in `texts`, taken literally.

    objects: prompts as Python has them (`producer.reading.objects`); None for none.
    format: of every file; by default each file's extension decides, and standard input is txt.
    literal: no options and comments in txt files, and no look for other tools' syntax.
    dynamic: the prompts are templates: whoever makes prompts of them looks for other tools' syntax then.
    weighted: what holds for lines that do not say it: weights in prompts count.
    stdin: what to read for ``-``, by default the process's own.
    remarks: collects what the user should know.
    most: so many prompts; no more are read.

    Raise PromptFileError with all problems, InputMissingError, StorageError, and UsageError for an unknown extension.
    """
    files = [str(path) for path in paths]
    _refuse_torn_quotes(files)
    formats = [format or _format_of(path) for path in files]
    if files.count(STANDARD_INPUT) > 1:
        raise UsageError("Standard input (-) can be read only once. Name it once.")
    problems: list[str] = []
    remarks = Remarks() if remarks is None else remarks
    lines: list[PromptLine] = []
    values = 0
    sources = [
        (display_name(path), kind, _read_file(path, kind, literal, problems, stdin, remarks))
        for path, kind in zip(files, formats, strict=True)
    ]
    if objects is not None:
        sources.append((PLACE, PromptFormat.JSONL, read_objects(objects, problems=problems)))
    for name, kind, read in sources:
        found = len(lines) + len(problems)
        folder = Path() if name in {PLACE, display_name(STANDARD_INPUT)} else Path(name).parent
        for line in read:
            lines.append(with_places(line, folder))
            if not (literal or dynamic or line.is_exported):
                look_for_other_syntax(line, kind, problems, remarks, weighted=weighted)
            values += _values_of(line)
            if len(lines) > most or values > MAX_VALUES:
                what = (
                    f"{most:,} prompts"
                    if len(lines) > most
                    else f"{MAX_VALUES:,} seeds, tags and values of meta"
                )
                raise PromptFileError([f"{line.source}: more than {what}; submit them in parts"])
        if len(lines) + len(problems) == found and name != PLACE:
            problems.append(f"{name}:1: this file has no prompts")
    for number, text in enumerate(texts, 1):
        source = "--prompt" if len(texts) == 1 else f"--prompt {number}"
        prompt = (
            text if text[:1].isascii() else unquoted(text)
        )  # a shell takes only its own quotes off
        given = build_line({"prompt": prompt}, source=source, problems=problems)
        if given is not None:
            lines.append(given)
            if not literal and not dynamic:
                look_for_other_syntax(given, None, problems, remarks, weighted=weighted)
    if problems:
        raise PromptFileError(problems)
    remarks.multiplied.note_grids(lines)
    if not lines:
        raise UsageError(
            "There are no prompts. Name a prompt file, or - for standard input, or use --prompt."
        )
    _check_custom_ids(lines)
    return lines


def _refuse_torn_quotes(files: Sequence[str]) -> None:
    """Raise UsageError for words of a prompt in typographic quotes, which a shell tears apart at its spaces."""
    for path in files:
        for end in (path[:1], path[-1:]):
            if not end.isascii() and end in _QUOTES and not Path(path).exists():
                raise UsageError(
                    f"{quote(path)} is not a prompt file. {code_point(end)} is not a quote to the shell: "
                    "write straight quotes."
                )


def describe_source(paths: Sequence[str | Path] = (), texts: Sequence[object] = ()) -> PromptSource:
    """Return where prompts come from, named after the first file: ``prompts`` for ``prompts.txt``, else ``stdin`` or
    ``prompt``.
    """
    shown = [
        STANDARD_INPUT if str(path) == STANDARD_INPUT else str(Path(path).absolute())
        for path in paths
    ]
    if texts:
        shown.append("--prompt")
    first = shown[0] if shown else "--prompt"
    names = {STANDARD_INPUT: "stdin", "--prompt": "prompt"}
    # A file name may contain what a text may not: line ends, escape sequences, bytes that are not UTF-8.
    name = names.get(first) or printable(Path(first).stem)
    return PromptSource(
        name=tidy(name).strip().replace("\n", "_").replace("\t", "_") or "prompts",
        text="\n".join(printable(path).replace("\n", "\\n") for path in shown),
    )


def look_for_other_syntax(
    line: PromptLine,
    file_format: PromptFormat | None,
    problems: list[str],
    remarks: Remarks,
    *,
    weighted: bool,
    made: bool = False,
) -> None:
    """Add other tools' syntax in a line to `problems`, or to the hints where it may be meant.

    file_format: None on the command line, and for a prompt that is made.
    weighted: weights count in lines that do not say it.
    made: the line was made of a template, so choices that are left in it are meant as words.
    """
    for text in (line.prompt, line.negative_prompt):
        if not text:
            continue
        wrong, hints = foreign_syntax(
            text, weighted=weighted if line.weighted is None else line.weighted
        )
        if not made and (choice := choice_in(text)):
            remarks.undecided.setdefault(line.source, choice)
        # The options on a line of a txt file are not part of the prompt: what is left was in quotes.
        if file_format is not PromptFormat.TXT and (found := option_in(text)):
            option, is_known = found
            if is_known and file_format:
                wrong.append(
                    f"{option} stands inside a text; write it as a value of its own, "
                    "or use --literal to draw it as words"
                )
            else:
                hints.append(f"{option} is drawn as words")
        problems += [f"{line.source}: {says}" for says in wrong]
        remarks.hints += [f"{line.source}: {says}" for says in hints]


def _values_of(line: PromptLine) -> int:
    seeds = 0 if line.seeds is None or isinstance(line.seeds, range) else len(line.seeds)
    return seeds + len(line.tags) + (count_values(dict(line.meta)) if line.meta else 0)


def _read_file(
    path: str,
    file_format: PromptFormat,
    literal: bool,
    problems: list[str],
    stdin: BinaryIO | None,
    remarks: Remarks,
) -> Iterator[PromptLine]:
    lines = read_lines(path, problems, stdin=stdin)
    name = display_name(path)
    if file_format is PromptFormat.TXT:
        return read_txt(lines, name=name, literal=literal, problems=problems, remarks=remarks)
    if file_format is PromptFormat.JSONL:
        return read_jsonl(lines, name=name, problems=problems)
    if file_format is PromptFormat.JSON:
        return read_json(lines, name=name, problems=problems)
    if file_format in {PromptFormat.YAML, PromptFormat.TOML}:
        is_toml = file_format is PromptFormat.TOML
        return read_batch_file(lines, name=name, is_toml=is_toml, problems=problems)
    delimiter = "," if file_format is PromptFormat.CSV else "\t"
    return read_table(lines, name=name, delimiter=delimiter, problems=problems)


def _format_of(path: str) -> PromptFormat:
    if path == STANDARD_INPUT:
        return PromptFormat.TXT
    if not path:
        raise UsageError(
            "The name of a prompt file is empty. Name a file, or - for standard input."
        )
    try:
        return _ENDINGS[Path(path).suffix.lower()]
    except KeyError:
        if re.match(f"[{DASHES}]", path) and not Path(path).exists():
            raise UsageError(
                f"{quote(path)} begins with {code_point(path[0])}, not with two hyphens. "
                "Write options with -- and files that begin with a dash as ./FILE."
            ) from None
        if what := _OTHERS.get(Path(path).suffix.lower()):
            raise InputError(f"{printable(path)} {what}") from None
        if not Path(path).exists():
            raise InputMissingError(
                f"The prompt file {printable(path)} does not exist. If it is a prompt, write --prompt in front of it."
            ) from None
        if Path(path).is_dir():
            raise InputError(
                f"The prompt file {printable(path)} is a folder. Name the files in it."
            ) from None
        known = ", ".join(PromptFormat)
        raise UsageError(
            f"The extension of {path} does not tell its format. Add --format with one of {known}."
        ) from None


def _check_custom_ids(lines: Sequence[PromptLine]) -> None:
    """Raise PromptFileError if a custom_id is used twice: results are joined by it.

    An export has a line for each image, and so several with the id of the line that asked for them.
    """
    first: dict[str, PromptLine] = {}
    problems = []
    for line in lines:
        if line.custom_id is None:
            continue
        earlier = first.setdefault(one_spelling(line.custom_id), line)
        if earlier.source is not line.source and not (line.is_exported and earlier.is_exported):
            problems.append(
                f"{line.source}: custom_id {quote(line.custom_id)} is already used by {earlier.source}"
            )
    if problems:
        raise PromptFileError(problems)
