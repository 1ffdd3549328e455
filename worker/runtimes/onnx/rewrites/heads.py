"""Apple's SPLIT_EINSUM and SPLIT_EINSUM_V2 attention -> one operation over all heads.

For the Neural Engine these networks slice query, key and value into heads (V2: the query into chunks too), put each
through einsum, softmax over axis 1 and einsum, and concatenate the results: hundreds of small operations, with softmax
along a strided axis. On the CPU a step took four times as long as with `original`.
Source: https://machinelearning.apple.com/research/neural-engine-transformers

For heads i, and with V2 for chunks j of the query sequence, this recognises

    concat_i(axis 1, concat_j(axis 3, einsum(v_i, softmax(axis 1, scale * einsum(k_i, q_ij)))))

where every slice is contiguous, in order, and of the same q, k^T and v. Attention with a mask is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from worker.mlpackage.program import Operation, Program
from worker.runtimes.onnx.rewrites.pattern import Producers, attention, replaced

_SCORES = "bkhc,bchq->bkhq"
_VALUES = "bchk,bkhq->bchq"
_CHANNELS, _TOKENS = 1, 3
#: The axis of the transposed key.
_KEY_CHANNELS = 3


def join_heads(program: Program) -> Program:
    """Replace each recognised concatenation of heads by `attention_by_channel`."""
    matcher = _Heads(Producers(program))
    return replaced(program, matcher.match)


@dataclass(frozen=True)
class _Part:
    """A contiguous part of a tensor: `start` to `stop` along each axis."""

    root: str
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Head:
    """One head's attention, for one chunk of the query."""

    query: _Part
    key: _Part
    value: _Part
    scale: float


class _Heads:
    def __init__(self, producers: Producers) -> None:
        self._producers = producers

    def match(self, operation: Operation) -> Operation | None:
        if operation.type != "concat" or self._producers.const(operation, "axis") not in (1, -3):
            return None
        heads = [self._chunks(argument) for argument in operation.inputs.get("values", ())]
        if not heads or not all(heads) or not self._belong_together(heads):
            return None
        first = heads[0][0]
        key = self._untransposed(first.key.root)
        if key is None or self._producers.shape(first.query.root)[2] != 1:
            return None
        return attention(
            operation, first.query.root, key, first.value.root, heads=len(heads), scale=first.scale
        )

    def _belong_together(self, heads: list[list[_Head]]) -> bool:
        """Whether the parts of all heads belong to the same tensors, contiguous, in order and complete."""
        sources = {
            (c.query.root, c.key.root, c.value.root, c.scale) for chunks in heads for c in chunks
        }
        if len(sources) != 1:
            return False
        for chunks in heads:
            # Chunks of a head share key and value; their queries differ along the tokens only.
            if len({(c.key, c.value, c.query.ranges[:_TOKENS]) for c in chunks}) != 1:
                return False
            if not self._covers([c.query for c in chunks], _TOKENS, but=_CHANNELS):
                return False
        firsts = [chunks[0] for chunks in heads]
        return (
            self._covers([c.query for c in firsts], _CHANNELS, but=_TOKENS)
            and self._covers([c.value for c in firsts], _CHANNELS)
            and self._covers([c.key for c in firsts], _KEY_CHANNELS)
        )

    def _chunks(self, argument: object) -> list[_Head]:
        """Return the chunks of one head in order; none if this is not a head."""
        if not isinstance(argument, str):
            return []
        joined = self._producers.of(argument, "concat")
        if joined is None:
            head = self._head(argument)
            return [head] if head else []
        if self._producers.const(joined, "axis") not in (3, -1):
            return []
        heads = [
            self._head(a) if isinstance(a, str) else None for a in joined.inputs.get("values", ())
        ]
        found = [head for head in heads if head is not None]
        return found if len(found) == len(heads) else []

    def _head(self, name: str) -> _Head | None:
        output = self._einsum(name, _VALUES)
        if output is None:
            return None
        value, weights = output
        softmax = self._producers.of(weights, "softmax")
        if softmax is None or self._producers.const(softmax, "axis") not in (1, -3):
            return None
        scores, scale = self._producers.name(softmax), 1.0
        scaled = self._producers.of(scores, "mul")
        if scaled is not None:
            pair = self._producers.value_and_scalar(scaled)
            if pair is None:
                return None
            scores, scale = pair
        operands = self._einsum(scores, _SCORES)
        if operands is None:
            return None
        key, query = self._part(operands[0]), self._part(operands[1])
        values = self._part(value)
        if key is None or query is None or values is None:
            return None
        return _Head(query, key, values, scale)

    def _einsum(self, name: str | None, equation: str) -> tuple[str, str] | None:
        """Return the operands of an einsum of this equation, in its order, however its labels are spelt."""
        operation = self._producers.of(name, "einsum")
        if operation is None:
            return None
        values = operation.inputs.get("values", ())
        spelt = str(self._producers.const(operation, "equation", "")).replace(" ", "")
        if len(values) != 2 or not all(isinstance(value, str) for value in values):
            return None
        x, y = str(values[0]), str(values[1])
        if _canonical(spelt) == _canonical(equation):
            return x, y
        terms, _, result = spelt.partition("->")
        left, _, right = terms.partition(",")
        if _canonical(f"{right},{left}->{result}") == _canonical(equation):
            return y, x
        return None

    def _part(self, name: str) -> _Part | None:
        """Follow slices and splits from `name` to the tensor that they are part of."""
        shape = self._producers.shape(name)
        if len(shape) != 4 or None in shape:
            return None
        operation = self._producers.of(name, "slice_by_index") or self._producers.of(name, "split")
        if operation is None:
            return _Part(name, tuple((0, size or 0) for size in shape))
        source = self._producers.name(operation)
        outer = self._part(source) if source else None
        if source is None or outer is None:
            return None
        if operation.type == "split":
            starts = self._split_starts(operation, name)
        else:
            starts = self._slice_starts(operation, self._producers.shape(source))
        if starts is None:
            return None
        sizes = [size or 0 for size in shape]
        ranges = tuple(
            (low + start, low + start + size)
            for (low, _), start, size in zip(outer.ranges, starts, sizes, strict=True)
        )
        return _Part(outer.root, ranges)

    def _split_starts(self, operation: Operation, name: str) -> list[int] | None:
        axis = self._producers.const(operation, "axis")
        if axis is None:
            return None
        starts, start = [0] * 4, 0
        for output in operation.outputs:
            if output.name == name:
                starts[axis % 4] = start
                return starts
            start += output.shape[axis % 4] or 0
        return None

    def _slice_starts(
        self, operation: Operation, source: tuple[int | None, ...]
    ) -> list[int] | None:
        const = self._producers.const
        begin, stride = const(operation, "begin"), const(operation, "stride", [1] * 4)
        if begin is None or stride != [1] * 4 or any(const(operation, "squeeze_mask", [])):
            return None
        mask = const(operation, "begin_mask", [False] * 4)
        return [
            0 if masked else (index if index >= 0 else index + (size or 0))
            for index, masked, size in zip(begin, mask, source, strict=True)
        ]

    def _covers(self, parts: list[_Part], axis: int, *, but: int | None = None) -> bool:
        """Whether equal parts follow one another along `axis` and are whole along the others, except `but`."""
        shape = self._producers.shape(parts[0].root)
        width, rest = divmod(shape[axis] or 0, len(parts))
        for number, part in enumerate(parts):
            whole = [(0, size or 0) for size in shape]
            whole[axis] = number * width, (number + 1) * width
            if but is not None:
                whole[but] = part.ranges[but]
            if part.ranges != tuple(whole):
                return False
        return rest == 0

    def _untransposed(self, key: str) -> str | None:
        """Return the tensor [B, C, 1, K] of which `key` is the transpose [B, K, 1, C]."""
        operation = self._producers.of(key, "transpose")
        if operation is None:
            return None
        perm = [axis % 4 for axis in self._producers.const(operation, "perm", [])]
        return self._producers.name(operation) if perm == [0, 3, 2, 1] else None


def _canonical(equation: str) -> str:
    """Spell an equation with its labels named in the order of their appearance."""
    names: dict[str, str] = {}
    return "".join(
        names.setdefault(letter, chr(ord("a") + len(names))) if letter.isalpha() else letter
        for letter in equation
    )
