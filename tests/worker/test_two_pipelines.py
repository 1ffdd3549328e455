"""An engine that draws with two pipelines: each image's row and file name the one that drew it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from db.ledger import Ledger
from sdq_core.images.read import read_record
from sdq_core.values.variants import Variant
from tests.core.small_ledger import small_plan
from tests.worker.studio import make_studio, root_at
from tests.worker.test_drawn_twice import draw
from tests.worker.watch import IMAGE, PromptEngine
from worker.claims.claims import Outcome
from worker.drawing.saving import Gallery
from worker.engine.messages import Drawn, Event


class TwoPipelines(PromptEngine):
    """Draws every other image with the built-in pipeline."""

    ready = replace(PromptEngine.ready, pipeline="apple", load_ms=500.0)

    def poll(self, _timeout_s: float) -> Event | None:
        event = super().poll(_timeout_s)
        if not isinstance(event, Drawn):
            return event
        drew = "apple" if self.images % 2 else "builtin"
        return replace(event, image=replace(IMAGE, pipeline=drew))


def test_rows_and_files_name_the_pipeline_and_the_engine_counts_once(tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path / 'sdq.db'}") as ledger:
        (ref,) = ledger.submissions.add(small_plan("the sea", images=4, slice_size=4)).slices
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        gallery = Gallery(root_at(tmp_path / "outputs"), with_metadata=True)
        studio = make_studio(ledger, gallery, lambda _: cast(Any, TwoPipelines()))
        drawing_with = slice_.recipe.variant
        assert isinstance(drawing_with, Variant)
        assert draw(studio, slice_, drawing_with) is Outcome.FINISHED

        images = list(ledger.batches.images(slice_.batch_name))
        assert [image.engine.pipeline for image in images] == ["apple", "builtin"] * 2
        for image in images:
            found = read_record(tmp_path / "outputs" / image.image.path)
            assert found.provenance["pipeline"] == image.engine.pipeline
        assert len({image.image.engine_id for image in images}) == 2
        (one,) = ledger.summaries.of(slice_.batch_name).drawn_by
        assert (one.engines, one.load_ms, one.times.images) == (1, 500.0, 4)
        history = ledger.batches.history(slice_.batch_name)
        assert history.engines == [], "its only engine was loaded before it began"
        assert history.first_engine is not None
        assert history.first_engine.pipeline == "apple"
