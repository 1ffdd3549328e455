"""Group norm, which converters write out in eight operations -> one.

Recognised, for x [N, C, *D] and groups of C / G channels:

    grouped = reshape(x, [N, G, C / G, *D]);  centred = grouped - reduce_mean(grouped, all but N and G)
    reshape(centred / sqrt(reduce_mean(square(centred), the same) + epsilon), shape of x)

The factor and summand per channel that follow (`batch_norm`, or nothing in U-Nets whose affine part was folded into the
next convolution) stay as they are. Written out, each operation passes through memory separately.
"""

from __future__ import annotations

from worker.mlpackage.program import Operation, Program
from worker.runtimes.onnx.rewrites.pattern import Producers, constant, replaced


def join_group_norm(program: Program) -> Program:
    """Replace each recognised last reshape by `group_normalize`."""
    matcher = _GroupNorm(Producers(program))
    return replaced(program, matcher.match)


class _GroupNorm:
    def __init__(self, producers: Producers) -> None:
        self._producers = producers

    def match(self, operation: Operation) -> Operation | None:
        p = self._producers
        quotient = p.of(p.name(operation), "real_div") if operation.type == "reshape" else None
        centred = p.name(quotient) if quotient else None
        grouped = self._centred(centred)
        if quotient is None or centred is None or grouped is None:
            return None
        epsilon = self._epsilon(p.name(quotient, "y"), centred, len(p.shape(grouped)))
        reshaped = p.of(grouped, "reshape")
        x = p.name(reshaped) if reshaped else None
        if epsilon is None or x is None:
            return None
        shape, whole = p.shape(grouped), p.shape(x)
        if None in whole or whole != operation.outputs[0].shape or shape[0] != whole[0]:
            return None
        return Operation(
            type="group_normalize",
            name=operation.name,
            inputs={
                "x": (x,),
                "groups": (constant(shape[1] or 0),),
                "epsilon": (constant(epsilon),),
            },
            outputs=operation.outputs,
        )

    def _centred(self, name: str | None) -> str | None:
        """Return the value from which `name` subtracts its mean over each group."""
        p = self._producers
        difference = p.of(name, "sub")
        grouped = p.name(difference) if difference else None
        mean = p.of(p.name(difference, "y"), "reduce_mean") if difference else None
        if mean is None or grouped is None or p.name(mean) != grouped:
            return None
        rank = len(p.shape(grouped))
        return grouped if rank > 2 and self._over_group(mean, rank) else None

    def _epsilon(self, deviation: str | None, centred: str, rank: int) -> float | None:
        """Return epsilon when `deviation` is the root of the mean square of `centred` over each group, and epsilon."""
        p = self._producers
        root = p.of(deviation, "sqrt")
        shifted = p.of(p.name(root), "add") if root else None
        pair = p.value_and_scalar(shifted) if shifted else None
        mean = p.of(pair[0], "reduce_mean") if pair else None
        squares = p.of(p.name(mean), "square") if mean else None
        if pair is None or mean is None or squares is None or p.name(squares) != centred:
            return None
        return pair[1] if self._over_group(mean, rank) else None

    def _over_group(self, mean: Operation, rank: int) -> bool:
        """Whether a mean goes over all dimensions but the first two and keeps them."""
        axes = self._producers.const(mean, "axes", [])
        kept = self._producers.const(mean, "keep_dims", False)
        return bool(kept) and sorted(axis % rank for axis in axes) == list(range(2, rank))
