"""From Python's values to the options of a submission, and from the options' names in messages to Python's."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from sdq.submitting.options import SubmitOptions, value_of
from sdq_core.errors import InputError, PromptFileError, SdqError, UsageError
from sdq_core.values.annotators import Annotator
from sdq_core.values.image_files import ImageFormat
from sdq_core.values.order import Priority
from sdq_core.values.seeds import MAX_SEED, MAX_SEEDS, format_seeds

if TYPE_CHECKING:
    from db.values import JSON

#: What may be submitted: a prompt, prompts, objects with the keys of jsonl, or the paths of prompt files.
Prompt = str | os.PathLike[str] | Mapping[Any, Any]
Prompts = Prompt | Iterable[Prompt]
#: `range(100)`, `[1, 5]`, `7`, or text as the command line takes it: `0-99(+10)`, and -1 for a random one.
Seeds = int | str | Iterable[int]
#: A value, or several, each of which is drawn.
Number = float | str | Sequence[float]
Word = str | Sequence[str]

#: Options whose arguments in Python have other names.
_RENAMED = {
    "init_image": "init_image",
    "controlnet": "controlnet",
    "seed": "seeds",
    "seed_range": "seeds",
    "prompt": "prompts",
}
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)(?![\w-])")
#: What to do about a prompt.
_ADVICE = re.compile(
    r"\b(?:use|raise|with|but) --(?:literal|format|dynamic|max-images|wildcards)\b"
)
#: The formats of prompt files and the modes of templates, as `sdq submit` has them.
_FORMATS = ("txt", "csv", "tsv", "jsonl", "json", "yaml", "toml")
_MODES = ("random", "combinatorial")
_ENDINGS = tuple(f".{name}" for name in _FORMATS)


def prompts_of(prompts: Prompts) -> tuple[tuple[str, ...], Sequence[object] | None]:
    """Return prompt files, and prompts that are none; one of the two is empty.

    Raise UsageError for nothing at all, for files beside other prompts, and for what is probably meant otherwise.
    """
    if hasattr(prompts, "columns"):  # iterating over a data frame gives their names
        raise UsageError(
            'prompts is a data frame; use its rows: in pandas, table.to_dict("records").'
        )
    # Path.is_file would raise for a prompt that is too long for a path.
    if isinstance(prompts, str) and prompts.endswith(_ENDINGS) and os.path.isfile(prompts):  # noqa: PTH113
        raise UsageError(
            f"prompts is the name of a file. For the prompts in it, use Path({prompts!r}), for an image of the name "
            f"[{prompts!r}]."
        )
    if isinstance(prompts, str | Mapping | os.PathLike):
        given: list[object] = [prompts]
    elif isinstance(prompts, Iterable):
        given = list(prompts)
    else:
        raise UsageError(
            f"prompts is of the type {type(prompts).__name__}; use a text, a list of texts or dictionaries, or the "
            "Path of a prompt file."
        )
    if not given:
        raise UsageError("There are no prompts: the list is empty.")
    files = tuple(os.fsdecode(one) for one in given if isinstance(one, os.PathLike))
    if not files:
        return (), given
    if len(files) < len(given):
        raise UsageError("prompts has files beside other prompts; submit them one after the other.")
    return tuple(f"./{file}" if file == "-" else file for file in files), None


def seeds_of(seeds: Seeds | None) -> str | None:
    """Return seeds as the command line has them; raise InputError for what is no seed."""
    if seeds is None or isinstance(seeds, str):
        return seeds
    if isinstance(seeds, Iterable):
        if isinstance(seeds, range) and seeds.step > 0:
            written = format_seeds(seeds)
        else:
            written = format_seeds(_whole("seeds", one) for one in islice(seeds, MAX_SEEDS + 1))
        if not written:
            raise InputError("seeds: there is none")
        return written
    return str(_whole("seeds", seeds))


def several(name: str, value: Number | Word | None) -> str | None:
    """Return one value or several as the command line has them, separated by commas."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Iterable):
        written = [_written(name, one) for one in value]
        if not written:
            raise UsageError(f"{name} lists no value.")
        return ",".join(written)
    return _written(name, value)


def text_of(name: str, value: str | None) -> str | None:
    """Return a text; raise UsageError for anything else."""
    if value is None or isinstance(value, str):
        return value
    raise UsageError(f"{name} is {value!r}, which is not text.")


def one_of(name: str, value: str | None, known: Iterable[str]) -> str | None:
    """Return a word; raise UsageError for one that is not known."""
    words = [str(word) for word in known]
    if value is None or str(value) in words:
        return value if value is None else str(value)
    raise UsageError(
        f"{name} is {value!r}; use {' or '.join(filter(None, [', '.join(words[:-1]), words[-1]]))}."
    )


def _paths(name: str, value: Any) -> tuple[str, ...]:
    """Return one path or several; raise UsageError for what is none, as a search that found nothing."""
    if value is None:
        return ()
    several = [value] if isinstance(value, str | os.PathLike) else value
    if not isinstance(several, Iterable):
        raise UsageError(f"{name} is {value!r}, which is not a path.")
    found = tuple(path for one in several if (path := path_of(name, one)) is not None)
    if not found:
        raise UsageError(f"{name} lists nothing. Leave it out to draw without.")
    return found


def bounded(name: str, value: int | None, least: int, most: int | None = None) -> int | None:
    """Return a whole number; raise UsageError unless it is within the bounds. most: None for any."""
    if value is None:
        return None
    whole = _whole(name, value)
    if whole < least or (most is not None and whole > most):
        raise UsageError(
            f"{name} is {value}; use {least:,} {'or more' if most is None else f'to {most:,}'}."
        )
    return whole


def path_of(name: str, value: str | os.PathLike[str] | None) -> str | None:
    """Return a path as text; raise UsageError for what is none."""
    return text_of(name, os.fsdecode(value) if isinstance(value, os.PathLike) else value)


#: How arguments become options, of those that are not taken as they are.
_READ: Mapping[str, Callable[[str, Any], Any]] = {
    "guidance_scale": several,
    "scheduler": several,
    "rng": several,
    "variant": several,
    "batch": text_of,
    "negative_prompt": text_of,
    "compute_unit": text_of,
    "path_template": text_of,
    "strength": several,
    "eta": several,
    "mask": path_of,
    "original_size": text_of,
    "crop": text_of,
    "model": path_of,
    "wildcards": path_of,
    "priority": partial(one_of, known=Priority),
    "annotate": partial(one_of, known=Annotator),
    "dynamic": partial(one_of, known=_MODES),
    "image_format": partial(one_of, known=ImageFormat),
    "random_seeds": partial(bounded, least=1, most=100_000),
    "dynamic_seed": partial(bounded, least=0, most=MAX_SEED),
    "max_images": partial(bounded, least=1, most=10_000_000),
    "quality": partial(bounded, least=1, most=100),
}


def options_of(
    prompts: Prompts,
    *,
    seeds: Seeds | None,
    steps: Number | None,
    num_inference_steps: Number | None,
    init_image: Any,
    controlnet: Any,
    format: str | None,
    meta: Mapping[str, Any] | None,
    **others: Any,
) -> SubmitOptions:
    """Return the options that arguments of `Queue.submit` mean.

    others: those of the same name.

    Raise UsageError or InputError for what the command line could not say.
    """
    if steps is not None and num_inference_steps is not None:
        raise UsageError("steps and num_inference_steps mean the same. Leave one out.")
    files, objects = prompts_of(prompts)
    return SubmitOptions(
        files=files,
        objects=objects,
        seeds=seeds_of(seeds),
        num_inference_steps=several("steps", num_inference_steps if steps is None else steps),
        init_images=_paths("init_image", init_image),
        controlnets=_paths("controlnet", controlnet),
        prompt_format=one_of("format", format, _FORMATS),
        meta=_fields(meta),
        **{
            name: _READ[name](name, value) if name in _READ else value
            for name, value in others.items()
        },
    )


@contextlib.contextmanager
def in_python() -> Iterator[None]:
    """Let messages name Python's arguments; of those about prompts only advice, as they quote what was written."""
    try:
        yield
    except PromptFileError as error:
        raise PromptFileError(
            [_ADVICE.sub(_advised, problem) for problem in error.problems]
        ) from None
    except SdqError as error:
        said = renamed(str(error))
        if said == str(error):
            raise
        raise type(error)(said) from None


def renamed(message: str) -> str:
    """Return a message with Python's arguments in place of the options of `sdq submit`."""
    known = {*SubmitOptions.__dataclass_fields__, *_RENAMED, "steps", "format", "outputs"}

    def name(option: re.Match[str]) -> str:
        argument = option[1].replace("-", "_")
        return _RENAMED.get(argument, argument) if argument in known else option[0]

    return _OPTION.sub(name, message)


def _advised(advice: re.Match[str]) -> str:
    return renamed(advice[0])


def _fields(meta: Mapping[str, Any] | None) -> JSON:
    from producer.reading.objects import as_json

    if meta is not None and not isinstance(meta, Mapping):
        raise UsageError(f"meta is {meta!r}, which is not a dictionary.")
    with value_of("meta"):
        return as_json(meta or {})


def _whole(name: str, value: Any) -> int:
    if hasattr(value, "__index__"):
        return int(value.__index__())
    raise InputError(f"{name} has {value!r}, which is not a whole number")


def _written(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if hasattr(value, "__index__"):
        return str(int(value.__index__()))
    if hasattr(value, "__float__"):
        return repr(float(value))
    raise InputError(f"{name} has {value!r}, which is not a number")
