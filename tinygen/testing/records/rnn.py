"""Records of recurrent layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.ops import rnn as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, Array, ErrorCase, OpRecord, Sample, within
from tinygen.testing.records.elementwise import sigmoid

_any = within(-1, 1)
_F16 = np.dtype(np.float16)
_TYPES = {**FLOATS, _F16: _F16}


def _ones(*shape: int, dtype: Any = np.float32) -> Tensor:
    return Tensor(np.ones(shape, dtype))


# References: the equations, one step after another. -----------------------------------------------------------------


def _lstm_step(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, bias: Array | None = None, gate: str = "sigmoid"
) -> tuple[Array, Array]:
    squash = sigmoid if gate == "sigmoid" else lambda z: np.clip(0.2 * z + 0.5, 0, 1)
    z = x @ w_ih.T + h @ w_hh.T + (0 if bias is None else bias)
    i, f, g, o = np.split(z, 4, axis=1)
    c = squash(f) * c + squash(i) * np.tanh(g)
    return squash(o) * np.tanh(c), c


def _gru_step(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None
) -> Array:
    x_r, x_z, x_n = np.split(x @ w_ih.T + (0 if b_ih is None else b_ih), 3, axis=1)
    a_r, a_z, a_n = np.split(h @ w_hh.T + (0 if b_hh is None else b_hh), 3, axis=1)
    r, z = sigmoid(x_r + a_r), sigmoid(x_z + a_z)
    return (1 - z) * np.tanh(x_n + r * a_n) + z * h


def _one_hot(x: Array, w_ih: Array) -> Array:
    return np.eye(w_ih.shape[1])[x] if x.dtype.kind in "iu" else x


def _lstm(x: Array, h: Array, c: Array, w_ih: Array, *rest: Any, **settings: Any) -> tuple[Array, Array, Array]:
    outputs = []
    for x_t in _one_hot(x, w_ih):
        h, c = _lstm_step(x_t, h, c, w_ih, *rest, **settings)
        outputs.append(h)
    return np.stack(outputs), h, c


def _gru(x: Array, h: Array, w_ih: Array, *rest: Any) -> tuple[Array, Array]:
    outputs = []
    for x_t in _one_hot(x, w_ih):
        outputs.append(h := _gru_step(x_t, h, w_ih, *rest))
    return np.stack(outputs), h


# Samples ------------------------------------------------------------------------------------------------------------


def _lstm_arrays(rng: np.random.Generator, n: int, i: int, units: int, biases: int = 1) -> tuple[Array, ...]:
    """States and weights."""
    shapes: list[tuple[int, ...]] = [(n, units), (n, units), (4 * units, i), (4 * units, units)]
    return tuple(_any(rng, s) for s in shapes + [(4 * units,)] * biases)


def _gru_arrays(rng: np.random.Generator, n: int, i: int, units: int, biases: int = 2) -> tuple[Array, ...]:
    shapes: list[tuple[int, ...]] = [(n, units), (3 * units, i), (3 * units, units)]
    return tuple(_any(rng, s) for s in shapes + [(3 * units,)] * biases)


def _sequences(rng: np.random.Generator, arrays: Any, most: int) -> list[Sample]:
    """Calls of a layer: T, N, I, H, and whether there are biases, of which the op takes ``most``."""
    sizes = [(2, 2, 3, 2, True), (1, 1, 1, 1, True), (4, 2, 5, 16, True), (1, 0, 3, 4, True)]
    calls = [Sample((_any(rng, (t, n, i)), *arrays(rng, n, i, h, most * b))) for t, n, i, h, b in sizes]
    for t, n, v, h, bias in [(2, 2, 3, 2, True), (4, 3, 6, 16, False)]:
        calls.append(Sample((np.asarray(rng.integers(0, v, (t, n))), *arrays(rng, n, v, h, most * bias))))
    calls.append(Sample((_any(rng, (2, 3, 2)), *arrays(rng, 3, 2, 2, 0)), gaps=True))
    return [*calls, Sample((_any(rng, (12, 9, 8)), *arrays(rng, 9, 8, 32)))]


def _cells(rng: np.random.Generator, arrays: Any, most: int) -> list[Sample]:
    sizes = [(2, 4, 3, True), (1, 1, 1, True), (3, 2, 2, False), (0, 2, 3, True), (17, 33, 16, True)]
    calls = [Sample((_any(rng, (n, i)), *arrays(rng, n, i, h, most * b))) for n, i, h, b in sizes]
    return [*calls, Sample((_any(rng, (2, 4)), *arrays(rng, 2, 4, 3)), gaps=True)]


def _lstm_samples(rng: np.random.Generator) -> list[Sample]:
    hard = Sample((_any(rng, (1, 2, 3)), *_lstm_arrays(rng, 2, 3, 2)), {"gate": "hard_sigmoid"}, against_torch=False)
    return [*_sequences(rng, _lstm_arrays, 1), hard]


def _lstm_cell_samples(rng: np.random.Generator) -> list[Sample]:
    hard = Sample((_any(rng, (2, 3)), *_lstm_arrays(rng, 2, 3, 2)), {"gate": "hard_sigmoid"}, against_torch=False)
    return [*_cells(rng, _lstm_arrays, 1), hard]


def _gru_samples(rng: np.random.Generator) -> list[Sample]:
    one_bias = [
        Sample((_any(rng, (1, 2, 3)), *_gru_arrays(rng, 2, 3, 2, 1))),
        Sample((_any(rng, (1, 2, 3)), *_gru_arrays(rng, 2, 3, 2, 0), None, _any(rng, (6,))), against_torch=False),
    ]
    return [*_sequences(rng, _gru_arrays, 2), *one_bias]


def _gru_cell_samples(rng: np.random.Generator) -> list[Sample]:
    return [*_cells(rng, _gru_arrays, 2), Sample((_any(rng, (2, 3)), *_gru_arrays(rng, 2, 3, 2, 1)))]


# PyTorch's functions, which take two biases or none -----------------------------------------------------------------


def _dense(torch: Any, x: Any, w_ih: Any) -> Any:
    return x if x.is_floating_point() else torch.nn.functional.one_hot(x, w_ih.shape[1]).to(w_ih.dtype)


def _torch_lstm(torch: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, bias: Any = None) -> Any:
    weights = [w_ih, w_hh] + ([] if bias is None else [bias, torch.zeros_like(bias)])
    x = _dense(torch, x, w_ih)
    y, h, c = torch.lstm(x, (h[None], c[None]), weights, bias is not None, 1, 0.0, False, False, False)
    return y, h[0], c[0]


def _torch_gru(torch: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, *biases: Any) -> Any:
    biases = [*biases, torch.zeros_like(biases[0])] if len(biases) == 1 else biases
    x = _dense(torch, x, w_ih)
    y, h = torch.gru(x, h[None], [w_ih, w_hh, *biases], bool(biases), 1, 0.0, False, False, False)
    return y, h[0]


def _torch_lstm_cell(torch: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, bias: Any = None) -> Any:
    return torch.lstm_cell(x, (h, c), w_ih, w_hh, *([] if bias is None else [bias, torch.zeros_like(bias)]))


def _torch_gru_cell(torch: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, *biases: Any) -> Any:
    biases = [*biases, torch.zeros_like(biases[0])] if len(biases) == 1 else biases
    return torch.gru_cell(x, h, w_ih, w_hh, *biases)


# Calls that must raise: good arguments with T 2, N 3, I 4, H 5, but for the changes -----------------------------------


def _with(op: Any, states: str = "h0 c0", gates: int = 4, **changes: Any) -> Any:
    good: dict[str, Any] = {"input": _ones(2, 3, 4), "w_ih": _ones(5 * gates, 4), "w_hh": _ones(5 * gates, 5)}
    return op(**{**good, **{name: _ones(3, 5) for name in states.split()}, **changes})


def _cell_with(op: Any, states: str = "h c", gates: int = 4, **changes: Any) -> Any:
    good: dict[str, Any] = {"x": _ones(3, 4), "w_ih": _ones(5 * gates, 4), "w_hh": _ones(5 * gates, 5)}
    return op(**{**good, **{name: _ones(3, 5) for name in states.split()}, **changes})


def _gru_with(op: Any, **changes: Any) -> Any:
    return _with(op, "h0", 3, **changes)


def _gru_cell_with(op: Any, **changes: Any) -> Any:
    return _cell_with(op, "h", 3, **changes)


_DOUBLE = {"dtype": np.float64}

RECORDS = [
    OpRecord(
        "lstm",
        ops.lstm,
        _lstm,
        _lstm_samples,
        _TYPES,
        (
            ErrorCase(lambda op: _with(op, input=_ones(2, 3)), ValueError, "`input` has shape (2, 3)"),
            ErrorCase(lambda op: _with(op, input=_ones(2, 3, 7)), ValueError, "does not fit `w_ih` (20, 4)"),
            ErrorCase(lambda op: _with(op, input=_ones(0, 3, 4)), ValueError, "no steps"),
            ErrorCase(lambda op: _with(op, h0=_ones(3, 6)), ValueError, "`h0` has shape (3, 6)"),
            ErrorCase(lambda op: _with(op, c0=_ones(2, 5)), ValueError, "`c0` has shape (2, 5)"),
            ErrorCase(lambda op: _with(op, w_hh=_ones(20, 4)), ValueError, "`w_hh` has shape (20, 4)"),
            ErrorCase(lambda op: _with(op, bias=_ones(19)), ValueError, "`bias` has shape (19,)"),
            ErrorCase(lambda op: _with(op, h0=_ones(3, 5, **_DOUBLE)), ValueError, "`h0` float64; all must have one"),
            ErrorCase(lambda op: _with(op, gate="tanh"), ValueError, "`gate` is 'tanh'"),
            ErrorCase(lambda op: _with(op, input=[1.0]), TypeError, "`input` must be a Tensor"),
            ErrorCase(lambda op: _with(op, input=Tensor(np.full((2, 3), 4))), IndexError, "`index` runs from 4 to 4"),
        ),
        _torch_lstm,
        scale=16,
    ),
    OpRecord(
        "lstm_cell",
        ops.lstm_cell,
        _lstm_step,
        _lstm_cell_samples,
        _TYPES,
        (
            ErrorCase(lambda op: _cell_with(op, x=_ones(3, 7)), ValueError, "`input` (3, 7) does not fit `w_ih`"),
            ErrorCase(lambda op: _cell_with(op, x=_ones(4)), ValueError, "`x` is float32 of shape (4,)"),
            ErrorCase(lambda op: _cell_with(op, x=_ones(3, 4, dtype=int)), ValueError, "`x` is int64"),
            ErrorCase(lambda op: _cell_with(op, h=_ones(3, 6)), ValueError, "`h` has shape (3, 6)"),
            ErrorCase(lambda op: _cell_with(op, c=_ones(1, 5)), ValueError, "`c` has shape (1, 5)"),
            ErrorCase(lambda op: _cell_with(op, w_hh=_ones(20, 5, **_DOUBLE)), ValueError, "`w_hh` float64"),
            ErrorCase(lambda op: _cell_with(op, gate="tanh"), ValueError, "`gate` is 'tanh'"),
        ),
        _torch_lstm_cell,
        scale=16,
    ),
    OpRecord(
        "gru",
        ops.gru,
        _gru,
        _gru_samples,
        _TYPES,
        (
            ErrorCase(lambda op: _gru_with(op, input=_ones(2, 3)), ValueError, "`input` has shape (2, 3)"),
            ErrorCase(lambda op: _gru_with(op, input=_ones(2, 3, 7)), ValueError, "does not fit `w_ih` (15, 4)"),
            ErrorCase(lambda op: _gru_with(op, input=_ones(0, 3, 4)), ValueError, "no steps"),
            ErrorCase(lambda op: _gru_with(op, h0=_ones(2, 5)), ValueError, "`h0` has shape (2, 5)"),
            ErrorCase(lambda op: _gru_with(op, w_hh=_ones(20, 5)), ValueError, "`w_hh` has shape (20, 5)"),
            ErrorCase(lambda op: _gru_with(op, w_ih=_ones(20, 4)), ValueError, "does not fit `w_ih` (20, 4)"),
            ErrorCase(lambda op: _gru_with(op, b_ih=_ones(20)), ValueError, "`b_ih` has shape (20,)"),
            ErrorCase(lambda op: _gru_with(op, b_hh=_ones(1, 15)), ValueError, "`b_hh` has shape (1, 15)"),
            ErrorCase(lambda op: _gru_with(op, input=_ones(2, 3, 4, **_DOUBLE)), ValueError, "`input` is float64"),
            ErrorCase(lambda op: _gru_with(op, h0=None), TypeError, "`h0` must be a Tensor"),
            ErrorCase(lambda op: _gru_with(op, input=Tensor(np.full((2, 3), -1))), IndexError, "runs from -1 to -1"),
        ),
        _torch_gru,
        scale=16,
    ),
    OpRecord(
        "gru_cell",
        ops.gru_cell,
        _gru_step,
        _gru_cell_samples,
        _TYPES,
        (
            ErrorCase(lambda op: _gru_cell_with(op, x=_ones(3, 7)), ValueError, "`input` (3, 7) does not fit `w_ih`"),
            ErrorCase(lambda op: _gru_cell_with(op, x=_ones(1, 3, 4)), ValueError, "`x` is float32 of shape (1, 3, 4)"),
            ErrorCase(lambda op: _gru_cell_with(op, h=_ones(3, 6)), ValueError, "`h` has shape (3, 6)"),
            ErrorCase(lambda op: _gru_cell_with(op, b_hh=_ones(5)), ValueError, "`b_hh` has shape (5,)"),
            ErrorCase(lambda op: _gru_cell_with(op, b_ih=_ones(15, **_DOUBLE)), ValueError, "`b_ih` float64"),
        ),
        _torch_gru_cell,
        scale=16,
    ),
]
