"""`sdq cancel` beside somebody who removes the batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.batches import Batches
from db.ledger import Ledger
from db.values import BatchState
from sdq.cli import main
from tests.core.small_ledger import submit


def test_a_batch_that_vanishes_while_it_is_cancelled_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'sdq.db'}"
    with Ledger.open(url) as ledger:
        name = submit(ledger, "a boat").batch_name
    set_state = Batches.set_state

    def then_prune(batches: Batches, batch: str | int, state: BatchState) -> None:
        """Cancel, and forget the batch before anybody looks again, as `sdq prune` beside it may."""
        set_state(batches, batch, state)
        with Ledger.open(url) as ledger:
            batch_id = ledger.upkeep.begin_pruning(batch)
            while not ledger.upkeep.prune_page(batch_id).last:
                pass

    monkeypatch.setattr(Batches, "set_state", then_prune)
    monkeypatch.setattr("sys.argv", ["sdq", "cancel", name, "--database-url", url])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert said == f"sdq: Batch '{name}' was removed while it was being cancelled.\n"
    assert ended.value.code == 66
