"""sdq's own protobuf messages say what coremltools' say: field by field, and in every package that is here."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import sdq_core
from sdq_core.errors import PackageError
from sdq_core.models.package import Package
from tests.fuzz.mutations import mutated
from tests.fuzz.package_reader import write_package
from worker.mlpackage import proto
from worker.mlpackage.messages import Model
from worker.mlpackage.proto import read_program

from .building import Model_pb2
from .plain import plain

DEMO = sorted((Path(sdq_core.__file__).parent / "demo_model").glob("*/*/*.mlpackage"))
CORPUS = sorted((Path(__file__).parents[1] / "fuzz" / "corpus").iterdir())
EMPTY = {"Other"}


def test_every_field_is_the_formats() -> None:
    compared = dict(_pairs(Model.DESCRIPTOR, Model_pb2.Model.DESCRIPTOR))
    assert len(compared) > 30
    for ours, theirs in compared.items():
        for field in ours.fields:
            assert _said_of(field) == _said_of(theirs.fields_by_number[field.number])


def _pairs(ours: Descriptor, theirs: Descriptor) -> Iterator[tuple[Descriptor, Descriptor]]:
    """Give each message of ours with coremltools', from a message on down."""
    waiting = [(ours, theirs)]
    known = set()
    while waiting:
        ours, theirs = waiting.pop()
        if ours in known or ours.name in EMPTY:
            continue
        known.add(ours)
        yield ours, theirs
        for field in ours.fields:
            if field.message_type is not None:
                waiting.append(
                    (field.message_type, theirs.fields_by_number[field.number].message_type)
                )


def _said_of(field: FieldDescriptor) -> tuple[Any, ...]:
    kind = field.type if field.enum_type is None else FieldDescriptor.TYPE_INT32
    oneof = field.containing_oneof
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    return field.name, kind, field.is_repeated, is_map, oneof and oneof.name


@pytest.mark.parametrize("path", DEMO, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_reads_of_the_demo_model_what_coremltools_reads(path: Path) -> None:
    assert _as_read(path, Model) == _as_read(path, Model_pb2.Model)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_reads_of_every_kind_of_package_what_coremltools_reads(path: Path, tmp_path: Path) -> None:
    package = write_package(path.read_bytes(), tmp_path)
    assert _as_read(package, Model) == _as_read(package, Model_pb2.Model)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(deadline=None, max_examples=150)
@given(st.sampled_from(CORPUS), st.integers(0, 2**64))
def test_reads_or_refuses_as_with_coremltools(
    tmp_path_factory: pytest.TempPathFactory, path: Path, seed: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "changed"
    package = write_package(mutated(path.read_bytes(), random.Random(seed)), folder)
    expected = _as_read(package, Model_pb2.Model)
    # The damage may lie in a field that sdq skips and coremltools parses.
    assume("truncated or damaged" not in expected)
    assert _as_read(package, Model) == expected


def _as_read(path: Path, messages: Any) -> Any:
    """Give all that is read of a package through a class of messages, in a form that can be compared."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proto, "Model", messages)
        try:
            return plain(read_program(Package.open(path)))
        except PackageError as error:
            return str(error)
