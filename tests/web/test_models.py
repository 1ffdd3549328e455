"""Models: what is here, what was measured of it, and what is wrong with it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime

from db.values import Benchmark
from sdq.submitting.usual import set_usually
from sdq_core.models import ModelStore
from sdq_core.values.machine import Machine
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from tests.web.site import Site
from tests.web.test_pages import page

ORIGINAL = AttentionImplementation.ORIGINAL


def test_models_show_what_was_measured_and_what_is_wrong(own_site: Site) -> None:
    assert "Not measured on any machine: <code>sdq bench demo</code>" in page(own_site, "/models")
    own_site.queue.submit(["a"], seeds=[0], batch="one")
    ledger = own_site.app.state.sources.ledger
    measured = Benchmark(
        machine=Machine(host="studio", chip="M2", os="macOS"),
        measured_at=datetime.now(UTC),
        variant=Variant(
            model="demo",
            revision=ModelStore(own_site.settings.models).find("demo", ORIGINAL).revision,
            attention_implementation=ORIGINAL,
            compute_unit=ComputeUnit.ALL,
        ),
        unet="whole",
        drawn_with=True,
        num_inference_steps=20,
        images=3,
        runtime="coreml",
        step_ms=50.0,
        image_ms=1000.0,
        peak_bytes=10**9,
        psnr_db=math.inf,
    )

    def otherwise(unit: ComputeUnit, **values: object) -> Benchmark:
        variant = replace(measured.variant, compute_unit=unit)
        return replace(measured, variant=variant, **values)  # type: ignore[arg-type]

    ledger.benchmarks.record(
        [
            measured,
            otherwise(ComputeUnit.CPU_AND_NE, image_ms=500.0, psnr_db=12.0),
            otherwise(ComputeUnit.CPU_AND_GPU, error="It <died>.", image_ms=None, psnr_db=None),
            replace(measured, variant=replace(measured.variant, revision="of former files")),
        ]
    )
    ledger.variants.pause(measured.variant, "10 images in a row failed.")
    set_usually(
        own_site.settings,
        "demo",
        num_inference_steps=4,
        guidance_scale=None,
        scheduler=None,
        reset=False,
    )
    (own_site.settings.models / "broken" / "x_unet.mlpackage").mkdir(parents=True)
    (own_site.settings.models / "controlnet" / "edges.mlpackage").mkdir(parents=True)
    text = page(own_site, "/models")
    rows = re.findall(r'<tr><th scope="row">(\w+ on \w+)( <span class="chip">fastest)?', text)
    assert [row[0].rpartition(" ")[2] for row in rows] == ["CPU_AND_NE", "ALL", "CPU_AND_GPU"]
    assert [bool(row[1]) for row in rows] == [False, True, False]  # its pictures are not right
    assert "too far from it" in text
    assert "It &lt;died&gt;." in text
    assert "demo original on ALL</b> is paused: 10 images in a row failed." in text
    assert "drawn with 4 steps" in text
    assert "3 models, 2 ControlNets in" in text
    assert text.count("cannot be used: ") == 2
