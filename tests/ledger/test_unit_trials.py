"""What is known of compute units, on both databases."""

from __future__ import annotations

from dataclasses import replace
from threading import Barrier, Thread

from db.ledger import Ledger
from sdq_core.values.machine import Machine
from sdq_core.values.part_units import Part
from sdq_core.values.variants import ComputeUnit

MAC = Machine(host="one", chip="Apple M5", os="macOS 27.2 (26C1)")
ALL, GPU = ComputeUnit.ALL, ComputeUnit.CPU_AND_GPU


def known(ledger: Ledger, machine: Machine = MAC) -> list[tuple[str, str, str | None]]:
    return [(t.part, t.unit, t.error) for t in ledger.unit_trials.of(machine, "rev")]


def test_the_newest_word_on_a_part_and_unit_counts_for_all_machines_of_a_kind(
    ledger: Ledger,
) -> None:
    ledger.unit_trials.note_failed(MAC, "rev", Part.UNET, ALL, "it crashed")
    ledger.unit_trials.note_worked(MAC, "rev", [(Part.UNET, GPU), (Part.VAE_DECODER, ALL)])
    ledger.unit_trials.note_failed(MAC, "rev", Part.UNET, ALL, "it crashed again")

    assert sorted(known(ledger, replace(MAC, host="another"))) == [
        ("unet", "ALL", "it crashed again"),
        ("unet", "CPU_AND_GPU", None),
        ("vae_decoder", "ALL", None),
    ]
    assert known(ledger, replace(MAC, os="macOS 27.3 (26D1)")) == []


def test_forgetting_leaves_what_worked(ledger: Ledger) -> None:
    ledger.unit_trials.note_failed(MAC, "rev", Part.UNET, ALL, "it crashed")
    ledger.unit_trials.note_worked(MAC, "rev", [(Part.UNET, GPU)])

    assert ledger.unit_trials.forget(replace(MAC, chip="Apple M1")) == 0
    assert ledger.unit_trials.forget(MAC) == 1
    assert known(ledger) == [("unet", "CPU_AND_GPU", None)]


def test_workers_that_learn_the_same_at_the_same_moment_do_not_hinder_each_other(
    ledger: Ledger, ledger_url: str
) -> None:
    together = Barrier(2, timeout=60)
    failures: list[Exception] = []

    def learn() -> None:
        with Ledger.open(ledger_url) as own:
            try:
                for number in range(20):
                    together.wait()
                    own.unit_trials.note_worked(MAC, f"rev{number}", [(part, ALL) for part in Part])
            except Exception as error:
                together.abort()
                failures.append(error)

    threads = [Thread(target=learn) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(ledger.unit_trials.of(MAC)) == 20 * len(Part)
