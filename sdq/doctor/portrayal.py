"""Draws a model's portrait on every compute unit and compares with the recorded one, or records it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from PIL import Image

from sdq.doctor.attempt import Attempt, attempt
from sdq.doctor.drawing import proof_fact, with_advice
from sdq.doctor.portraits import SEED, Portraits
from sdq.doctor.proof import Proof
from sdq.doctor.references import Reference
from sdq.doctor.report import Fact, Section
from sdq.doctor.runtimes import missing_runtime
from sdq_core.errors import SdqError
from sdq_core.images.pixels import psnr_db
from sdq_core.models import ModelStore, VariantFolder
from sdq_core.settings import Settings
from sdq_core.values.part_units import UnitRules
from sdq_core.values.quality import LEAST_PSNR_DB
from sdq_core.values.variants import AttentionImplementation, ComputeUnit


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is portrayed: variants of a model that are here."""

    model: str
    attentions: Sequence[AttentionImplementation]

    @classmethod
    def of(
        cls, settings: Settings, model: str, wanted: Sequence[AttentionImplementation]
    ) -> Subject:
        """Find a model's variants, all or those wanted; raise InputMissingError or PackageError without them."""
        store = ModelStore(settings.models)
        attentions = wanted or store.attention_implementations(model)
        for attention in attentions or [AttentionImplementation.ORIGINAL]:
            store.find(model, attention)
        return cls(model=model, attentions=attentions)


def portrayal(
    settings: Settings,
    subject: Subject,
    units: Collection[ComputeUnit],
    say: Callable[[str], None],
) -> Section:
    """Draw on these units, at least one; `say` is told what is being drawn."""
    missing = missing_runtime(
        sys.platform, sys.version_info[:2], lambda name: importlib.util.find_spec(name) is not None
    )
    if missing is not None:
        return missing
    store = ModelStore(settings.models)
    portraits = Portraits(folder=settings.portraits)
    found = _Findings(model=subject.model)
    for attention in subject.attentions:
        try:
            folder = store.find(subject.model, attention)
            known = portraits.find(folder)
            attempts = list(_attempts(settings, folder, known, units, say))
            portrait = known or _record(portraits, folder, attempts)
        except SdqError as error:
            found.problems.append(f"{subject.model} {attention}: {error}")
            continue
        if portrait is not None:
            found.add_portrait(attention, portrait, is_new=known is None)
        for each in attempts:
            if each.picture is None or portrait is None:
                found.add_failed(attention, each)
            else:
                found.add_drawn(attention, each, each.picture, portrait)
    return Section(title="Drawing", facts=found.facts, problems=found.problems)


def _attempts(
    settings: Settings,
    folder: VariantFolder,
    known: Reference | None,
    units: Collection[ComputeUnit],
    say: Callable[[str], None],
) -> Iterator[Attempt]:
    """Draw on each unit, as a worker does that has not learnt anything; on the first alone if it is the only one."""
    rules = UnitRules(chosen=settings.part_units)
    for unit in (unit for unit in ComputeUnit if unit in units):
        say(f"Drawing {folder.model}, {folder.attention_implementation} on {unit} ...")
        recipe, seed = (
            (known.recipe, known.seed) if known else (Portraits.recipe(folder, unit), SEED)
        )
        found = attempt(
            folder, recipe, seed, unit, cache=settings.cache, rules=rules, runtime=settings.runtime
        )
        yield found
        if not found.has_others:
            return


def _record(
    portraits: Portraits, folder: VariantFolder, attempts: Sequence[Attempt]
) -> Reference | None:
    """Keep the picture of the CPU, which updates break least, or else the first; None without any."""
    drawn = [(each, each.picture) for each in attempts if each.picture is not None]
    drawn.sort(key=lambda one: one[0].unit is not ComputeUnit.CPU_ONLY)
    for one, picture in drawn:
        return portraits.keep(folder, one.unit, picture, one.runtime)
    return None


@dataclass(kw_only=True)
class _Findings:
    model: str
    facts: list[Fact] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add_portrait(
        self, attention: AttentionImplementation, portrait: Reference, *, is_new: bool
    ) -> None:
        """Say what is compared with: pictures of the first time prove only that the units agree."""
        unit, system = portrait.recipe.variant.compute_unit, portrait.provenance.get("os", "")
        when = "recorded now" if is_new else "recorded before"
        self.facts.append(
            Fact(
                name=f"{self.model} {attention} portrait",
                text=f"{when}, on {unit}, {system}: {portrait.path}",
                value={"path": str(portrait.path), "new": is_new, "compute_unit": str(unit)},
            )
        )

    def add_failed(self, attention: AttentionImplementation, failed: Attempt) -> None:
        """Add a unit on which nothing could be drawn."""
        where, error = self._where(attention, failed), failed.error
        assert error is not None
        self.facts.append(Fact(name=where, text=f"failed, {error}", value={"error": str(error)}))
        self.problems.append(f"{where}: {with_advice(error)}")

    def add_drawn(
        self,
        attention: AttentionImplementation,
        drawn: Attempt,
        picture: Image.Image,
        portrait: Reference,
    ) -> None:
        """Add a unit's picture, and a problem if it is another one."""
        same_size = picture.size == portrait.picture.size
        likeness_db = psnr_db(picture, portrait.picture) if same_size else 0.0
        where = self._where(attention, drawn)
        proof = Proof(
            pipeline=drawn.pipeline,
            runtime=drawn.runtime,
            load_s=drawn.load_s,
            picture_s=drawn.picture_s,
            pictures=1,
            likeness_db=likeness_db,
        )
        self.facts.append(proof_fact(where, proof, expected_db=LEAST_PSNR_DB))
        if likeness_db < LEAST_PSNR_DB:
            next_step = (
                "Draw on another compute unit"
                if drawn.has_others and drawn.unit is not ComputeUnit.CPU_ONLY
                else "Reinstall sdq and its libraries, and report it if that does not help"
            )
            self.problems.append(
                f"{where} draws another picture than its portrait: {likeness_db:.1f} dB, "
                f"{LEAST_PSNR_DB:.0f} or more expected. {next_step}. If it is the portrait that is wrong, delete "
                f"{portrait.path} and run this again."
            )

    def _where(self, attention: AttentionImplementation, one: Attempt) -> str:
        return f"{self.model} {attention} on {one.unit if one.has_others else 'the CPU'}"
