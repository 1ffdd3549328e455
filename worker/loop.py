"""The worker: takes slices and draws them until it is told to stop or everything is drawn.

Its parts: `claims` takes the next slice and keeps the claim alive, `choosing` picks the variant that draws it,
`drawing` turns it into files and rows, `engine` computes, `messenger` sends notices. It never forks, and never calls
what a job names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sdq_core.errors import SdqError
from sdq_core.images.root import OutputRoot
from worker.choosing.repertoire import Repertoire
from worker.choosing.unusable import VariantUnusable
from worker.claims.claims import Claims
from worker.claims.intake import Intake
from worker.claims.shift import GaveUp, StopNow
from worker.drawing.drawing import Drawing
from worker.drawing.studio import Studio
from worker.drawing.tally import Tally
from worker.duty.awake import Awake
from worker.messenger import Messenger

_IDLE_S = 0.25
_REST_S = 1.0


class Worker:
    """Drains the queues of one ledger, in one thread."""

    def __init__(
        self,
        *,
        claims: Claims,
        intake: Intake,
        repertoire: Repertoire,
        studio: Studio,
        outputs: OutputRoot,
        tally: Tally,
        awake: Awake,
        messenger: Messenger,
    ) -> None:
        self._claims = claims
        self._intake = intake
        self._repertoire = repertoire
        self._studio = studio
        self._outputs = outputs
        self._shift = studio.shift
        self._duty = studio.duty
        self._awake = awake
        self._messenger = messenger
        self.tally = tally

    @property
    def unusable(self) -> Mapping[str, SdqError]:
        """The variant keys that cannot be drawn here for now, each with the reason."""
        return self._repertoire.unusable

    def work_until(self, finished: Callable[[], bool]) -> None:
        """Draw until told to stop, until the worker's duty is over, or until nothing waits and `finished` says so.

        `tally` counts what was done. What is to be told of batches is told before this returns. After the first signal
        that asks for a stop, the current image is still saved; the second raises StopNow.
        """
        with self._shift.signals():
            try:
                self._shift.until_done(self._claims.sign_on)
                while not self._shift.stopping:
                    if not self._shift.until_done(self._work_once) and self._shift.until_done(
                        finished
                    ):
                        break
            except GaveUp:
                pass
            except StopNow:
                self._messenger.kill()
                raise
            finally:
                self._studio.engines.close()
                self._awake.end()
                try:
                    self._messenger.close(self._shift.beat)
                finally:
                    self._claims.sign_off()

    def _work_once(self) -> bool:
        """Take a slice, and draw it and those behind it in its queue; return False if there was none.

        Takes none while the worker rests.
        """
        if self._duty.rests():
            self._rest()
            return False
        first = self._intake.first(self._studio.engines.pinned())
        if first is None:
            self._awake.end()
            self._studio.engines.end_idle()
            self._claims.show_idle()
            self._intake.reconcile_soon()
            self._shift.pause(_IDLE_S)
            return False
        self._awake.begin()
        try:
            self._outputs.look()  # while they are absent, the slice is another worker's to take
            variant = self._repertoire.variant_for(first.recipe, self._studio.engines.pinned())
            Drawing(self._studio, variant, self._intake).run(first)
        except VariantUnusable as unusable:
            self._repertoire.note(unusable, first.recipe.variant.key)
        finally:
            self._intake.hand_back()
        return True

    def _rest(self) -> None:
        """Wait a moment; heartbeats and the look after other workers go on."""
        self._awake.end()
        if self._duty.is_outside_hours():
            self._studio.engines.close()
        self._studio.engines.end_idle()
        self._claims.end_late()
        self._claims.show_idle()
        self._shift.pause(_REST_S)
