"""Draws the demo model in every variant on every compute unit, and compares with recorded images.

Each is drawn by an engine of its own, as in `sdq worker`. Translated and compiled models go to a temporary folder, so
that every run covers the whole way from package to image and leaves nothing behind.

How similar is similar enough? The references come from the portable runtime, which computes in float32; Core ML
computes in float16 on GPU and Neural Engine. Its results there were **not measured, for lack of a Mac**. What was
measured are six images of the demo model of November 2026, 10 steps each, with noise of a given PSNR added to every
output of every network at every call:

    outputs, dB    rounded to float16    60          50          45          40          35
    images, dB     61 to 65              41 to 54    34 to 47    26 to 42    27 to 36    22 to 30

Another seed's image was at 17 to 28 dB (the seeds of that model look similar), another prompt's at 7 to 14, a black one
at 4 to 9. Apple's converter accepts outputs of 35 dB, which after ten steps is as far off as another seed. Hence 30 dB:
more than any wrong image reached, less than what outputs of 50 dB lead to. The recording script only takes images that
keep a margin of 5 dB on either side.
"""

from __future__ import annotations

import importlib.util
import math
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from sdq.doctor.proof import Proof, prove
from sdq.doctor.references import Reference, references
from sdq.doctor.report import Fact, Section
from sdq.doctor.runtimes import missing_runtime
from sdq_core.errors import DrawError, PackageError, SdqError
from sdq_core.models import DEMO, ModelStore, VariantFolder
from sdq_core.settings import Settings
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from worker.runtimes.installing import how_to_install

#: dB; see above.
ALIKE_DB = 30.0

#: What each runtime with only one processor computes on.
_ON = {"onnx": "the CPU", "openvino": "the CPU", "cuda": "the GPU"}


def drawing(
    settings: Settings, units: Collection[ComputeUnit], say: Callable[[str], None]
) -> Section:
    """Draw on these compute units, at least one; `say` is told what is being drawn."""
    missing = missing_runtime(
        sys.platform, sys.version_info[:2], lambda name: importlib.util.find_spec(name) is not None
    )
    if missing is not None:
        return missing
    try:
        wanted = references()
    except SdqError as error:
        return Section(title="Drawing", problems=[str(error)])
    try:
        cache = tempfile.TemporaryDirectory(prefix="sdq-doctor-", ignore_cleanup_errors=True)
    except OSError as error:
        return Section(
            title="Drawing",
            problems=[
                f"Cannot create a temporary folder ({error.strerror}). Free some disk space, or set TMPDIR to another "
                "folder."
            ],
        )
    facts: list[Fact] = []
    problems: list[str] = []
    runtimes: set[str] = set()
    store = ModelStore(settings.models)
    with cache:
        for attention in AttentionImplementation:
            if attention not in wanted and store.folder_of(DEMO, attention) is None:
                continue
            try:
                folder = _demo(store, attention, wanted.get(attention, ()))
            except SdqError as error:
                problems.append(f"The demo model ({attention}): {error}")
                continue
            for unit in _units(units, runtimes):
                say(f"Drawing the demo model, {attention} on {unit} ...")
                try:
                    proof = prove(
                        folder, wanted[attention], unit, Path(cache.name), settings.runtime
                    )
                except SdqError as error:
                    problems.append(f"The demo model, {attention} on {unit}: {with_advice(error)}")
                    continue
                runtimes.add(proof.runtime)
                where = _ON.get(proof.runtime, str(unit))
                facts.append(proof_fact(f"{attention} on {where}", proof, expected_db=ALIKE_DB))
                if proof.likeness_db < ALIKE_DB:
                    problems.append(_unlike(attention, unit, proof))
    return Section(
        title="Drawing", facts=facts, problems=problems, not_tried=_not_tried(units, runtimes)
    )


def _demo(
    store: ModelStore, attention: AttentionImplementation, wanted: Sequence[Reference]
) -> VariantFolder:
    """Return a variant of the demo model; raise PackageError unless it drew its reference images."""
    try:
        folder = store.find(DEMO, attention)
    except SdqError as error:
        raise PackageError(f"{error} Or reinstall sdq.") from error
    revisions = {reference.recipe.variant.revision for reference in wanted}
    if revisions != {folder.revision}:
        raise PackageError(
            f"Its files do not match its reference images (revision {folder.revision} instead of "
            f"{' or '.join(sorted(revisions)) or 'a recorded one'}), so some are damaged. Reinstall sdq; if you "
            "changed the model, run tools/record_doctor_references.py."
        )
    return folder


def _units(wanted: Collection[ComputeUnit], runtimes: set[str]) -> Iterator[ComputeUnit]:
    """Yield the first wanted unit, and the others unless what drew by then has only one processor."""
    first, *others = (unit for unit in ComputeUnit if unit in wanted)
    yield first
    if runtimes <= _ON.keys() and (runtimes or sys.platform != "darwin"):
        return
    yield from others


def _not_tried(wanted: Collection[ComputeUnit], runtimes: set[str]) -> list[str]:
    if runtimes and runtimes <= _ON.keys():
        (runtime,) = runtimes
        to_core_ml = f" For Core ML: {how_to_install()}." if sys.platform == "darwin" else ""
        return [f"Core ML's compute units: {runtime} only uses {_ON[runtime]}.{to_core_ml}"]
    left_out = [unit for unit in ComputeUnit if unit not in wanted]
    return [f"{', '.join(left_out)} (left out by --compute-unit)."] if left_out else []


def proof_fact(where: str, proof: Proof, *, expected_db: float) -> Fact:
    """Return what was proven, as a line. where: variant and unit."""
    alike = "identical" if math.isinf(proof.likeness_db) else f"{proof.likeness_db:.1f} dB"
    return Fact(
        name=where,
        text=f"{alike}, {proof.pipeline} over {proof.runtime}, loaded in {proof.load_s:.1f} s, {proof.picture_s:.2f} s "
        "per image",
        value={
            "psnr_db": None if math.isinf(proof.likeness_db) else round(proof.likeness_db, 1),
            "identical": math.isinf(proof.likeness_db),
            "expected_db": expected_db,
            "pipeline": proof.pipeline,
            "runtime": proof.runtime,
            "load_s": round(proof.load_s, 2),
            "picture_s": round(proof.picture_s, 3),
            "pictures": proof.pictures,
        },
    )


def _unlike(attention: AttentionImplementation, unit: ComputeUnit, proof: Proof) -> str:
    finding = (
        f"The demo model, {attention} on {unit}, draws a different image than expected: its PSNR against the "
        f"reference is {proof.likeness_db:.1f} dB, below the required {ALIKE_DB:.0f}."
    )
    if proof.runtime in _ON or unit is ComputeUnit.CPU_ONLY:
        return f"{finding} Reinstall sdq and its libraries; if that does not help, report it."
    return f"{finding} Avoid this compute unit (CPU_ONLY is the safest), and attach this report to a bug report."


def with_advice(error: SdqError) -> str:
    """Return an error's message, with the next step that a DrawError's lacks."""
    if not isinstance(error, DrawError):
        return str(error)
    return f"{error} Run `sdq doctor` again; if that does not help, use another compute unit and report it."
