"""Nothing secret gets into a report, however a URL is written."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdq.doctor.privacy import Privacy
from sdq.doctor.report import Fact, Section
from sdq_core.privacy import Secrets, masked_address, masked_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:pa55word@localhost:6379/0", "redis://***@localhost:6379/0"),
        ("rediss://ann:pa55word@[::1]:6379", "rediss://***@[::1]:6379"),
        ("redis://pa55word@host", "redis://***@host"),
        ("redis://host/0?password=pa55word&db=1", "redis://host/0?password=***&db=1"),
        ("unix:///tmp/x.sock?db=1", "unix:///tmp/x.sock?db=1"),
        ("postgresql://ann:pa55@word@a:5432,b/x?sslmode=require&user=ann",
         "postgresql://***@a:5432,b/x?sslmode=require&user=***"),
        ("sqlite:////home/ann@work/sdq.db", "sqlite:////home/ann@work/sdq.db"),
        ("redis://localhost:pa55word", "(not a URL; not shown)"),
        ("pa55word", "(not a URL; not shown)"),
        ("redis://:pa@55/word@host:63x79/0", "(not a URL; not shown)"),
        ("redis://host/0?pa55word", "redis://host/0?***"),
        ("sqlite://ann:pa55word@host/x", "sqlite://***@host/x"),
        ("unix:///tmp/ann@work/x.sock?password=pa55word", "unix:///tmp/ann@work/x.sock?password=***"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example/services/T0/s3cret", "https://hooks.example/***"),
        ("http://127.0.0.1:8000/?key=s3cret", "http://127.0.0.1:8000/***"),
        ("https://h", "https://h/***"),
        ("https://ann:s3cret@h/x", "https://***"),
        ("https://s3cret/x@h", "https://***"),
        ("https://h:s3cret/x", "https://***"),
        ("tgram://s3cret/12", "tgram://***"),
        ("s3cret", "(not a URL; not shown)"),
    ],
)
def test_of_where_a_notice_goes_the_host_is_shown(url: str, shown: str) -> None:
    assert masked_address(url) == shown
    told = Secrets.around({}, ["submit", "--webhook", url, f"--ping={url}"])
    told.add_address("discord://1234567/s3cret-token")
    said = told.removed(f"{url!r} or {url}: nothing at {url.partition('://')[2]}.")
    assert "s3cret" not in said or url == "s3cret"
    assert "s3cret" not in told.removed("Cannot load 1234567/s3cret-token, 's3cret-token'")


PASSWORDS = st.text(alphabet="ab:/@?#&=%+ '\"\\[]{}ü😀\n", max_size=12).map("s3cr{}et".format)


@given(password=PASSWORDS, quoted=st.booleans(), form=st.sampled_from(["login", "name", "query"]))
def test_no_password_is_shown_whatever_it_is_made_of(
    password: str, quoted: bool, form: str
) -> None:
    written = quote(password, safe="") if quoted else password
    url = {
        "login": f"redis://ann:{written}@host:6379/0",
        "name": f"redis://{written}@host:6379/0",
        "query": f"redis://host:6379/0?password={written}",
    }[form]
    assert "s3cr" not in masked_url(url)
    said = Privacy([url], {}).sentence(f"{url!r} does not answer; neither does {url}: nothing.")
    assert "s3cr" not in said


def test_a_sentence_of_ours_keeps_its_examples() -> None:
    for sentence in (
        "Use redis://USER:PASSWORD@HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH.",
        "Give `redis://HOST:6379/0?socket_timeout=5&socket_connect_timeout=5`. See https://huggingface.co/a/b, please.",
        "Set it to sqlite:////absolute/path/sdq.db or postgresql://user:password@host/database; use sqlite://.",
    ):
        assert Secrets().removed(sentence) == sentence


def test_an_environment_is_searched_by_names_and_by_looks() -> None:
    secrets = Secrets.around(
        {
            "HTTPS_PROXY": "http://ann:pa55word@proxy:3128",
            "MY_API_KEY": "k3yk3y",
            "LANG": "C.UTF-8",
        },
        ["--redis-url=redis://:pa55@arg@h", "--database-url", "postgresql://ann:pa55/db@h/d"],
    )
    said = secrets.removed("pa55word k3yk3y pa55@arg pa55/db C.UTF-8 https://h/x?X-Signature=abc")
    assert said == "*** *** *** *** C.UTF-8 https://h/x?X-Signature=***"


def test_sentences_lose_passwords_tokens_and_the_name_of_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "ann"
    monkeypatch.setenv("HOME", str(home))
    privacy = Privacy(["redis://:pa55%20word@host"], {"HF_TOKEN": "hf_abcdef"})
    assert privacy.sentence("'pa55 word' and 'pa55%20word' are wrong, as is hf_abcdef") == (
        "'***' and '***' are wrong, as is ***"
    )
    assert privacy.sentence(f"{home}/sdq.db, {home}, {home}bel") == f"~/sdq.db, ~, {home}bel"
    shown = privacy.of(
        Section(title="x", facts=[Fact(name="a", text=f"{home}/b", value={"path": f"{home}/b"})])
    )
    assert shown.facts[0].text == "~/b"
    assert shown.facts[0].value == {"path": "~/b"}
