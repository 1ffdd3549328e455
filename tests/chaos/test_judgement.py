"""What the storm counts as broken: it is only worth something if it notices."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.bounds import Bounds
from tests.chaos.calm import Calm, Phase
from tests.chaos.drawings import Drawing, Repeat, drawings, repeats
from tests.chaos.journal import Journal
from tests.chaos.outcome import drawn_too_often
from tests.chaos.recovery import Recovery, out_of_bounds
from tests.chaos.stops import Stop, broken_stops
from tests.chaos.strikes import Strike, strikes_by_units

_IMAGE = (1, 7)


def _strike(at: float, *, wide: bool = False, healed_at: float | None = None) -> Strike:
    return Strike(
        name="worker killed", at=at, is_kill=True, wide=wide,
        healed_at=at if healed_at is None else healed_at, in_hand={_IMAGE},
    )  # fmt: skip


def _drawing(at: float, berth: int = 0) -> Drawing:
    return Drawing(image=_IMAGE, at=at, berth=berth)


def _recovery(seconds: float, *, by: str = "a") -> Recovery:
    return Recovery(
        kind="worker killed", pid=1, host="a", killed_at=10, images=frozenset(),
        slices=frozenset(), taken_at=10 + seconds, by=by,
    )  # fmt: skip


def _again(strikes: list[Strike], phases: list[Phase]) -> list[Repeat]:
    return repeats([_drawing(11), _drawing(14)], strikes, phases)


def test_the_journal_reads_whole_lines_of_every_log(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    log = tmp_path / "worker-3.log"
    log.write_text("10:00:00 autumn/2 seed 5\n10:00:01 autumn/2 se")
    journal.read()
    assert [(line.batch, line.entry, line.seed, line.berth) for line in journal.drawn] == [
        ("autumn", 2, 5, 3)
    ]
    with log.open("a") as file:
        file.write("ed 6\n10:00:02 Took over 2 slice(s) of storm1-4711-a1b2c3, which died.\n")
        file.write("10:00:02 Took over 1 slice(s) from a worker that died.\n")
    journal.read()
    assert [line.seed for line in journal.drawn] == [5, 6]
    assert [line.pid for line in journal.took_over] == [4711, None]


def test_a_unit_that_fails_strikes_until_its_worker_draws_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    log = tmp_path / "worker-3.log"
    log.write_text(
        "10:00:00 The VAE decoder of demo failed on ALL: EngineHungError: It hung. It is tried.\n"
    )
    journal.read()
    with log.open("a") as file:
        file.write("10:00:09 autumn/2 seed 5\n")
    journal.read()
    (strike,) = strikes_by_units(journal)
    assert strike.healed_at == journal.drawn[0].at
    stop = Stop(
        signal="SIGHUP", berth=3, at=strike.at, in_hand=frozenset({_IMAGE}),
        ended_at=strike.at, exit_code=0,
    )  # fmt: skip
    assert broken_stops([stop], [], [strike]) == []


def test_two_batches_that_share_a_recipe_share_its_images(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (tmp_path / "worker-0.log").write_text("10:00:00 a/1 seed 7\n10:00:01 b/3 seed 7\n")
    journal.read()
    found = drawings(journal.drawn, {("a", 1): 1, ("b", 3): 1})
    assert [repeat.image for repeat in repeats(found, [], [])] == [_IMAGE]


def test_an_image_in_hand_of_a_strike_may_be_drawn_twice() -> None:
    assert drawn_too_often(_again([_strike(10)], [])) == []


def test_an_image_that_no_strike_had_in_hand_may_not() -> None:
    assert "no trouble hit them" in drawn_too_often(_again([], []))[0]
    assert "no trouble hit them" in drawn_too_often(_again([_strike(20)], []))[0]


def test_in_a_calm_phase_no_image_may_be_drawn_twice_whatever_was_before() -> None:
    assert "calm phase" in drawn_too_often(_again([_strike(5)], [Phase(begins=10, ends=20)]))[0]
    assert drawn_too_often(_again([_strike(5)], [Phase(begins=12, ends=20)])) == []


def test_a_calm_phase_begins_once_everything_has_settled() -> None:
    calm = Calm(100, every_s=90, for_s=25, settles_s=8)
    assert [moment for moment in range(100, 290, 5) if calm.is_due(moment)] == [
        165, 170, 175, 180, 185, 255, 260, 265, 270, 275,
    ]  # fmt: skip
    calm.begin(165)
    calm.end(190)
    calm.begin(255)
    calm.end(260)
    assert calm.phases == [Phase(begins=173, ends=190), Phase(begins=263, ends=263)]


def test_late_recoveries_are_out_of_bounds_by_the_host_that_made_them() -> None:
    bounds = Bounds(same_host_median_s=5, same_host_worst_s=15, other_host_median_s=30)
    quick = [_recovery(1), _recovery(2)]
    assert out_of_bounds([*quick, _recovery(14), _recovery(25, by="b")], [], bounds) == []
    assert "16.0 s at worst" in out_of_bounds([*quick, _recovery(16)], [], bounds)[0]
    assert "6.0 s in the median" in out_of_bounds([_recovery(6)], [], bounds)[0]
    assert "another host" in out_of_bounds([_recovery(31, by="b")], [], bounds)[0]


def test_a_recovery_is_not_held_to_a_time_while_redis_or_the_ledger_are_struck() -> None:
    late = [_recovery(40)]
    assert out_of_bounds(late, [_strike(12)], Bounds()) != []
    assert out_of_bounds(late, [_strike(12, wide=True)], Bounds()) == []
    assert out_of_bounds(late, [_strike(2, wide=True, healed_at=11)], Bounds()) == []
    assert out_of_bounds(late, [_strike(2, wide=True, healed_at=9)], Bounds()) != []


def test_a_host_without_workers_is_not_held_to_a_time_but_the_other_one_is() -> None:
    gone = _strike(9, healed_at=45)
    gone.emptied = "a"
    assert out_of_bounds([_recovery(40, by="a")], [gone], Bounds()) == []
    assert out_of_bounds([_recovery(40, by="b")], [gone], Bounds()) != []


def test_a_stop_is_in_order_with_exit_code_0_and_its_image_saved() -> None:
    def stop(exit_code: int = 0) -> Stop:
        return Stop(
            signal="SIGHUP", berth=1, at=10, in_hand=frozenset({_IMAGE}),
            ended_at=12, exit_code=exit_code,
        )  # fmt: skip

    saved = [_drawing(11, berth=1)]
    assert broken_stops([stop()], saved, []) == []
    assert "ended with 129" in broken_stops([stop(129)], saved, [])[0]
    assert "did not save" in broken_stops([stop()], [_drawing(11, berth=2)], [])[0]
    assert broken_stops([stop()], [], [_strike(11)]) == []  # something else hit it meanwhile
