"""Power and heat. What only a Mac has is read from outputs of its commands, or stands in at the native call."""

from __future__ import annotations

import ctypes
import logging
from pathlib import Path
from typing import Any, cast

import pytest

from worker.duty.duty import Duty
from worker.duty.heat import Heat, ThermalPressure
from worker.duty.limits import Limits
from worker.duty.power import discharges, says_battery

#: What `pmset -g batt` prints on Macs, as their users have published it.
ON_BATTERY = """Now drawing from 'Battery Power'
 -InternalBattery-0 (id=22806627)\t78%; discharging; 5:05 remaining present: true
"""
ON_AC = """Now drawing from 'AC Power'
 -InternalBattery-0 (id=22806627)\t83%; charging; 1:00 remaining present: true
"""


@pytest.mark.parametrize(
    ("batt", "battery"),
    [
        (ON_BATTERY, True),
        (ON_AC, False),
        ("Now drawing from 'AC Power'\n", False),  # a Mac without a battery
        ("Now drawing from 'UPS Power'\n", True),
        ("", False),
        ("pmset: an error\nabout 'Battery Power'\n", False),
    ],
)
def test_a_mac_says_what_it_draws_from(batt: str, battery: bool) -> None:
    assert says_battery(batt) is battery


@pytest.mark.parametrize(
    ("supplies", "battery"),
    [
        ({}, False),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}}, True),
        ({"BAT0": {"type": "Battery", "status": "Charging"}}, False),
        (
            {
                "AC": {"type": "Mains", "online": "0"},
                "BAT0": {"type": "Battery", "status": "Discharging"},
            },
            True,
        ),
        (  # a weak charger: the battery discharges although mains are connected
            {
                "ucsi": {"type": "USB", "online": "1"},
                "BAT0": {"type": "Battery", "status": "Discharging"},
            },
            False,
        ),
        (
            {"mouse": {"type": "Battery", "scope": "Device", "status": "Discharging"}},
            False,
        ),
    ],
)
def test_linux_says_what_it_draws_from(
    tmp_path: Path, supplies: dict[str, dict[str, str]], battery: bool
) -> None:
    for name, files in supplies.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(f"{text}\n")
    assert discharges(tmp_path) is battery
    assert discharges(tmp_path / "absent") is False


class NotifyLibrary:
    """libSystem's two functions as notify.h declares them."""

    def __init__(self, *, status: int = 0) -> None:
        self.status = status
        self.state = 0

    def notify_register_check(self, name: bytes, token: Any) -> int:
        assert name == b"com.apple.system.thermalpressurelevel"
        ctypes.cast(token, ctypes.POINTER(ctypes.c_int)).contents.value = 7
        return self.status

    def notify_get_state(self, token: ctypes.c_int, state: Any) -> int:
        assert token.value == 7
        ctypes.cast(state, ctypes.POINTER(ctypes.c_uint64)).contents.value = self.state
        return self.status


def pressure(library: object) -> ThermalPressure:
    return ThermalPressure(cast(ctypes.CDLL, library))


def test_it_pauses_when_hot_and_goes_on_after_a_cool_minute() -> None:
    library = NotifyLibrary()
    clock = 0.0
    heat = Heat(pressure(library).level, monotonic=lambda: clock)
    found = []
    for at, level in [
        (0, 0), (10, 1), (20, 2), (30, 4), (40, 1), (89, 1), (99.5, 2), (100, 1), (159, 0), (160, 1), (170, 1),
    ]:  # fmt: skip
        clock, library.state = at, level
        found.append(heat.is_too_hot())
    assert found == [False, False, True, True, True, True, True, True, True, False, False]


def test_without_thermal_pressure_the_reason_is_given() -> None:
    with pytest.raises(OSError, match="returned 1"):
        pressure(NotifyLibrary(status=1))
    with pytest.raises(OSError, match="no notify_register_check"):
        pressure(object())


def test_a_worker_rests_on_battery_and_while_it_is_hot(caplog: pytest.LogCaptureFixture) -> None:
    clock = 0.0
    battery, hot = True, False
    duty = Duty(
        Limits(on_ac_only=True, pause_when_hot=True),
        monotonic=lambda: clock,
        on_battery=lambda: battery,
        is_too_hot=lambda: hot,
    )
    caplog.set_level(logging.INFO)
    assert duty.rests()
    battery = False
    assert duty.rests()  # it looks every few seconds
    clock = 20.0
    assert not duty.rests()
    clock, hot = 40.0, True
    assert duty.rests()
    assert not duty.is_outside_hours()  # engines may stay
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "On battery power",
        "Drawing again.",
        "The machine is hot",
    ]


def test_a_worker_that_may_use_its_battery_does_not_look() -> None:
    assert not Duty(on_battery=lambda: 1 / 0 > 0).rests()
