"""Draws the demo model in every variant on every compute unit, and compares with recorded pictures.

Each is drawn by an engine of its own, as `sdq worker` does it. What is made ready for it goes to a temporary folder:
the whole way from the package to the picture is walked every time, and nothing stays.

How alike is alike enough? The references come from the portable runtime, which computes in float32; Core ML computes
in float16 on GPU and Neural Engine. What it gives there was **not measured: no Mac was at hand**. Measured were six
pictures of the demo model of November 2026, 10 steps each, with noise of a given PSNR on every output of every
network at every call:

    outputs, dB    rounded to float16    60          50          45          40          35
    pictures, dB   61 to 65              41 to 54    34 to 47    26 to 42    27 to 36    22 to 30

Another seed's picture was at 17 to 28 dB (the seeds of that model look alike), another prompt's at 7 to 14, a black
one at 4 to 9. Apple's converter accepts outputs of 35 dB, which after ten steps is as far off as another seed. Hence
30 dB: more than any wrong picture reached, less than what outputs of 50 dB make. The recording script takes only
pictures that keep 5 dB on either side.
"""

from __future__ import annotations

import importlib.util
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sdq.doctor.proof import Proof, prove
from sdq.doctor.references import Reference, references
from sdq.doctor.report import Fact, Section
from sdq_core.errors import DrawError, PackageError, SdqError
from sdq_core.models import DEMO, ModelStore, VariantFolder
from sdq_core.settings import Settings
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from worker.runtimes.installing import how_to_install

#: dB; see above.
ALIKE_DB = 30.0

#: What each runtime imports, the machine's own first.
_NEEDED = {
    "coreml": ("coremltools", "numpy", "tokenizers"),
    "onnx": ("numpy", "onnx", "onnxruntime", "tokenizers"),
}
#: Without either of these nobody meant to draw here.
_MARKS = ("coremltools", "onnxruntime")


def drawing(settings: Settings, say: Callable[[str], None]) -> Section:
    """Draw; say hears what is being drawn."""
    needs = _missing()
    if needs is not None:
        return needs
    try:
        wanted = references()
    except SdqError as error:
        return Section(title="Drawing", problems=[_whole(error)])
    try:
        cache = tempfile.TemporaryDirectory(prefix="sdq-doctor-", ignore_cleanup_errors=True)
    except OSError as error:
        reason = f"There is no temporary folder to draw in ({error.strerror})"
        return Section(title="Drawing", problems=[f"{reason}: make room, or set TMPDIR."])
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
                problems.append(f"The demo model ({attention}): {_whole(error)}")
                continue
            for unit in _units(runtimes):
                say(f"Drawing the demo model, {attention} on {unit} ...")
                try:
                    proof = prove(folder, wanted[attention], unit, Path(cache.name))
                except SdqError as error:
                    problems.append(f"The demo model, {attention} on {unit}: {_whole(error)}")
                    continue
                runtimes.add(proof.runtime)
                facts.append(_fact(attention, unit, proof))
                if proof.likeness_db < ALIKE_DB:
                    problems.append(_unlike(attention, unit, proof))
    not_tried = []
    if runtimes == {"onnx"}:
        said = "Core ML's compute units: the portable runtime computes on the CPU."
        to_core_ml = f" For Core ML: {how_to_install()}." if sys.platform == "darwin" else ""
        not_tried = [said + to_core_ml]
    return Section(title="Drawing", facts=facts, problems=problems, not_tried=not_tried)


def _missing() -> Section | None:
    """Say what is to be installed, where that keeps this machine from drawing."""
    mac = sys.platform == "darwin"
    extra = "coreml" if mac else "onnx"
    lacking = {
        runtime: [name for name in names if importlib.util.find_spec(name) is None]
        for runtime, names in _NEEDED.items()
    }
    if not lacking["onnx"] or (mac and not lacking["coreml"]):
        return None
    install = how_to_install()
    if not any(importlib.util.find_spec(name) for name in _MARKS):
        return Section(
            title="Drawing",
            not_tried=[
                f"No runtime is installed: this machine can submit and look, not draw. To draw here: {install}."
            ],
        )
    return Section(
        title="Drawing",
        problems=[
            f"Drawing needs what is not installed here: {', '.join(lacking[extra])}. Add it: {install}."
        ],
    )


def _demo(
    store: ModelStore, attention: AttentionImplementation, wanted: Sequence[Reference]
) -> VariantFolder:
    """Find a variant of the demo model, which must be of the very files that its pictures were drawn with."""
    try:
        folder = store.find(DEMO, attention)
    except SdqError as error:
        raise PackageError(f"{str(error).rstrip('.')}. Or install sdq again") from error
    revisions = {reference.recipe.variant.revision for reference in wanted}
    if revisions != {folder.revision}:
        raise PackageError(
            f"The files are not those that its pictures were drawn with (revision {folder.revision}, not "
            f"{' or '.join(sorted(revisions)) or 'known'}), so one is damaged. Install sdq again; after a change of "
            "the model run tools/record_doctor_references.py"
        )
    return folder


def _units(runtimes: set[str]) -> Iterator[ComputeUnit]:
    """Give ALL, and the others if by then an engine has said that it draws with something else than the CPU alone."""
    yield ComputeUnit.ALL
    if runtimes == {"onnx"} or (not runtimes and sys.platform != "darwin"):
        return
    yield from (unit for unit in ComputeUnit if unit is not ComputeUnit.ALL)


def _fact(attention: AttentionImplementation, unit: ComputeUnit, proof: Proof) -> Fact:
    where = "the CPU" if proof.runtime == "onnx" else str(unit)
    alike = "identical" if math.isinf(proof.likeness_db) else f"{proof.likeness_db:.1f} dB"
    return Fact(
        name=f"{attention} on {where}",
        said=f"{alike}, {proof.pipeline} over {proof.runtime}, loaded in {proof.load_s:.1f} s, {proof.picture_s:.2f} s "
        "a picture",
        value={
            "psnr_db": None if math.isinf(proof.likeness_db) else round(proof.likeness_db, 1),
            "identical": math.isinf(proof.likeness_db),
            "expected_db": ALIKE_DB,
            "pipeline": proof.pipeline,
            "runtime": proof.runtime,
            "load_s": round(proof.load_s, 2),
            "picture_s": round(proof.picture_s, 3),
            "pictures": proof.pictures,
        },
    )


def _unlike(attention: AttentionImplementation, unit: ComputeUnit, proof: Proof) -> str:
    said = (
        f"The demo model, {attention} on {unit}, draws another picture than it should: {proof.likeness_db:.1f} dB from "
        f"the one that is expected, at least {ALIKE_DB:.0f} are asked for."
    )
    if proof.runtime == "onnx" or unit is ComputeUnit.CPU_ONLY:
        return f"{said} Install sdq and its libraries again; if it stays so, report it."
    return f"{said} Leave this compute unit alone (CPU_ONLY is the safest), and report it with this report."


def _whole(error: SdqError) -> str:
    """Give an error as sentences with a next step; what an engine died of has none of its own."""
    said = f"{str(error).rstrip('.')}."
    if isinstance(error, DrawError):
        said += " Run this again; if it stays so, draw on another compute unit and report it."
    return said
