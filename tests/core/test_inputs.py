"""The folder of inputs: complete files by their content, which stay while a recipe needs them."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from sdq_core.errors import InputError, InputMissingError
from sdq_core.inputs.store import InputStore, Picture, remove_unneeded


def picture(path: Path, data: bytes = b"pixels") -> Picture:
    path.write_bytes(data)
    return Picture(
        sha256=hashlib.sha256(data).hexdigest(), suffix=".png", name=path.name, path=path
    )


def test_a_picture_is_kept_as_it_was_whatever_becomes_of_the_original(tmp_path: Path) -> None:
    store = InputStore(tmp_path / "inputs")
    given = picture(tmp_path / "cat.png")
    store.keep(given)
    (tmp_path / "cat.png").write_bytes(b"another")
    assert store.read(given.sha256) == b"pixels"
    assert list(store.kept()) == [
        (given.sha256, tmp_path / "inputs" / given.sha256[:2] / f"{given.sha256}.png")
    ]


def test_a_kept_picture_that_was_damaged_is_put_back(tmp_path: Path) -> None:
    store = InputStore(tmp_path / "inputs")
    given = picture(tmp_path / "cat.png")
    store.keep(given)
    path = store.find(given.sha256)
    assert path
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="was changed since it was submitted"):
        store.read(given.sha256)
    store.keep(given)
    assert store.read(given.sha256) == b"pixels"


def test_a_picture_that_changes_meanwhile_is_not_kept(tmp_path: Path) -> None:
    store = InputStore(tmp_path / "inputs")
    given = picture(tmp_path / "cat.png")
    (tmp_path / "cat.png").unlink()
    with pytest.raises(InputError, match="changed while it was submitted: it does not"):
        store.keep(given)
    (tmp_path / "cat.png").write_bytes(b"another")
    with pytest.raises(InputError, match="changed while it was submitted"):
        store.keep(given)
    assert not list(store.kept())
    with pytest.raises(InputMissingError, match="is not in"):
        store.read(given.sha256)


def test_ledgers_that_share_the_pictures_know_of_each_other(tmp_path: Path) -> None:
    store = InputStore(tmp_path / "inputs")
    assert store.others("one") == []
    for _ in range(2):
        store.note("one")
    assert store.others("one") == []
    assert store.others("two") == [store.folder / ".ledger-one"]
    assert list(store.kept()) == []


def test_only_what_nobody_needs_and_nobody_is_about_to_need_is_removed(tmp_path: Path) -> None:
    store = InputStore(tmp_path / "inputs")
    needed, old, young = (picture(tmp_path / name, name.encode()) for name in "noy")
    for each in (needed, old, young):
        store.keep(each)
    yesterday = time.time() - 86400
    for each in (needed, old):
        path = store.find(each.sha256)
        assert path
        os.utime(path, (yesterday, yesterday))
    store.keep(needed)  # as a submission does that is not stored yet
    removed = [path.stem for path, _ in remove_unneeded(store, frozenset())]
    assert removed == [old.sha256]
    store.keep(old)
    path = store.find(old.sha256)
    assert path
    os.utime(path, (yesterday, yesterday))
    assert not list(remove_unneeded(store, frozenset({old.sha256})))
