"""Texts changed at random end in `PackageError` or are whole; the long form is `make fuzz`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdq_core.errors import PackageError
from sdq_core.models.network import read_network
from tests.fuzz.package_reader import read_everything, read_program, write_model
from tests.fuzz.text_mutations import mutated_text, texts_of

PIECES = (
    "(1.0)", "[a = {}]", "{", "}", "func main<ios16>(", "tensor<fp16, [2]> x", ") {", "} -> (x);", "= const()", ";",
    "= relu(x = x)", "[val = tensor<fp16, [2]>([1, 2])]", "[", "]", "(", ")", ",", "?", '"', "list<", "tensor<", "é",
)  # fmt: skip
CORPUS = sorted((Path(__file__).parents[1] / "fuzz" / "corpus").iterdir())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzed")


@pytest.fixture(scope="module")
def texts(folder: Path) -> list[bytes]:
    return [text for path in CORPUS for text in texts_of(path.read_bytes(), folder)]


def test_the_texts_are_whole(texts: list[bytes], folder: Path) -> None:
    for text in texts:
        assert read_everything(text, folder)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # infinities may get into the weights
@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**64))
def test_a_changed_text_is_read_or_refused(texts: list[bytes], folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    changed = mutated_text(rng.choice(texts), rng)
    read_everything(changed, folder)
    model = write_model(changed, folder)
    try:
        program = read_program(model)
    except PackageError:
        return
    # What the runtime reads is never refused at submit, and is the same there.
    network = read_network(model)
    assert network.inputs == {tensor.name: tensor.shape for tensor in program.inputs}
    counted = {name: count for name, count in network.operations.items() if name != "const"}
    listed = [operation.type for operation in program.operations]
    assert counted == {name: listed.count(name) for name in set(listed)}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_pieces_in_any_order_are_read_or_refused(folder: Path, pieces: list[str]) -> None:
    read_everything(("program" + " ".join(pieces)).encode(), folder)
