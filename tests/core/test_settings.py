"""Default < file < environment < option, and where each came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdq_core.errors import ConfigurationError
from sdq_core.settings import VARIABLES, Settings, read_settings
from sdq_core.values.part_units import Part
from sdq_core.values.receivers import Receivers
from sdq_core.values.runtimes import RuntimeChoice
from sdq_core.values.variants import ComputeUnit

FILE = """
redis_url = "redis://file"
database_url = "sqlite:////file.db"
outputs = "/file"
"""
ENVIRONMENT = {
    "SDQ_REDIS_URL": "redis://environment",
    "SDQ_DATABASE_URL": "sqlite:////environment.db",
    "SDQ_OUTPUTS": "/environment",
}
OPTIONS = {
    "redis_url": "redis://option",
    "database_url": "sqlite:////option.db",
    "outputs": "/option",
}


def places(settings: Settings) -> tuple[str | None, str, str]:
    return settings.redis_url, settings.database_url, str(settings.outputs)


def test_without_a_word_everything_lies_in_the_data_folder(tmp_path: Path) -> None:
    settings = read_settings({"SDQ_HOME": str(tmp_path)})
    assert settings.redis_url is None
    assert settings.database_url == f"sqlite:///{tmp_path}/sdq.db"
    assert settings.outputs == tmp_path / "outputs"
    assert settings.origins == {
        **dict.fromkeys(VARIABLES, "default"),
        "home": "environment SDQ_HOME",
        "redis_url": "default: embedded",
    }


def test_the_data_folder_is_in_the_users_home_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = read_settings({})
    assert settings.home == tmp_path / ".sdq"
    assert settings.origins["home"] == "default"


def test_each_layer_wins_over_the_one_below(tmp_path: Path) -> None:
    home = {"SDQ_HOME": str(tmp_path)}
    (tmp_path / "sdq.toml").write_text(FILE)
    settings = read_settings(home)
    assert places(settings) == ("redis://file", "sqlite:////file.db", "/file")
    assert settings.origins["outputs"] == str(tmp_path / "sdq.toml")

    settings = read_settings(home | ENVIRONMENT)
    assert places(settings) == ("redis://environment", "sqlite:////environment.db", "/environment")
    assert settings.origins["database_url"] == "environment SDQ_DATABASE_URL"

    settings = read_settings(home | ENVIRONMENT, OPTIONS)
    assert places(settings) == ("redis://option", "sqlite:////option.db", "/option")
    assert settings.origins["redis_url"] == "option --redis-url"


def test_the_layers_are_taken_setting_by_setting(tmp_path: Path) -> None:
    (tmp_path / "sdq.toml").write_text(FILE)
    settings = read_settings(
        {"SDQ_HOME": str(tmp_path), "SDQ_OUTPUTS": "/environment"},
        {"redis_url": "redis://option", "outputs": None},
    )
    assert places(settings) == ("redis://option", "sqlite:////file.db", "/environment")


def test_the_home_option_decides_which_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "sdq.toml").write_text(FILE)
    settings = read_settings({"SDQ_HOME": "/elsewhere"}, {"home": str(tmp_path)})
    assert settings.home == tmp_path
    assert settings.redis_url == "redis://file"


def test_the_more_particular_variable_wins(tmp_path: Path) -> None:
    environment = {"SDQ_HOME": str(tmp_path), "REDIS_URL": "redis://plain"}
    assert read_settings(environment).redis_url == "redis://plain"
    environment["RQ_REDIS_URL"] = "redis://rq"
    assert read_settings(environment).redis_url == "redis://rq"
    environment["SDQ_REDIS_URL"] = "redis://sdq"
    settings = read_settings(environment)
    assert settings.redis_url == "redis://sdq"
    assert settings.origins["redis_url"] == "environment SDQ_REDIS_URL"


def test_an_empty_variable_says_nothing(tmp_path: Path) -> None:
    settings = read_settings({"SDQ_HOME": str(tmp_path), "SDQ_REDIS_URL": "", "REDIS_URL": ""})
    assert settings.redis_url is None
    assert settings.origins["redis_url"] == "default: embedded"


def test_embedded_can_be_asked_for_where_another_redis_is_set(tmp_path: Path) -> None:
    environment = {"SDQ_HOME": str(tmp_path), "REDIS_URL": "redis://of-another-program"}
    assert read_settings(environment, {"redis_url": "embedded"}).redis_url is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"redis_url = ", "is not TOML in line 1: put straight quotes around a text"),
        (b"redis_url = 'a'\nredis_url = 'b'", "is not TOML in line 2: a key is given twice"),
        (b"outputs = '\xff'", "is not UTF-8"),
        (
            b"colour = 'red'",
            "has an unknown setting 'colour'. It can set compute_unit, database_url, guidance_scale, image_format",
        ),
        (b"stepz = 3", "unknown setting 'stepz'; did you mean steps"),
        (b"guidance-scale = 3", "unknown setting 'guidance-scale'; did you mean guidance_scale"),
        (b"num_inference_steps = 3", "did you mean steps"),
        (b"cfg_scale = 3", "did you mean guidance_scale"),
        (
            b"[notify]\nurl = 'x'",
            "unknown setting 'notify.url'. It can set on_done, webhook, webhook_secret",
        ),
        (b"[units]\nunet = 'ALL'", "unknown setting 'units.unet'. It can set text_encoder"),
        (
            b"[units]\nvae_decoder = 'GPU'",
            "units.vae_decoder: set it to one of 'ALL', 'CPU_AND_GPU'",
        ),
        (b"[units]\nfallback = true", "units.fallback: set it to 'cpu' or 'none'"),
        (b"[notify]\nwebhok = 'x'", "unknown setting 'notify.webhok'; did you mean notify.webhook"),
        (b"[notify]\n'https://h/s3cret' = 1", r"has an unknown setting\. It can set on_done"),
        (b"notify = 1", r"must have \[notify\] as a table"),
        (b"[notify]\nwebhook = 1", "notify.webhook: set it to a string, in quotes"),
        (
            b"[notify]\nwebhook = 'ftp://h/s3cret'",
            "notify.webhook: it is not a URL with http:// or https://",
        ),
        (b"[notify]\nwebhook = 'https://'", "notify.webhook: it is not a URL with"),
        (b"[notify]\nping = 'https://h:s3cret/'", "notify.ping: it is not a URL with"),
        (
            b"[notify]\nping = 'https://h/s3 cret'",
            "notify.ping: the URL has letters that a URL cannot",
        ),
        (
            b"[notify]\napprise = ['json://h', 's3cret']",
            "notify.apprise: it is not a URL of Apprise",
        ),
        (b"[notify]\napprise = [1]", "notify.apprise: set it to a string"),
        (b"[notify]\non_done = ' '", "notify.on_done: it is not a command"),
        (
            b"[notify]\nwebhook_secret = 's3cret'",
            "notify.webhook_secret: it is not whsec_ and base64",
        ),
        (
            b"[notify]\nwebhook_secret = 'whsec_s3cret!'",
            "notify.webhook_secret: it is not whsec_ and base64",
        ),
        (b"[notify]\nmac = 'yes'", "notify.mac: set it to true or false"),
        (b"[report]\nhtml = '{name}.html'", r"report.html: there is no '\{name\}', only \{batch\}"),
        (b"[report]\nhtml = 'reports/'", "report.html: name a file"),
        (b"[report]\nhtm = 'x'", "did you mean report.html"),
        (b"[inspect]\nwhile_drawing = 1", "inspect.while_drawing: set it to true or false"),
        (b"outputs = 'pictures'", "'outputs' to an absolute path: 'pictures' would depend"),
        (b"steps = '3'", "'steps' to a whole number, without quotes"),
        (b"steps = 3.5", "'steps' to a whole number"),
        (b"steps = true", "'steps' to a whole number"),
        (b"guidance_scale = '3'", "'guidance_scale' to a number, without quotes"),
        (b"steps = " + b"9" * 5000, "a number or a list is too large"),
        (b"steps = " + b"[" * 5000, "a number or a list is too large"),
        (b"home = '/elsewhere'", "unknown setting 'home'"),
        (b"redis_url = 6379", "to a string"),
        (b"[outputs]\npath = '/x'", "to a string"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "sdq.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=says) as raised:
        read_settings({"SDQ_HOME": str(tmp_path)})
    assert str(tmp_path / "sdq.toml") in str(raised.value)
    assert "s3" not in str(raised.value)


def test_a_file_with_a_mark_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "sdq.toml").write_bytes(b"\xef\xbb\xbfsteps = 3\r\n")
    assert read_settings({"SDQ_HOME": str(tmp_path)}).preferences.steps == 3


@pytest.mark.parametrize("variable", ["SDQ_HOME", "SDQ_OUTPUTS"])
def test_a_folder_that_no_record_could_name_is_refused(variable: str, tmp_path: Path) -> None:
    settings = {"SDQ_HOME": str(tmp_path), variable: f"{tmp_path}/\udcff"}
    with pytest.raises(
        ConfigurationError, match=rf"\\udcff is not UTF-8: rename its folder\. Or: Set {variable}"
    ):
        read_settings(settings)


def test_tables_say_who_is_told_and_what_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "sdq.toml"
    file.write_text(
        "steps = 30\n[notify]\nwebhook = 'https://h/s3cret'\nwebhook_secret = 'whsec_c2VjcmV0'\n"
        "apprise = 'json://h/s3cret'\nmac = true\n[report]\nhtml = 'reports/{batch}.html'\n"
    )
    settings = read_settings({"SDQ_HOME": str(tmp_path)})
    assert settings.notify == Receivers(
        webhook="https://h/s3cret", apprise=("json://h/s3cret",), mac=True
    )
    assert (settings.signing_secret, settings.report) == ("whsec_c2VjcmV0", "reports/{batch}.html")
    assert settings.preferences.steps == 30
    assert {name for name in settings.origins if "." in name} == {
        "notify.webhook", "notify.webhook_secret", "notify.apprise", "notify.mac", "report.html",
    }  # fmt: skip
    assert settings.origins["notify.webhook"] == str(file)
    assert "s3cret" not in repr(settings) + repr(settings.notify)
    assert "whsec_c2V" not in repr(settings)


def test_parts_have_the_units_that_the_file_chooses(tmp_path: Path) -> None:
    content = "[units]\ntext_encoder = 'cpu_and_ne'\nfallback = 'cpu'\n"
    (tmp_path / "sdq.toml").write_text(content)
    settings = read_settings({"SDQ_HOME": str(tmp_path)})
    assert settings.part_units == {Part.TEXT_ENCODER: ComputeUnit.CPU_AND_NE}
    assert settings.unet_on_cpu


def test_workers_measure_pictures_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    home = {"SDQ_HOME": str(tmp_path)}
    assert read_settings(home).inspects_while_drawing
    (tmp_path / "sdq.toml").write_text("quality = 80\n[inspect]\nwhile_drawing = false\n")
    settings = read_settings(home)
    assert not settings.inspects_while_drawing
    assert settings.origins["inspect.while_drawing"] == str(tmp_path / "sdq.toml")


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "sdq.toml").mkdir()
    with pytest.raises(ConfigurationError, match=r"Cannot read .*sdq\.toml"):
        read_settings({"SDQ_HOME": str(tmp_path)})


def test_numbers_come_from_file_and_environment(tmp_path: Path) -> None:
    (tmp_path / "sdq.toml").write_text("steps = 30\nguidance_scale = 3\n")
    settings = read_settings({"SDQ_HOME": str(tmp_path), "SDQ_GUIDANCE_SCALE": "2.5"})
    assert (settings.preferences.steps, settings.preferences.guidance_scale) == (30, 2.5)
    assert settings.origins["steps"] == str(tmp_path / "sdq.toml")
    assert settings.origins["guidance_scale"] == "environment SDQ_GUIDANCE_SCALE"
    with pytest.raises(ConfigurationError, match="SDQ_STEPS is 'many', not a whole number"):
        read_settings({"SDQ_HOME": str(tmp_path), "SDQ_STEPS": "many"})


def test_a_runtime_is_chosen_by_file_or_environment_and_one_that_is_none_is_refused(
    tmp_path: Path,
) -> None:
    home = {"SDQ_HOME": str(tmp_path)}
    (tmp_path / "sdq.toml").write_text('runtime = "openvino"')
    assert read_settings(home).runtime is RuntimeChoice.OPENVINO
    assert read_settings({**home, "SDQ_RUNTIME": "ONNX"}).runtime is RuntimeChoice.ONNX
    with pytest.raises(ConfigurationError, match=r"SDQ_RUNTIME: there is no runtime 'torch'\. Set"):
        read_settings({**home, "SDQ_RUNTIME": "torch"})
