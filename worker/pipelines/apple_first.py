"""Apple's pipeline where it can draw an image, else the built-in one, over the same networks."""

from __future__ import annotations

from worker.pipelines.apple import ApplePipeline
from worker.pipelines.builtin import BuiltinPipeline
from worker.pipelines.contract import DrawnImage, ImageRequest, StepReport


class AppleFirst:
    """A model variant in memory, once for both; satisfies `worker.pipelines.contract.Pipeline`.

    Which of them drew an image, the image says.
    """

    name = ApplePipeline.name

    def __init__(self, apple: ApplePipeline) -> None:
        self._apple = apple
        self._builtin = BuiltinPipeline(apple.pieces)

    @property
    def width(self) -> int:
        """Pixels."""
        return self._apple.width

    @property
    def height(self) -> int:
        """Pixels."""
        return self._apple.height

    def draw(
        self, request: ImageRequest, on_step: StepReport, upcoming: ImageRequest | None = None
    ) -> DrawnImage:
        """Draw one image; see `contract.Pipeline.draw`."""
        pipeline = self._builtin if self._apple.limit(request) else self._apple
        return pipeline.draw(request, on_step, upcoming)
