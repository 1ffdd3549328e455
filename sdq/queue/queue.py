"""The queue as Python's users have it: submit prompts, and find batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sdq.queue.arguments import Number, Prompts, Seeds, Word, in_python, options_of
from sdq.queue.batch import Batch
from sdq.queue.connections import Connections
from sdq.queue.submission import Submission, submission_of
from sdq_core.errors import InputMissingError
from sdq_core.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from sdq.submitting.options import SubmitOptions

#: How many batches are named where there is none of a name.
_NAMED = 5


class Queue:
    """Submits prompts and finds batches, with the same settings, ledger and queues as the command line.

    Nothing is opened before it is needed, and nothing is made before something is submitted. Close the queue, or use it
    in a `with` block, to end its connections; what is used afterwards opens them again. Threads may share a queue and
    all that comes from it. A forked process opens connections of its own, and a pickled queue opens them where it is.

    Methods raise what the command line would say, as errors of `sdq_core.errors` (`sdq.SdqError` and those below it).
    """

    def __init__(
        self,
        home: str | os.PathLike[str] | None = None,
        *,
        redis_url: str | None = None,
        database_url: str | None = None,
        outputs: str | os.PathLike[str] | None = None,
    ) -> None:
        """Read the settings: these arguments, else the environment, `sdq.toml` in the data folder, and the defaults.

        home: the data folder.
        redis_url, database_url: the queues and the ledger.
        outputs: the folder for images.

        Raise ConfigurationError for settings that cannot be used.
        """
        self._connections = Connections(
            read_settings(
                os.environ,
                {
                    "home": None if home is None else os.fsdecode(home),
                    "redis_url": redis_url,
                    "database_url": database_url,
                    "outputs": None if outputs is None else os.fsdecode(outputs),
                },
            )
        )

    @property
    def home(self) -> Path:
        """The data folder."""
        return self._connections.settings.home

    @property
    def outputs(self) -> Path:
        """The folder for images."""
        return self._connections.settings.outputs

    def submit(
        self,
        prompts: Prompts,
        *,
        seeds: Seeds | None = None,
        random_seeds: int | None = None,
        batch: str | None = None,
        steps: Number | None = None,
        num_inference_steps: Number | None = None,
        guidance_scale: Number | None = None,
        scheduler: Word | None = None,
        rng: Word | None = None,
        eta: Number | None = None,
        weighted: bool = False,
        negative_prompt: str | None = None,
        init_image: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
        strength: Number | None = None,
        mask: str | os.PathLike[str] | None = None,
        original_size: str | None = None,
        crop: str | None = None,
        controlnet: str | Iterable[str] | None = None,
        annotate: str | None = None,
        model: str | os.PathLike[str] | None = None,
        variant: Word | None = None,
        compute_unit: str | None = None,
        priority: str | None = None,
        at_front: bool = False,
        interleave: bool = False,
        meta: Mapping[str, Any] | None = None,
        format: str | None = None,
        literal: bool = False,
        dynamic: str | None = None,
        wildcards: str | os.PathLike[str] | None = None,
        dynamic_seed: int | None = None,
        max_images: int | None = None,
        strict: bool = False,
        path_template: str | None = None,
        image_format: str | None = None,
        quality: int | None = None,
        dry_run: bool = False,
    ) -> Submission:
        """Queue every prompt with every seed, as `sdq submit` does, and return; submitting again adds only what is new.

        prompts: one prompt, or a list of prompts; a dictionary or a list of them, with the keys of a jsonl file
            (`prompt`, `seed`, `custom_id`, `meta`, ...); or the `Path` of a prompt file, or several. A text is always a
            prompt, never a file.
        seeds: `range(100)`, `[1, 5]`, `7`, or text such as `0-99(+10)`; by default the one seed 0.
        random_seeds: how many to choose for each prompt instead.
        batch: its name, in which `{date}` and `{time}` are those of now; one that is there grows.
        steps, num_inference_steps: two names of the same. Lists of it, of `guidance_scale`, `scheduler` and `rng` draw
            every combination, and a list of `variant` draws with each.
        init_image: a picture to draw from, a folder or a pattern of pictures, or a list of them: each prompt is drawn
            from each. Lists of `strength` draw every combination, too.
        controlnet: a ControlNet and its picture as in `--controlnet`, such as "edges:photo.png:0.8", or a list of them.
        annotate: `canny` makes maps of those pictures.
        priority: `high`, `normal` or `low`.
        meta: your own fields for every prompt that has none of that name itself; `Image.record` has them.
        dry_run: store and queue nothing, and say what would be.

        The others are the options of the same names; docs/cli.md describes them.

        Raise PromptFileError with all prompts that cannot be used, UsageError, InputError or InputMissingError for
        arguments, ServiceUnavailableError if Redis or the database cannot be reached. Nothing is queued then.
        """
        with in_python():
            options = options_of(
                prompts,
                seeds=seeds,
                random_seeds=random_seeds,
                batch=batch,
                steps=steps,
                num_inference_steps=num_inference_steps,
                guidance_scale=guidance_scale,
                scheduler=scheduler,
                rng=rng,
                eta=eta,
                weighted=weighted,
                negative_prompt=negative_prompt,
                init_image=init_image,
                strength=strength,
                mask=mask,
                original_size=original_size,
                crop=crop,
                controlnet=controlnet,
                annotate=annotate,
                model=model,
                variant=variant,
                compute_unit=compute_unit,
                priority=priority,
                at_front=at_front,
                interleave=interleave,
                meta=meta,
                format=format,
                literal=literal,
                dynamic=dynamic,
                wildcards=wildcards,
                dynamic_seed=dynamic_seed,
                max_images=max_images,
                strict=strict,
                path_template=path_template,
                image_format=image_format,
                quality=quality,
            )
            return self._submit(options, dry_run=dry_run)

    def batches(self) -> list[Batch]:
        """Return all batches, the newest first."""
        ledger = self._connections.existing_ledger()
        statuses = ledger.batches.statuses() if ledger else []
        return [Batch(self._connections, status.id, status.name) for status in statuses]

    def batch(self, name: str | int) -> Batch:
        """Return the batch with that whole name, or that id; raise InputMissingError if there is none."""
        ledger = self._connections.existing_ledger()
        status = ledger.batches.find(name) if ledger else None
        if status is None:
            newest = ledger.batches.beginning_with("")[:_NAMED] if ledger else []
            raise InputMissingError(
                f"There is no batch {name!r}. The newest: {', '.join(newest) or 'none yet'}."
            )
        return Batch(self._connections, status.id, status.name)

    def close(self) -> None:
        """Close the queue's connections."""
        self._connections.close()

    def __enter__(self) -> Queue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<sdq.Queue of {self.home}>"

    def _submit(self, options: SubmitOptions, *, dry_run: bool) -> Submission:
        from sdq.submitting.outlook import outlook, try_out
        from sdq.submitting.planned import plan_request
        from sdq.submitting.request import read_request
        from sdq.submitting.submission import submit_plan

        settings = self._connections.settings
        request = read_request(options, settings)
        existing = self._connections.existing_ledger()
        planned = plan_request(settings, request, existing)
        if dry_run or options.strict:
            tried = try_out(settings, request, planned, existing)
            if options.strict:
                tried.require_space()
            if dry_run:
                return submission_of(tried, None)
        ledger = self._connections.ledger()
        added = submit_plan(settings, ledger, planned.plan, outdated=planned.outdated)
        batch = Batch(self._connections, added.batch_id, added.batch_name)
        return submission_of(outlook(settings, request, planned, added, ledger), batch)
