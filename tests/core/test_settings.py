"""Default < file < environment < option, and where each came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdq.errors import ConfigurationError
from sdq.settings import read_settings


def test_the_nearest_word_wins_and_says_where_it_came_from(tmp_path: Path) -> None:
    environment = {"SDQ_HOME": str(tmp_path)}
    assert read_settings(environment).redis_url is None
    (tmp_path / "sdq.toml").write_text('redis_url = "redis://file"\noutputs = "/pictures"\n')
    assert read_settings(environment).redis_url == "redis://file"
    environment |= {"REDIS_URL": "redis://plain", "RQ_REDIS_URL": "redis://rq"}
    settings = read_settings(environment)
    assert settings.redis_url == "redis://rq"
    assert settings.origins["redis_url"] == "environment RQ_REDIS_URL"
    assert settings.outputs == Path("/pictures")
    settings = read_settings(environment, {"redis_url": "redis://option"})
    assert settings.redis_url == "redis://option"
    assert settings.origins["redis_url"] == "option --redis-url"
    assert settings.database_url == f"sqlite:///{tmp_path}/sdq.db"


@pytest.mark.parametrize("content", ["redis_url = ", "colour = 'red'", "redis_url = 6379"])
def test_a_bad_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "sdq.toml").write_text(content)
    with pytest.raises(ConfigurationError, match=r"sdq\.toml"):
        read_settings({"SDQ_HOME": str(tmp_path)})
