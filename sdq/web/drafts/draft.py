"""Drafts, in `web/drafts` of the data folder: what a form was sent with, kept for a day.

    0f3a.../files/prompts.csv    as they were uploaded: prompt files, and the pictures that they name
    0f3a.../typed.txt            the prompts that were typed
    0f3a.../draft.json           {"fields": {"steps": "20"}, "files": ["prompts.csv"]}

The last one is written last, so a form that was interrupted is no draft. A draft is never changed: what is stored is
what was shown.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from producer.reading.files import PROMPT_ENDINGS
from sdq.web.api.uploads import MOST_BYTES_IN_ALL
from sdq.web.multipart import UploadedFile
from sdq_core.errors import InputError, InputMissingError
from sdq_core.images.store import growing_file, store_file
from sdq_core.inputs.formats import PICTURE_ENDINGS
from sdq_core.printable import printable
from sdq_core.values.names import one_spelling

MOST_FILES = 1000
_MOST_NAME_BYTES = 200
_KEPT_S = 24 * 3600

_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A form that was sent. fields: as they were sent. names: of its files, in their order."""

    id: str
    folder: Path
    fields: Mapping[str, str]
    names: Sequence[str] = ()

    @property
    def typed(self) -> str:
        """The prompts that were typed."""
        return self.fields.get("prompts", "")

    @property
    def prompt_files(self) -> Sequence[Path]:
        """The prompt files, those that were typed first."""
        files = [self.path(name) for name in self.names if not is_picture(name)]
        return [self.typed_file, *files] if self.typed.strip() else files

    @property
    def pictures(self) -> Mapping[str, Path]:
        """The pictures by their names, in one spelling."""
        return {one_spelling(name): self.path(name) for name in self.names if is_picture(name)}

    @property
    def typed_file(self) -> Path:
        """Where the prompts are that were typed."""
        return self.folder / "typed.txt"

    def path(self, name: str) -> Path:
        """Return where a file of it is."""
        return self.folder / "files" / name


class Drafts:
    """The drafts of a data folder."""

    def __init__(self, home: Path) -> None:
        """Touch nothing yet."""
        self._folder = home / "web" / "drafts"

    def add(
        self,
        fields: Mapping[str, str],
        files: Sequence[UploadedFile],
        former: Draft | None = None,
    ) -> Draft:
        """Keep what a form was sent with; raise InputError for files that cannot be used.

        former: whose files belong to it, too, but for those that were sent anew.
        """
        self._sweep()
        sent = {_name_of(file): file for file in files}
        if len(sent) < len(files):
            raise InputError("Two of the files have the same name. Give each its own.")
        names = tuple(dict.fromkeys((*(former.names if former else ()), *sent)))
        if len(names) > MOST_FILES:
            raise InputError(f"There are more than {MOST_FILES:,} files. Submit them in parts.")
        draft_id = secrets.token_hex(12)
        draft = Draft(
            id=draft_id,
            folder=self._folder / draft_id,
            fields=dict(fields),
            names=names,
        )
        for name in names:
            with contextlib.ExitStack() as stack:
                if name in sent:
                    source = sent[name].content
                    source.seek(0)
                else:
                    assert former is not None  # whose names the others are
                    source = stack.enter_context(former.path(name).open("rb"))
                shutil.copyfileobj(source, stack.enter_context(growing_file(draft.path(name))))
        if draft.typed.strip():
            store_file(draft.typed.encode(errors="replace"), draft.typed_file)
        about = {"fields": dict(fields), "files": list(names)}
        store_file(json.dumps(about).encode(), self._about(draft_id))
        return draft

    def find(self, draft_id: str) -> Draft:
        """Return a draft; raise InputMissingError if there is none of that id."""
        if _ID.fullmatch(draft_id):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                about = json.loads(self._about(draft_id).read_bytes())
                return Draft(
                    id=draft_id,
                    folder=self._folder / draft_id,
                    fields=about["fields"],
                    names=about["files"],
                )
        raise InputMissingError("This draft is no longer kept. Write it again.")

    def _about(self, draft_id: str) -> Path:
        return self._folder / draft_id / "draft.json"

    def _sweep(self) -> None:
        """Remove drafts that are a day old; raise InputError if the others fill their place."""
        total = 0
        for folder in self._folders():
            with contextlib.suppress(OSError):
                if folder.stat().st_mtime < time.time() - _KEPT_S:
                    shutil.rmtree(folder)
                    continue
                total += sum(file.stat().st_size for file in folder.rglob("*"))
        if total > MOST_BYTES_IN_ALL:
            raise InputError(
                f"What was uploaded since yesterday has more than {MOST_BYTES_IN_ALL:,} bytes. Submit large files with "
                f"`sdq submit`, or delete {self._folder}."
            )

    def _folders(self) -> Iterator[Path]:
        with contextlib.suppress(OSError):  # none was made yet
            yield from (one for one in self._folder.iterdir() if _ID.fullmatch(one.name))


def is_picture(name: str) -> bool:
    """Whether a file is a picture by its name."""
    return Path(name).suffix.lower() in PICTURE_ENDINGS


def _name_of(file: UploadedFile) -> str:
    """Return a file's name without folders; raise InputError for one that no file here may have."""
    name = one_spelling(file.name.replace("\\", "/").rpartition("/")[2])
    shown = repr(printable(name[:60]))
    is_odd = name != printable(name) or any(character in name for character in "\t\n")
    if name in {"", ".", ".."} or is_odd or len(name.encode()) > _MOST_NAME_BYTES:
        raise InputError(f"No file here can have the name {shown}. Give it another one.")
    if not is_picture(name) and Path(name).suffix.lower() not in PROMPT_ENDINGS:
        raise InputError(
            f"{shown} is neither a prompt file ({', '.join(PROMPT_ENDINGS)}) nor a picture. Save a sheet as CSV, a "
            "document as plain text."
        )
    return name
