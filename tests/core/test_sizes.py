"""Sizes as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdq_core.errors import ConfigurationError, InputError
from sdq_core.settings import read_settings
from sdq_core.values.sizes import parse_memory, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000),
        ("12G", 12_000_000_000),
        ("12g", 12_000_000_000),
        (" 1.5 GiB ", 3 << 29),
        ("8k", 8000),
        ("0GB", None),
        ("12", None),
        ("-1G", None),
        ("1e3G", None),
        ("", None),
        ("9" * 400 + "G", None),
    ],
)
def test_sizes_are_decimal_unless_they_say_otherwise(text: str, size: int | None) -> None:
    assert parse_size(text) == size


def test_a_share_is_of_the_machines_memory() -> None:
    assert parse_memory("80%", memory=lambda: 16_000) == 12_800
    assert parse_memory("100 %", memory=lambda: 16_000) == 16_000
    assert 10**8 < parse_memory("50%") < 10**14


@pytest.mark.parametrize("text", ["0%", "101%", "80", "much", "-5%", "%"])
def test_other_amounts_are_refused_in_a_clause(text: str) -> None:
    with pytest.raises(InputError, match="is not an amount of memory; write 12G or 80%"):
        parse_memory(text)


def test_the_limit_is_a_setting_as_others_are(tmp_path: Path) -> None:
    home = {"SDQ_HOME": str(tmp_path)}
    assert read_settings(home).max_memory is None
    (tmp_path / "sdq.toml").write_text('max_memory = "12G"\n')
    settings = read_settings(home)
    assert settings.max_memory == 12_000_000_000
    assert settings.origins["max_memory"] == str(tmp_path / "sdq.toml")
    assert read_settings(home | {"SDQ_MAX_MEMORY": "4GB"}).max_memory == 4_000_000_000
    with pytest.raises(ConfigurationError, match=r"^SDQ_MAX_MEMORY: max_memory: .*80%\.$"):
        read_settings(home | {"SDQ_MAX_MEMORY": "lots"})
