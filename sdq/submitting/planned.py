"""What is asked for, checked against models and ledger: a plan that can be stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from db.ledger import Ledger
from db.values import BatchPlan
from producer import plan_batch
from producer.planning.choice import Choice
from producer.planning.chooser import Chooser
from producer.planning.collisions import check_paths
from producer.planning.measurements import Measurements
from producer.planning.pictures import Pictures
from producer.reading.prompt_line import PromptLine
from sdq.submitting.files import filing_for
from sdq.submitting.request import Request, model_name
from sdq_core.images.filing import Filing
from sdq_core.inputs.store import InputStore
from sdq_core.models import ModelStore, resolver
from sdq_core.models.controlnet import ControlNets
from sdq_core.models.outdated import outdated_variants
from sdq_core.settings import Settings
from sdq_core.values.machine import this_machine
from sdq_core.values.variants import RecipeVariant


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A submission before anything is stored.

    choices: what was decided where variant or compute unit is auto.
    outdated: variants at a revision that is no longer here; what the plan asks for anew takes their images' places.
    filing: how the batch's files are named and encoded.
    """

    plan: BatchPlan
    choices: list[Choice]
    outdated: Collection[RecipeVariant]
    filing: Filing

    def describe_choices(self) -> list[str]:
        """Return a sentence for each choice that needs one."""
        return [sentence for choice in self.choices if (sentence := choice.describe())]

    def describe_files(self, *, drawn: int) -> list[str]:
        """Return sentences about the files, if they are not the default; drawn: images drawn for other batches."""
        if self.filing.is_default:
            return []
        said = [f"Its files: {self.filing.describe()}."]
        if drawn:
            said.append(
                "The image that is already drawn keeps its file."
                if drawn == 1
                else f"The {drawn:,} images that are already drawn keep their files."
            )
        return said


def plan_request(
    settings: Settings,
    request: Request,
    ledger: Ledger | None,
    *,
    store: ModelStore | None = None,
) -> Planned:
    """Check the request against the models; nothing is stored or queued yet.

    ledger: None if there is none, and so no measurements and no batches.
    store: the models, where they were read before.
    """
    store = store or ModelStore(settings.models)
    source = request.source
    batch, name = None, request.defaults.batch_name or source.name
    if ledger:
        asked = request.defaults.batch_name, source.name, source.text
        batch = ledger.submissions.batch_options(*asked)
        name = ledger.submissions.batch_name(*asked)
    filing = filing_for(request.options, request.preferences, batch, name)
    defaults = request.defaults_for(batch)
    chooser = Chooser(
        Measurements(
            store,
            benchmarks=ledger.benchmarks.newest if ledger else lambda _: (),
            machine=this_machine,
        ),
        batch,
    )
    known = ledger.variants.known().values() if ledger else ()
    plan = plan_batch(
        _with_whole_paths(request.take_lines(), settings.models),
        defaults,
        resolver(store, known),
        choose=chooser,
        pictures=Pictures(InputStore(settings.inputs)),
        controlnets=ControlNets(settings.models),
        source_name=source.name,
        source=source.text,
        remarks=request.remarks,
        max_images=request.max_images,
    )
    check_paths(
        plan.entries,
        filing,
        name,
        lambda: ledger.submissions.known_entries(name) if ledger and batch else (),
    )
    options = {**plan.options, **request.recorded, **filing.to_options()}
    plan = replace(plan, options=options)
    wanted = {entry.recipe.variant for entry in plan.entries}
    return Planned(
        plan=plan,
        choices=chooser.choices,
        outdated=outdated_variants(store, wanted, known),
        filing=filing,
    )


def _with_whole_paths(lines: Iterable[PromptLine], models: Path) -> Iterator[PromptLine]:
    """Yield the lines with their models' names, or with whole paths: workers run in other folders."""

    @cache
    def whole(name: str) -> str:
        return model_name(name, models)

    for line in lines:
        name = whole(line.model) if line.model else line.model
        yield line if name == line.model else replace(line, model=name)
