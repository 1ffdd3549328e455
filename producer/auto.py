"""`auto`: which variant and compute unit are drawn with where nobody said it.

Decided once, when a batch first needs it, and kept with the batch: both determine the pixels, so a file that is
submitted again after something faster was measured must not become a second copy of all its images. In this order:

1. what the batch has: its first submission's own words, else what was chosen for it before;
2. of what was measured on a machine like this one (chip and system build), the fastest whose packages are here and
   unchanged (`db.benchmarks.fastest`);
3. nothing of it having been measured here (a machine that only submits, say): that with which the other machines of
   the ledger, together, draw most images an hour;
4. `original` on ALL, or where a model is not here as `original`, the first that is.

What was said holds: with only a variant or only a compute unit given, the choice is among what fits it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from db.benchmarks import fastest
from db.values import JSON, Benchmark
from sdq_core.errors import InputError, InputMissingError
from sdq_core.models import VariantFolder
from sdq_core.values.machine import Machine
from sdq_core.values.variants import ANY, AttentionImplementation, ComputeUnit, Whichever

#: An attention implementation and a compute unit.
Pair = tuple[AttentionImplementation, ComputeUnit]

#: Variants as they were said, `any` among them perhaps; None for auto.
Said = tuple["AttentionImplementation | Whichever", ...] | None

#: What a line's images are drawn with; `any` leaves both to the worker.
Wanted = Pair | tuple[Whichever, None]

#: Decides with what a line of a model is drawn: the variants and the compute unit that were said, None for auto.
Choose = Callable[[str, Said, "ComputeUnit | None"], Sequence[Wanted]]

AUTO = "auto"


class Because(StrEnum):
    """Why something was chosen."""

    BATCH = "batch"
    MEASURED = "measured"
    MEASURED_ELSEWHERE = "measured_elsewhere"
    UNMEASURED = "unmeasured"


_MEASURED = (Because.MEASURED, Because.MEASURED_ELSEWHERE)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One decision. instead: what would be chosen for a new batch, where that was measured and is something else."""

    model: str
    pair: Pair
    because: Because
    instead: Pair | None = None

    def to_dict(self) -> dict[str, str]:
        """Give it for JSON."""
        return {
            "model": self.model,
            "variant": str(self.pair[0]),
            "compute_unit": str(self.pair[1]),
            "because": str(self.because),
        }

    def describe(self) -> str | None:
        """Say it in a sentence or two; None where it goes without saying."""
        what = f"{self.model} is drawn with {_words(self.pair)}"
        if self.because is Because.MEASURED:
            return f"{what}, the fastest that was measured here."
        if self.because is Because.MEASURED_ELSEWHERE:
            return f"{what}, the fastest for the machines that were measured; this one was not."
        if self.because is Because.BATCH and self.instead:
            attention, unit = self.instead
            return (
                f"{what}, as its batch was begun. {_words(self.instead)} was measured as faster since: for new images "
                f"name another --batch, or say --variant {attention} --compute-unit {unit}."
            )
        return None


def unmeasured(_model: str, variants: Said, unit: ComputeUnit | None) -> Sequence[Wanted]:
    """Choose as if nothing had ever been measured: `original` on ALL."""
    original = (AttentionImplementation.ORIGINAL,)
    return [
        (attention, None) if attention is ANY else (attention, unit or ComputeUnit.ALL)
        for attention in variants or original
    ]


class AutoChoice:
    """Chooses for one submission; satisfies `Choose`.

    find: resolves a variant's folder, or raises InputMissingError or InputError. here: the attention implementations
    of a model that are on this disk. measured: a model's benchmarks, by `Benchmarks.newest`. batch: the options of the
    batch that is submitted to, None for a new one.
    """

    def __init__(
        self,
        *,
        find: Callable[[str, AttentionImplementation], VariantFolder],
        here: Callable[[str], Sequence[AttentionImplementation]],
        measured: Callable[[str], Sequence[Benchmark]],
        machine: Callable[[], Machine],
        batch: Mapping[str, JSON] | None,
    ) -> None:
        self._find = find
        self._here = here
        self._measured = measured
        self._machine = machine
        batch = batch or {}
        # What the batch's first submission said itself, and what was chosen for it.
        self._own_variants: tuple[AttentionImplementation | Whichever, ...] = tuple(
            ANY if word == ANY else AttentionImplementation(word)
            for word in batch.get("variants") or ()
        )
        self._own_unit = ComputeUnit(batch["compute_unit"]) if batch.get("compute_unit") else None
        self._kept: Mapping[str, Mapping[str, str]] = batch.get("chosen") or {}
        self._choices: dict[tuple[str, str], Choice] = {}
        self._noted: dict[tuple[str, str], Choice] = {}
        self._benchmarks: dict[str, Sequence[Benchmark]] = {}

    def __call__(
        self,
        model: str,
        variants: Said,
        unit: ComputeUnit | None,
    ) -> Sequence[Wanted]:
        """Give what each of a line's images is drawn with, once for each pair."""
        said = variants
        if said is None and self._own_variants and not (unit and ANY in self._own_variants):
            said = self._own_variants
        if said is not None and ANY in said:
            named = tuple(word for word in said if word is not ANY)
            rest = self._named(model, named, unit, variants=named) if named else []
            return [(ANY, None), *rest]
        return self._named(model, said or (None,), unit, variants=variants)

    def _named(
        self,
        model: str,
        wanted: Sequence[AttentionImplementation | Whichever | None],
        unit: ComputeUnit | None,
        *,
        variants: Said,
    ) -> Sequence[Pair]:
        """Decide about variants that are named, or None. variants: what was said now, without the batch's own words."""
        wanted_unit = unit or self._own_unit
        pairs = [
            (attention, wanted_unit)
            if attention is not None and wanted_unit is not None
            else self._choice(model, attention, wanted_unit).pair
            for attention in wanted
            if not isinstance(attention, Whichever)
        ]
        if (variants, unit) != (None if None in wanted else tuple(wanted), wanted_unit):
            asked = [word for word in variants or (None,) if not isinstance(word, Whichever)]
            self._note_what_the_batch_said(model, asked, unit, pairs)
        return pairs

    @property
    def choices(self) -> list[Choice]:
        """All that was decided or is worth a word, in the order in which it came up."""
        return list(dict.fromkeys([*self._choices.values(), *self._noted.values()]))

    def to_keep(self) -> dict[str, dict[str, str]]:
        """Give what was chosen as `BatchPlan.chosen` holds it: model -> what was asked -> the answer."""
        kept: dict[str, dict[str, str]] = {}
        for (model, asked), choice in self._choices.items():
            kept.setdefault(model, {})[asked] = " ".join(choice.pair)
        return kept

    def _choice(
        self, model: str, attention: AttentionImplementation | None, unit: ComputeUnit | None
    ) -> Choice:
        asked = _asked(attention, unit)
        if (model, asked) not in self._choices:
            fresh = self._fresh(model, attention, unit)
            kept = self._kept_pair(model, attention, unit)
            if kept is not None and kept != fresh.pair:
                fresh = Choice(
                    model=model,
                    pair=kept,
                    because=Because.BATCH,
                    instead=fresh.pair if fresh.because in _MEASURED else None,
                )
            self._choices[model, asked] = fresh
        return self._choices[model, asked]

    def _note_what_the_batch_said(
        self,
        model: str,
        variants: Sequence[AttentionImplementation | None],
        unit: ComputeUnit | None,
        pairs: Sequence[Pair],
    ) -> None:
        for attention in variants:
            asked = _asked(attention, unit)
            if (model, asked) not in self._noted:
                fresh = self._fresh(model, attention, unit)
                better = fresh.because in _MEASURED and fresh.pair not in pairs
                self._noted[model, asked] = Choice(
                    model=model,
                    pair=pairs[0],
                    because=Because.BATCH,
                    instead=fresh.pair if better else None,
                )

    def _kept_pair(
        self, model: str, attention: AttentionImplementation | None, unit: ComputeUnit | None
    ) -> Pair | None:
        """Give what the batch was begun with: for the same question, else for the open one where it fits."""
        kept = self._kept.get(model, {})
        for asked in (_asked(attention, unit), _asked(None, None)):
            if asked in kept:
                words = kept[asked].split()
                pair = AttentionImplementation(words[0]), ComputeUnit(words[1])
                if _fits(pair, attention, unit):
                    return pair
        return None

    def _fresh(
        self, model: str, attention: AttentionImplementation | None, unit: ComputeUnit | None
    ) -> Choice:
        """Choose as for a new batch."""
        usual = self._unmeasured(model, attention, unit)
        if model not in self._benchmarks:
            self._benchmarks[model] = [row for row in self._measured(model) if self._is_here(row)]
        fitting = [row for row in self._benchmarks[model] if _fits(_pair_of(row), attention, unit)]
        pair, because = usual, Because.UNMEASURED
        if fitting:
            machine = self._machine()
            here = {_pair_of(row): row for row in fitting if row.machine.is_like(machine)}
            others = [row for row in fitting if row.machine.host != machine.host]
            if winner := fastest(here.values(), usual):
                pair, because = _pair_of(winner), Because.MEASURED
            elif best := _best_for_all(others):
                pair, because = best, Because.MEASURED_ELSEWHERE
        return Choice(model=model, pair=pair, because=because)

    def _unmeasured(
        self, model: str, attention: AttentionImplementation | None, unit: ComputeUnit | None
    ) -> Pair:
        if attention is None:
            here = self._here(model)
            usual = AttentionImplementation.ORIGINAL
            attention = here[0] if here and usual not in here else usual
        return attention, unit or ComputeUnit.ALL

    def _is_here(self, measured: Benchmark) -> bool:
        """Whether what was measured is on this disk, unchanged."""
        variant = measured.variant
        try:
            found = self._find(variant.model, variant.attention_implementation)
        except (InputError, InputMissingError):
            return False
        return found.revision == variant.revision


def _best_for_all(measured: Sequence[Benchmark]) -> Pair | None:
    """Give that with which several machines, together, draw most images an hour."""
    newest = {(row.machine.host, _pair_of(row)): row for row in measured}
    hourly: dict[Pair, float] = defaultdict(float)
    for (_, pair), row in newest.items():
        if row.usable and row.usual_image_ms:
            hourly[pair] += 3_600_000 / row.usual_image_ms
    return max(hourly, key=lambda pair: hourly[pair]) if hourly else None


def _asked(attention: AttentionImplementation | None, unit: ComputeUnit | None) -> str:
    return f"{attention or AUTO} {unit or AUTO}"


def _fits(pair: Pair, attention: AttentionImplementation | None, unit: ComputeUnit | None) -> bool:
    return attention in (None, pair[0]) and unit in (None, pair[1])


def _pair_of(measured: Benchmark) -> Pair:
    return measured.variant.attention_implementation, measured.variant.compute_unit


def _words(pair: Pair) -> str:
    return f"{pair[0]} on {pair[1]}"
