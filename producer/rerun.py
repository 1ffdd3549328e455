"""What `sdq rerun` is given, as prompt lines: image files, folders of them, generation data, exported lines, batches.

sdq's own images are asked for exactly as their record says. Those of other tools are translated (`producer.foreign`).
Nothing stops at what is broken: it is collected in `problems`, one clause or sentence a file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from db.values import FinishedImage
from producer.again import lines_again, recipe_line
from producer.changes import Changes
from producer.foreign import comfyui, infotext
from producer.foreign.differences import Differences
from producer.foreign.embedded import MAX_TEXT_BYTES, embedded_texts
from producer.foreign.foreign_image import ForeignImage, Lost
from producer.foreign.json_text import json_object
from producer.foreign.readers import read_foreign
from producer.foreign.translation import Translation
from producer.reading.files import MAX_PROMPTS, read_prompts
from producer.reading.lines import STANDARD_INPUT, display_name, read_lines
from producer.reading.pasted import blocks
from producer.reading.prompt_line import PromptLine
from producer.reading.remarks import Remarks
from sdq_core.errors import InputError, InputMissingError, PackageError, PromptFileError
from sdq_core.images.infotext import Infotext, parse_infotext
from sdq_core.images.metadata import RECORD_KEY
from sdq_core.images.read import read_record
from sdq_core.printable import printable, quote
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import RecipeVariant

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif"})
_EXPORTED = frozenset({".jsonl", ".ndjson"})
_JSON, _TEXT = ".json", ".txt"
_PROMPTS = frozenset({".csv", ".tsv", ".yaml", ".yml", ".toml"})
KNOWN_SUFFIXES = IMAGE_SUFFIXES | _EXPORTED | _PROMPTS | {_JSON, _TEXT}


@dataclass(kw_only=True)
class _Own:
    """An image of sdq, with all seeds that were given of its recipe."""

    recipe: Recipe
    source: str
    seeds: list[int] = field(default_factory=list)

    def line(self) -> PromptLine:
        """Return the line that asks for them."""
        return recipe_line(self.recipe, self.seeds, self.source)


class Rerun:
    """Collects what is given, in its order.

    translation: of other tools' images.
    is_here: whether a model's files are those of a variant; raises InputMissingError or PackageError if there is no
        such variant at all.
    changes: what `--set` changes.
    differences, remarks: collect what the user should know.
    """

    def __init__(
        self,
        translation: Translation,
        is_here: Callable[[RecipeVariant], bool],
        *,
        changes: Changes,
        differences: Differences,
        remarks: Remarks,
    ) -> None:
        self.problems: list[str] = []
        self.tools: Counter[str] = Counter()
        self.leaves_open = False
        self._translation = translation
        self._is_here = is_here
        self._changes = changes
        self._differences = differences
        self._remarks = remarks
        self._found: list[PromptLine | _Own] = []
        self._own: dict[str, _Own] = {}

    def lines(self, with_seeds: Callable[[PromptLine], PromptLine]) -> list[PromptLine]:
        """Return the lines, changed, and with the seeds that are asked for."""
        lines = []
        for found in self._found:
            line = found.line() if isinstance(found, _Own) else found
            try:
                lines.append(with_seeds(self._changes.of(line)))
            except InputError as error:
                self.problems.append(f"{line.source}: {error}")
        return lines

    def add_batch(self, images: Iterable[FinishedImage]) -> int:
        """Add images of the ledger; return how many."""
        count = 0
        missing: set[int] = set()

        def drawable() -> Iterator[FinishedImage]:
            nonlocal count
            for image in images:
                count += 1
                entry = image.entry
                if entry in missing:
                    continue
                if self._look_for(image.recipe, f"prompt {entry}"):
                    yield image
                else:
                    missing.add(entry)

        self._found += lines_again(drawable())
        self.tools[infotext.OWN] += count
        return count

    def add_file(self, path: str, *, stdin: BinaryIO | None = None) -> None:
        """Add what a file, a folder or standard input (``-``) has."""
        suffix = Path(path).suffix.lower()
        if path == STANDARD_INPUT or suffix == _TEXT:
            self._add_text(path, stdin)
        elif Path(path).is_dir():
            self._add_folder(path)
        elif suffix in _EXPORTED or (suffix == _JSON and not self._add_workflow(path)):
            self._add_exported(path)
        elif suffix in _PROMPTS:
            self.problems.append(
                f"{printable(path)}: of lists only exported jsonl is read here; use sdq submit for prompts"
            )
        elif suffix != _JSON:
            self._add_image(Path(path))

    def _add_folder(self, path: str) -> None:
        before = len(self._found), len(self.problems), self.tools.total()

        def unreadable(error: OSError) -> None:
            self.problems.append(
                f"{printable(str(error.filename))}: the folder cannot be read ({error.strerror})"
            )

        for folder, inner, names in os.walk(path, onerror=unreadable):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(names):
                if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                    self._add_image(Path(folder, name))
        if before == (len(self._found), len(self.problems), self.tools.total()):
            self.problems.append(f"{printable(path)}: there is no image in this folder")

    def _add_image(self, path: Path) -> None:
        source = printable(str(path))
        try:
            texts = embedded_texts(path)
            foreign = None if RECORD_KEY in texts else read_foreign(texts)
        except InputError as error:
            self.problems.append(f"{source}: {error}")
            return
        if foreign is not None:
            self._add_foreign(foreign, source)
            return
        try:
            record = read_record(path)
        except (InputError, InputMissingError) as error:
            self.problems.append(str(error))  # a sentence that names the file
            return
        self._add_own(record.recipe, record.seed, source)

    def _add_own(self, recipe: Recipe, seed: int, source: str) -> None:
        if self._look_for(recipe, source):
            self.tools[infotext.OWN] += 1
            own = self._own.get(recipe.content_key)
            if own is None:
                own = self._own[recipe.content_key] = _Own(recipe=recipe, source=source)
                self._append(own, source)
            own.seeds.append(seed)

    def _look_for(self, recipe: Recipe, source: str) -> bool:
        """Say whether a recipe's model is here, unless `--set` names another; note it if it is another revision."""
        if not {"model", "variants"}.isdisjoint(self._changes.values):
            return True
        variant = recipe.variant
        try:
            if not self._is_here(variant):
                self._differences.note(Lost.REVISION, source, variant.model)
        except (InputMissingError, PackageError):
            self.problems.append(
                f"{source}: its model {quote(variant.model)} is not here as {variant.attention_implementation}; add it "
                "(sdq models), or draw with another: --set model=NAME, --set variant=NAME"
            )
            return False
        return True

    def _add_foreign(self, image: ForeignImage, source: str) -> None:
        line = self._translation.line(image, source, self.problems)
        if line is not None:
            self.tools[image.tool] += 1
            self.leaves_open = True
            self._append(line, source)

    def _append(self, found: PromptLine | _Own, source: str) -> None:
        if len(self._found) >= MAX_PROMPTS:
            said = f"{source}: more than {MAX_PROMPTS:,} prompts up to here; draw them in parts"
            raise PromptFileError([said])
        self._found.append(found)

    def _add_text(self, path: str, stdin: BinaryIO | None) -> None:
        """Add generation data as they are copied from galleries."""
        name = printable(display_name(path))
        before = len(self._found) + len(self.problems)
        lines = (
            (number, text.strip()) for number, text in read_lines(path, self.problems, stdin=stdin)
        )
        for block in blocks(lines):
            source = f"{name}:{block.number}"
            if block.wrong:
                self.problems.append(f"{source}: {block.wrong}")
            elif block.parameters is None:
                self.problems.append(
                    f"{source}: no settings (Steps: 20, Sampler: ...) follow this prompt; use sdq submit for prompts"
                )
            else:
                self._remarks.hints += [f"{source}: {hint}" for hint in block.hints]
                try:
                    said = Infotext(
                        prompt=block.text or "",
                        negative_prompt="\n".join(block.negative or ()),
                        pairs=parse_infotext(f"x\n{block.parameters}").pairs,
                    )
                    image = infotext.of_infotext(said)
                except InputError as error:
                    self.problems.append(f"{source}: {error}")
                else:
                    self._add_foreign(image, source)
        if before == len(self._found) + len(self.problems):
            self.problems.append(f"{name}:1: there are no generation data")

    def _add_workflow(self, path: str) -> bool:
        """Add a workflow of ComfyUI that was saved as JSON; return whether the file is one."""
        try:
            if Path(path).stat().st_size > MAX_TEXT_BYTES:
                return False
            document = json_object(Path(path).read_text(encoding="utf-8"), "text")
        except (InputError, OSError, ValueError):
            return False  # whoever reads prompts says what is wrong
        source = printable(path)
        try:
            image = comfyui.of_document(document)
        except InputError as error:
            self.problems.append(f"{source}: {error}")
            return True
        if image is None:
            return False
        self._add_foreign(image, source)
        return True

    def _add_exported(self, path: str) -> None:
        """Add the lines that an export wrote, or that were submitted."""
        try:
            lines = read_prompts([path], remarks=self._remarks)
        except PromptFileError as error:
            self.problems += error.problems
            return
        self._found += lines
        self.tools[infotext.OWN] += len(lines)
        self.leaves_open = True
