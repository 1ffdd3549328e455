"""Prompts become the ids that transformers' CLIPTokenizer gives; `tests/golden/record_tokenizer.py` recorded them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sdq_core.errors import PackageError
from worker.pipelines.tokenizer import ClipTokenizer

GOLDEN = Path(__file__).parent.parent / "golden"
RECORDED = json.loads((GOLDEN / "tokenizer.json").read_text())
ADDED = json.loads((GOLDEN / "tokenizer_added.json").read_text())
END = "<|endoftext|>"


def folder_with(tmp_path, *, config=None, special=None):
    folder = tmp_path / "tokenizer"
    shutil.copytree(GOLDEN / "tokenizer", folder)
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if special is not None:
        (folder / "special_tokens_map.json").write_text(json.dumps(special))
    return folder


@pytest.mark.parametrize("pad", [END, "!"])
def test_ids_and_truncation_equal_transformers(tmp_path, pad):
    folder = folder_with(tmp_path, config={"pad_token": END}, special={"pad_token": pad})
    tokenizer = ClipTokenizer(folder)
    cases = [case for case in RECORDED if case["pad_token"] == pad]
    assert len(cases) >= 20
    for case in cases:
        tokenized = tokenizer(case["prompt"])
        assert tokenized.input_ids.tolist() == [case["input_ids"]], case["prompt"]
        assert tokenized.truncated_tokens == case["truncated_tokens"], case["prompt"]


@pytest.mark.parametrize("file", ["added_tokens.json", "tokenizer_config.json"])
def test_added_tokens_are_those_of_transformers(tmp_path, file):
    folder = folder_with(tmp_path)
    added = ADDED["added_tokens"]
    decoder = {str(number): {"content": token} for token, number in added.items()}
    content = added if file == "added_tokens.json" else {"added_tokens_decoder": decoder}
    (folder / file).write_text(json.dumps(content))
    tokenizer = ClipTokenizer(folder)
    for case in ADDED["prompts"]:
        tokenized = tokenizer(case["prompt"])
        assert tokenized.input_ids.tolist() == [case["input_ids"]], case["prompt"]


def test_added_tokens_that_the_text_encoder_does_not_know_are_spelled_out_and_named(
    tmp_path, caplog
):
    folder = folder_with(tmp_path)
    size = len(json.loads((folder / "vocab.json").read_text()))
    plain = ClipTokenizer(folder)
    (folder / "added_tokens.json").write_text(json.dumps({"<cat>": size - 1, "<toy>": size}))
    tokenizer = ClipTokenizer(folder, embedded_tokens=size)
    assert tokenizer("<cat>").input_ids[0, 1] == size - 1
    assert tokenizer("a <toy>").input_ids.tolist() == plain("a <toy>").input_ids.tolist()
    (warning,) = caplog.messages
    assert "'<toy>'" in warning
    assert "'<cat>'" not in warning


def test_the_empty_prompt_is_start_end_and_padding():
    row = ClipTokenizer(GOLDEN / "tokenizer")("").input_ids
    assert row.shape == (1, 77)
    assert row.dtype == np.int64
    assert len(set(row[0, 1:].tolist())) == 1


def test_75_tokens_fit_and_the_76th_is_counted():
    tokenizer = ClipTokenizer(GOLDEN / "tokenizer")
    assert tokenizer("a " * 75).truncated_tokens == 0
    assert tokenizer("a " * 76).truncated_tokens == 1


def test_lone_surrogates_do_not_break_a_prompt():
    tokenizer = ClipTokenizer(GOLDEN / "tokenizer")
    assert tokenizer("a \ud83d horse").input_ids.tolist() == tokenizer("a horse").input_ids.tolist()


def test_a_new_configuration_outranks_the_special_tokens_map(tmp_path):
    new = {"pad_token": {"content": "!"}, "added_tokens_decoder": {}}
    folder = folder_with(tmp_path, config=new, special={"pad_token": END})
    vocab = json.loads((folder / "vocab.json").read_text())
    assert ClipTokenizer(folder)("").input_ids[0, -1] == vocab["!"]


def test_a_folder_without_a_vocabulary_is_named(tmp_path):
    with pytest.raises(PackageError, match=r"vocab\.json cannot be read"):
        ClipTokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vocab.json", "{"),
        ("vocab.json", "[]"),
        ("vocab.json", '{"a": 1}'),
        ("merges.txt", "#version\na b c\n"),
        ("merges.txt", "#version\nnot there\n"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, name, content):
    folder = folder_with(tmp_path)
    (folder / name).write_text(content)
    with pytest.raises(PackageError, match=r"of the model's own|model's own merges"):
        ClipTokenizer(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("added_tokens.json", "{"),
        ("added_tokens.json", '["<cat>"]'),
        ("added_tokens.json", '{"<cat>": "952"}'),
        ("added_tokens.json", '{"<cat>": -1}'),
        ("added_tokens.json", '{"": 952}'),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"952": "<cat>"}}'),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"x": {"content": "<cat>"}}}'),
        ("tokenizer_config.json", '{"added_tokens_decoder": 952}'),
    ],
)
def test_damaged_added_tokens_are_refused_not_ignored(tmp_path, name, content):
    folder = folder_with(tmp_path)
    (folder / name).write_text(content)
    with pytest.raises(PackageError, match=name.replace(".", r"\.")):
        ClipTokenizer(folder)
