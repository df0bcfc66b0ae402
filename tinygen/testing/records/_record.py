"""What a record of an op is, and the numbers that its samples are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygen.backend import make_array
from tinygen.tensor import Tensor

Array = np.ndarray
Draw = Callable[..., Array]  # (rng, shape) -> float64 numbers

_F16, _F32, _F64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
_I32, _I64, _U8, _BOOL = np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.uint8), np.dtype(np.bool_)
# dtype of the data -> dtype of the result, or a tuple of them
FLOATS = {_F32: _F32, _F64: _F64}
TO_FLOAT = {**FLOATS, _F16: _F16, _I32: _F32, _I64: _F32, _U8: _F32, _BOOL: _F32}
KEEP = {**FLOATS, _F16: _F16, _I32: _I32, _I64: _I64, _U8: _U8}
KEEP_ALL = {**KEEP, _BOOL: _BOOL}
TO_BOOL = dict.fromkeys((_F32, _F64, _F16, _I32, _I64, _U8, _BOOL), _BOOL)
TO_SUM = {**FLOATS, _F16: _F16, _I32: _I64, _I64: _I64, _U8: _I64, _BOOL: _I64}


@dataclass(frozen=True)
class Sample:
    """One call of an op, ``op(*inputs, **settings)``.

    Args:
        inputs: arrays, lists of arrays, and whatever else goes by position. Floating arrays are the data: float64
            here, cast to each dtype of the record, and differentiated. Integers and booleans stay as they are.
        settings: what goes by keyword.
        fixed: which arrays (numbered in order, those in lists too) get no gradient though they are floating.
        gaps: lay the data out with gaps in memory.
        gradients: whether gradients are checked at this sample (off at kinks and at points that are not finite).
        against_torch: whether PyTorch means the same by this call.
    """

    inputs: tuple[Any, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    fixed: tuple[int, ...] = ()
    gaps: bool = False
    gradients: bool = True
    against_torch: bool = True

    @property
    def arrays(self) -> list[Array]:
        """All arrays among the inputs, in order."""
        return list(_leaves(self.inputs))

    def with_arrays(self, arrays: Iterable[Any]) -> tuple[Any, ...]:
        """Return the inputs with their arrays replaced, in order."""
        return _replaced(self.inputs, iter(arrays))

    def typed(self, dtype: Any) -> list[Array]:
        """Return the arrays with the data in ``dtype``: rounded for integers, compared with 0 for booleans."""
        result = []
        for a in self.arrays:
            if a.dtype == np.float64:
                a = _as_dtype(a, np.dtype(dtype))
                if self.gaps and a.ndim:
                    a = np.repeat(a, 2, axis=-1)[..., ::2]
            result.append(a)
        return result

    def tensors(self, dtype: Any, device: str = "cpu", requires_grad: bool = True) -> list[Tensor]:
        """Return the arrays as Tensors, the data in ``dtype``, with gaps where the sample has gaps."""
        tensors = []
        for i, a in enumerate(self.typed(dtype)):
            x = Tensor(make_array(a, device=device, copy=False))
            x.requires_grad = requires_grad and a.dtype.kind == "f" and i not in self.fixed
            tensors.append(x)
        return tensors


@dataclass(frozen=True)
class ErrorCase:
    """A call that must raise.

    Args:
        call: takes the op; makes the call.
        exception: the exact type.
        message: a part of the message.
    """

    call: Callable[[Callable[..., Any]], Any]
    exception: type[Exception]
    message: str


@dataclass(frozen=True)
class OpRecord:
    """All that tests, ``tinygen gradcheck`` and the documentation need to know of one op.

    Args:
        name: the op's public name.
        function: the op, on Tensors.
        reference: the same on NumPy arrays, float64 where the result is floating.
        samples: takes a generator; returns the calls to try.
        dtypes: dtype of the data -> dtype of the result; a tuple for several, of which a call may give the first only.
        errors: calls that must raise.
        torch: the op's dotted name in PyTorch, "" where it has none, or a function of (torch, *inputs, **settings).
        by_shape: takes a generator and a shape; returns a call on data of that shape. For tests that draw shapes.
        order: up to which order the op is differentiated: 0, 1 or 2.
        aliases: other public names of the same op.
        waits: why the op must wait for the device; "" where it need not.
        scale: a factor on the tolerances, for results that add up many roundings.
    """

    name: str
    function: Callable[..., Any]
    reference: Callable[..., Any]
    samples: Callable[[np.random.Generator], Sequence[Sample]]
    dtypes: dict[Any, Any] = field(default_factory=lambda: FLOATS)
    errors: tuple[ErrorCase, ...] = ()
    torch: str | Callable[..., Any] = ""
    by_shape: Callable[[np.random.Generator, tuple[int, ...]], Sample] | None = None
    order: int = 2
    aliases: tuple[str, ...] = ()
    waits: str = ""
    scale: float = 1.0

    def calls(self) -> list[Sample]:
        """The samples, the same ones every time."""
        return list(self.samples(np.random.default_rng(20)))

    def on_tensors(self, sample: Sample) -> Callable[..., Any]:
        """Return the op as a function of the sample's arrays only."""

        def call(*tensors: Tensor) -> Any:
            return self.function(*sample.with_arrays(tensors), **sample.settings)

        call.__name__ = self.name
        return call

    def expected(self, sample: Sample, dtype: Any) -> tuple[Array, ...]:
        """Return what the reference makes of the sample, in the dtypes the results must have."""
        results = self.dtypes[np.dtype(dtype)]
        floating = np.dtype(results[0] if isinstance(results, tuple) else results).kind == "f"
        arrays = [
            a.astype(np.float64) if floating and s.dtype == np.float64 else a
            for a, s in zip(sample.typed(dtype), sample.arrays, strict=True)
        ]
        with np.errstate(all="ignore"):
            made = self.reference(*sample.with_arrays(arrays), **sample.settings)
            made = made if isinstance(made, tuple) else (made,)
            types = results[: len(made)] if isinstance(results, tuple) else (results,) * len(made)
            return tuple(np.asarray(m).astype(t) for m, t in zip(made, types, strict=True))


def results_of(result: Any) -> tuple[Any, ...]:
    """An op's result as a tuple."""
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def _leaves(tree: Any) -> Iterator[Array]:
    if isinstance(tree, np.ndarray):
        yield tree
    elif isinstance(tree, (list, tuple)):
        for part in tree:
            yield from _leaves(part)


def _replaced(tree: Any, arrays: Iterator[Any]) -> Any:
    if isinstance(tree, np.ndarray):
        return next(arrays)
    if isinstance(tree, (list, tuple)):
        return type(tree)(_replaced(part, arrays) for part in tree)
    return tree


def _as_dtype(a: Array, dtype: np.dtype) -> Array:
    if dtype.kind == "f":
        return a.astype(dtype)
    if dtype.kind == "b":
        return np.asarray(a > 0)
    whole = np.asarray(np.round(a * 3))
    return np.asarray(np.abs(whole) if dtype.kind == "u" else whole).astype(dtype)


# The numbers. -------------------------------------------------------------------------------------------------------


def within(low: float = -2.0, high: float = 2.0, *, off: Sequence[float] = (), gap: float = 0.1) -> Draw:
    """Return a draw of numbers from ``low`` to ``high`` that keep ``gap`` away from the points in ``off`` (kinks)."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        a = np.asarray(rng.uniform(low, high, shape))
        for point in off:
            side = np.where(a >= point, 1.0, -1.0)
            a = np.where(np.abs(a - point) < gap, point + side * gap * (1.1 + rng.random(shape)), a)
        return np.asarray(a)

    return draw


def distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers in random order at least 0.05 apart, so that a maximum stays where it is when they move a little."""
    n = int(np.prod(shape))
    spread = 0.1 * (rng.permutation(n) - n / 2.0) + 0.025 * rng.uniform(-1, 1, n)
    return np.asarray(spread.reshape(shape))


SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (2, 0, 3), (1, 5), (3, 4), (2, 3, 4))
LARGE = (37, 129)


def unary(
    draw: Draw, *, large: bool = True, **settings: Any
) -> Callable[[np.random.Generator], list[Sample]]:
    """Return samples of one array: no axes, no elements, one row, gaps in memory, transposed, large."""

    def samples(rng: np.random.Generator) -> list[Sample]:
        calls = [Sample((draw(rng, shape),), settings) for shape in SHAPES]
        calls.append(Sample((draw(rng, (3, 5)),), settings, gaps=True))
        calls.append(Sample((draw(rng, (4, 3)).T,), settings))
        return calls + ([Sample((draw(rng, LARGE),), settings)] if large else [])

    return samples


PAIRS = (
    ((), ()),
    ((), (3,)),
    ((2, 3), ()),
    ((0,), (1,)),
    ((2, 0), (2, 1)),
    ((1, 4), (3, 1)),
    ((3, 4), (4,)),
    ((2, 1, 3), (4, 1)),
    ((2, 3), (2, 3)),
)


def binary(draw: Draw, second: Draw | None = None) -> Callable[[np.random.Generator], list[Sample]]:
    """Return samples of two arrays whose shapes broadcast in all the ways there are, and of an array and a number."""
    other = second or draw

    def samples(rng: np.random.Generator) -> list[Sample]:
        calls = [Sample((draw(rng, a), other(rng, b))) for a, b in PAIRS]
        calls.append(Sample((draw(rng, (3, 4)), other(rng, (3, 4))), gaps=True))
        calls.append(Sample((draw(rng, (4, 3)).T, other(rng, (3, 1)))))
        calls.append(Sample((draw(rng, LARGE), other(rng, (1, LARGE[1])))))
        return calls

    return samples
