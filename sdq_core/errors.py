"""Every error that sdq raises on purpose, and the exit code that each one becomes.

A message is a whole sentence or two: what happened, to what, and the next step. The one exception is what is wrong with
a single line or value of the user's input (`producer.reading`, `sdq_core.values.seeds`): it is a clause without capital
and full stop, because it is put behind its place, as in `prompts.txt:3: the prompt is empty`. The same checks serve the
command line, where the place is `sdq:` or an option. So nothing ever has to strip or add a full stop.

Foreign exceptions are translated where they enter, so that nothing above has to know redis-py, SQLAlchemy or ONNX
Runtime.

A worker waits for what is retryable, and ends with any other error. Some refusals are both: a place that cannot be
written, a role that does not exist or a key that a user may not use is a mistake in the settings the first time, and
trouble that heals once the same has worked in this process: a drive came loose, a server failed over or is being
restored. Where they are translated it is known what has worked (`db.failures`, `sdq_core.queue.client`,
`worker.drawing.saving`): they raise OutputError or ConfigurationError at first, and a retryable error after that.

    SdqError                      1   anything below
    ├── UsageError                2   options that cannot be combined
    ├── InputError               65   bad data: prompt files, model packages, PNGs
    │   ├── PromptFileError           with file:line, all of them at once
    │   └── PackageError              a model that cannot be read or run
    │       └── StepsError            one that cannot take as many or as few steps as an image asks for
    ├── InputMissingError        66   a file, model or batch that does not exist
    ├── ServiceUnavailableError  69   Redis or the database (retryable)
    ├── OutputError              73   a place that cannot be written
    ├── StorageError             74   disk full, input/output error (retryable)
    ├── TryAgainError            75   another process holds what is needed (retryable)
    ├── ConfigurationError       78   settings, installation
    └── DrawError                     one image failed in its engine
        ├── EngineDiedError           the engine's process ended (retryable)
        ├── EngineHungError           no step within its deadline (retryable)
        ├── ComputeError              the runtime failed in the middle of a network (retryable)
        ├── BrokenImageError          NaN or constant pixels (retryable)
        ├── PictureError              the picture that it is drawn from is missing or was changed
        └── UnexpectedDrawError       anything else that a model or runtime raised (retryable)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_SOME_IMAGES_FAILED = 3
EXIT_BAD_INPUT = 65
EXIT_INPUT_MISSING = 66
EXIT_UNAVAILABLE = 69
EXIT_CANNOT_CREATE = 73
EXIT_IO_ERROR = 74
EXIT_TRY_AGAIN = 75
EXIT_CONFIGURATION = 78
EXIT_SIGINT = 130


class SdqError(Exception):
    """Anything that sdq reports in one sentence instead of a traceback."""

    exit_code = EXIT_FAILURE
    retryable = False


class UsageError(SdqError):
    """Options that cannot be combined."""

    exit_code = EXIT_USAGE


class InputError(SdqError):
    """Data that cannot be used as it is."""

    exit_code = EXIT_BAD_INPUT


class PromptFileError(InputError):
    """One or more unusable lines of prompt files; each problem reads ``file:line: what``.

    advice: a sentence about what else can be done.
    """

    SHOWN = 20

    def __init__(self, problems: Sequence[str], advice: str = "") -> None:
        self.problems = tuple(problems)
        grouped = group_by_cause(self.problems)
        shown = "\n".join(grouped[: self.SHOWN])
        rest = len(grouped) - self.SHOWN
        more = f"\n... and {rest} more" if rest > 0 else ""
        super().__init__(f"{shown}{more}\nNothing was queued." + (f" {advice}" if advice else ""))


#: How a clause ends that lists all known words.
ALL_KNOWN = "; use one of "
_PLACE = re.compile(r"(.+?):([0-9]+): (.*)", re.DOTALL)
_LINES_SHOWN = 5


def group_by_cause(problems: Sequence[str]) -> list[str]:
    """Return each cause once per file, behind its first line and with the others named; the known words once."""
    lines: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        place = _PLACE.fullmatch(problem)
        file, line, cause = place.groups() if place else ("", "", problem)
        lines.setdefault((file, cause), []).append(line)
    grouped = []
    listed: set[str] = set()
    for (file, cause), found in lines.items():
        said, known, words = cause.partition(ALL_KNOWN)
        if words in listed:
            known = words = ""
        listed.add(words)
        others = list(dict.fromkeys(found))[1:]
        also = ", ".join(others[:_LINES_SHOWN])
        if len(others) > _LINES_SHOWN:
            also += f" and {len(others) - _LINES_SHOWN:,} more"
        grouped.append(
            (f"{file}:{found[0]}: " if file else "")
            + said
            + (f" (also in {'line' if len(others) == 1 else 'lines'} {also})" if others else "")
            + known
            + words
        )
    return grouped


class PackageError(InputError):
    """A model folder, an ``.mlpackage`` or an ``.mlmodelc`` that is incomplete, damaged or not supported."""


class StepsError(PackageError):
    """A model's scheduler cannot take as many or as few steps as an image asks for; the fault is that image's."""


class InputMissingError(SdqError):
    """A file, model, variant or batch that does not exist."""

    exit_code = EXIT_INPUT_MISSING


class ServiceUnavailableError(SdqError):
    """Redis or the database cannot be reached."""

    exit_code = EXIT_UNAVAILABLE
    retryable = True


class OutputError(SdqError):
    """A file or folder that cannot be created."""

    exit_code = EXIT_CANNOT_CREATE


class StorageError(SdqError):
    """The disk is full or does not respond."""

    exit_code = EXIT_IO_ERROR
    retryable = True


class TryAgainError(SdqError):
    """Another process holds what is needed."""

    exit_code = EXIT_TRY_AGAIN
    retryable = True


class ConfigurationError(SdqError):
    """A setting or an installation that cannot work."""

    exit_code = EXIT_CONFIGURATION


class DrawError(SdqError):
    """One image could not be drawn; the slice continues."""


class EngineDiedError(DrawError):
    """The engine's process ended in the middle of an image, or could not be started."""

    retryable = True


class EngineHungError(DrawError):
    """The engine did not report a step within its deadline and was ended."""

    retryable = True


class ComputeError(DrawError):
    """The runtime failed while it ran a network: seen under memory pressure; a fresh engine recovers."""

    retryable = True


class BrokenImageError(DrawError):
    """The model produced NaN or one constant colour."""

    retryable = True


class PictureError(DrawError):
    """A picture that an image is drawn from is missing, was changed or cannot be used; the fault is that image's."""


class UnexpectedDrawError(DrawError):
    """A model or runtime raised an unexpected exception; the message names it."""

    retryable = True


def describe_error(error: BaseException) -> str:
    """Return an exception's class and message, for records and for messages about foreign exceptions."""
    if isinstance(error, UnexpectedDrawError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
