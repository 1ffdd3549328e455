"""The plan of a draft, the same that `sdq submit --dry-run` makes, and its way into ledger and queues.

Planned again, a draft gives the same images, and a batch is known by what was sent: whoever presses a button twice, or
sends the same prompts again, adds nothing.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from db.ledger import Ledger
from db.values import Submission
from producer import PromptSource, describe_source
from sdq.data_folder import refuse_absent_drive
from sdq.submitting.options import SubmitOptions
from sdq.submitting.outlook import Outlook, try_out
from sdq.submitting.planned import Planned, plan_request
from sdq.submitting.request import Request, read_request
from sdq.submitting.submission import submit_plan
from sdq.web.drafts.asked import FIELD_OF, FieldError, options_of
from sdq.web.drafts.draft import Draft
from sdq.web.drafts.own_pictures import with_own_files
from sdq.web.drafts.words import in_words_of_the_form
from sdq_core.errors import (
    ConfigurationError,
    InputError,
    InputMissingError,
    PromptFileError,
    TryAgainError,
    UsageError,
    group_by_cause,
)
from sdq_core.models import ModelStore
from sdq_core.printable import printable
from sdq_core.settings import Settings

#: As in the HTTP interface; more would hold up everybody else's pages.
MOST_PROMPTS = 50_000
_PROBLEMS = 20
_PATIENCE_S = 20.0
_OPTION = re.compile(r"(--[a-z-]+): (.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a draft cannot be planned.

    sentence: what is wrong with all of it; empty if there is more to say.
    fields: what is wrong with fields of the form, by their names.
    lines: what is wrong with lines, the first ones. more: how many others.
    """

    sentence: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[str] = ()
    more: int = 0


class DraftRefusedError(InputError):
    """A draft cannot be planned as it is."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.sentence or "The draft cannot be planned.")
        self.refusal = refusal


class Planner:
    """Plans drafts for one server, one at a time: a large one takes its memory."""

    def __init__(self, settings: Settings, models: ModelStore) -> None:
        self._settings = settings
        self._models = models
        self._turn = threading.Lock()

    def models(self) -> tuple[str, ...]:
        """Return the names of the models that may be asked for, the preferred one first."""
        return tuple(dict.fromkeys((self._settings.preferences.model, *self._models.names())))

    def try_out(self, draft: Draft, ledger: Ledger | None) -> Outlook:
        """Return what a draft would add and cost; raise DraftRefusedError. ledger: None if there is none yet."""
        with self._planned(draft, ledger) as (request, planned):
            return try_out(self._settings, request, planned, ledger)

    def store(self, draft: Draft, ledger: Ledger) -> Submission:
        """Store and queue a draft; raise DraftRefusedError, and as `submit_plan`."""
        with self._planned(draft, ledger) as (_, planned):
            return submit_plan(self._settings, ledger, planned.plan, outdated=planned.outdated)

    @contextmanager
    def _planned(self, draft: Draft, ledger: Ledger | None) -> Iterator[tuple[Request, Planned]]:
        if not self._turn.acquire(timeout=_PATIENCE_S):
            raise TryAgainError("Another submission is being planned. Try again in a moment.")
        try:
            yield self._plan(draft, ledger)
        finally:
            self._turn.release()

    def _plan(self, draft: Draft, ledger: Ledger | None) -> tuple[Request, Planned]:
        try:
            request = self._request(draft)
            return request, plan_request(self._settings, request, ledger, store=self._models)
        except PromptFileError as error:
            found = group_by_cause(error.problems)
            raise DraftRefusedError(
                Refusal(
                    lines=[shown(draft, problem) for problem in found[:_PROBLEMS]],
                    more=max(0, len(found) - _PROBLEMS),
                )
            ) from None
        except FieldError as error:
            raise DraftRefusedError(Refusal(fields={error.field: sentence(str(error))})) from None
        except (InputError, UsageError, InputMissingError, ConfigurationError) as error:
            raise DraftRefusedError(_refusal(draft, error)) from None

    def _request(self, draft: Draft) -> Request:
        refuse_absent_drive(self._settings)
        names = self.models()
        options = options_of(draft, self._settings, names)
        if not options.files:
            raise FieldError("prompts", "write a prompt, or choose a file of prompts")
        request = read_request(
            options, self._settings, seed_key=draft.id, most_prompts=MOST_PROMPTS
        )
        if len(request.lines) > MOST_PROMPTS:
            most = f"a page takes {MOST_PROMPTS:,} prompts; use `sdq submit` for more"
            raise FieldError("prompts", most)
        lines = with_own_files(request.lines, draft.pictures, names)
        return replace(request, lines=lines, source=_source(draft, options))


def shown(draft: Draft, text: str) -> str:
    """Return a sentence for who sent a draft: without the folder of its files, and in the words of the form."""
    for folder in dict.fromkeys((str(draft.folder), printable(str(draft.folder)))):
        text = text.replace(f"{folder}/files/wildcards", "wildcards in the data folder")
        text = text.replace(f"{folder}/wildcards", "wildcards in the data folder")
        text = text.replace(f"{folder}/files/", "").replace(f"{folder}/typed.txt:", "line ")
        text = text.replace(f"{folder}/typed.txt", "The text")
    return in_words_of_the_form(text)


def sentence(clause: str) -> str:
    """Return a clause as a sentence."""
    return f"{clause[:1].upper()}{clause[1:]}{'' if clause.endswith(('.', '?', '!')) else '.'}"


def _refusal(draft: Draft, error: Exception) -> Refusal:
    if (option := _OPTION.fullmatch(str(error))) and (name := FIELD_OF.get(option[1])):
        return Refusal(fields={name: sentence(shown(draft, option[2]))})
    return Refusal(sentence=sentence(shown(draft, str(error))))


def _source(draft: Draft, options: SubmitOptions) -> PromptSource:
    """Return where the prompts come from: known by what was sent, named after the first file."""
    digest = hashlib.sha256()
    for path in draft.prompt_files:
        digest.update(f"{path.name}\n".encode(errors="replace"))
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    names = [path.name for path in draft.prompt_files if path != draft.typed_file]
    shown_names = ", ".join([*(["typed prompts"] if draft.typed.strip() else []), *names])
    name = (
        describe_source([options.files[0]]).name if names and not draft.typed.strip() else "prompts"
    )
    return PromptSource(name=name, text=f"{shown_names} ({digest.hexdigest()[:12]}), by sdq web")
