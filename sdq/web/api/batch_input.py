"""The file of a batch: a request in each line, as OpenAI has them.

{"custom_id": "a-1", "method": "POST", "url": "/v1/images/generations", "body": {"prompt": "a red boat"}}
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from db.values import JSON
from producer.reading.json_objects import parse
from producer.reading.lines import read_lines
from sdq.views.batch_object import ENDPOINT
from sdq.web.api.errors import ApiError, wrong
from sdq.web.api.generation import Generation, read_generation
from sdq.web.api.given import Given
from sdq_core.errors import InputError, PromptFileError

#: OpenAI's own limit.
MOST_REQUESTS = 50_000

_PROBLEMS_SHOWN = 20
_PLACE = re.compile(r"(?:^|(?<= used by ))prompts\[([0-9]{1,5})\]")


@dataclass(frozen=True, kw_only=True)
class BatchInput:
    """The requests of a file.

    lines: as the lines of a jsonl file.
    numbers: the number of each in its file.
    model: of the first.
    response_format: of all, None if none says.
    """

    lines: Sequence[Mapping[str, JSON]]
    numbers: Sequence[int]
    model: str | None
    response_format: str | None

    def refusal(self, error: PromptFileError) -> ApiError:
        """Return what is wrong with the lines, by their numbers in the file."""
        return refused(_PLACE.sub(self._line, problem) for problem in error.problems)

    def _line(self, place: re.Match[str]) -> str:
        index = int(place[1])
        return f"line {self.numbers[index]}" if index < len(self.numbers) else place[0]


def refused(problems: Iterable[str]) -> ApiError:
    """Return the error for a file with lines that cannot be used. problems: each behind ``line 3: ``."""
    found = list(problems)
    shown = "\n".join(found[:_PROBLEMS_SHOWN])
    rest = len(found) - _PROBLEMS_SHOWN
    more = f"\n... and {rest:,} more" if rest > 0 else ""
    return wrong(f"{shown}{more}\nNothing was queued.", "input_file_id", "invalid_batch")


def read_batch_input(path: Path, file_id: str, given: Given) -> BatchInput:
    """Return the requests of a file; raise ApiError with all lines that cannot be used.

    file_id: makes the seeds of lines that name none, together with their custom_id. given: keeps their pictures.
    """
    problems: list[str] = []
    numbers: list[int] = []
    found: list[Generation] = []
    lines: list[Mapping[str, JSON]] = []
    with contextlib.suppress(PromptFileError):  # too many problems, which it was given
        for number, text in read_lines(str(path), problems):
            if not text.strip():
                continue
            if len(numbers) == MOST_REQUESTS:
                problems.append(
                    f"line {number}: a batch may have {MOST_REQUESTS:,} requests; use several"
                )
                break
            try:
                custom_id, generation = _request(text, file_id, given)
            except (InputError, ApiError) as error:
                problems.append(f"line {number}: {error}")
                continue
            numbers.append(number)
            found.append(generation)
            lines.append({**generation.line, "custom_id": custom_id})
    if not lines and not problems:
        problems.append("line 1: there is no request")
    formats = {generation.response_format for generation in found}
    if len(formats) > 1:
        problems.append("line 1: all lines of a batch need the same response_format")
    if problems:
        raise refused(problem.replace(f"{path}:", "line ", 1) for problem in problems)
    return BatchInput(
        lines=lines,
        numbers=numbers,
        model=found[0].model,
        response_format=found[0].response_format,
    )


def _request(text: str, file_id: str, given: Given) -> tuple[str, Generation]:
    value = parse(text)
    if not isinstance(value, dict):
        raise InputError("a request has to be an object")
    custom_id = value.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id.strip():
        raise InputError("custom_id has to be a text")
    if value.get("method", "POST") != "POST":
        raise InputError("method has to be POST")
    if value.get("url") != ENDPOINT:
        raise InputError(f"url has to be {ENDPOINT}")
    body = value.get("body")
    if not isinstance(body, dict):
        raise InputError("body has to be an object")
    return custom_id, read_generation(body, given, key=f"{file_id}\n{custom_id}")
