"""Records of recurrent layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.ops import rnn as ops
from tinygen.tensor import Tensor
from tinygen.testing.records._record import FLOATS, Array, ErrorCase, OpRecord, Sample, within
from tinygen.testing.records.elementwise import sigmoid

_any = within(-1, 1)


def _ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


def _step(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, bias: Array | None = None, gate: str = "sigmoid"
) -> tuple[Array, Array]:
    squash = sigmoid if gate == "sigmoid" else lambda z: np.clip(0.2 * z + 0.5, 0, 1)
    z = x @ w_ih.T + h @ w_hh.T + (0 if bias is None else bias)
    i, f, g, o = np.split(z, 4, axis=1)
    c = squash(f) * c + squash(i) * np.tanh(g)
    return squash(o) * np.tanh(c), c


def _scan(
    x: Array, h: Array, c: Array, w_ih: Array, *rest: Any, **settings: Any
) -> tuple[Array, Array, Array]:
    if x.dtype.kind in "iu":
        x = np.eye(w_ih.shape[1])[x]
    outputs = []
    for x_t in x:
        h, c = _step(x_t, h, c, w_ih, *rest, **settings)
        outputs.append(h)
    return np.stack(outputs), h, c


def _arrays(rng: np.random.Generator, n: int, i: int, units: int, bias: bool = True) -> tuple[Array, ...]:
    """States and weights."""
    shapes: list[tuple[int, ...]] = [(n, units), (n, units), (4 * units, i), (4 * units, units)]
    return tuple(_any(rng, s) for s in [*shapes, (4 * units,)][: 4 + bias])


def _lstm_samples(rng: np.random.Generator) -> list[Sample]:
    sizes = [(3, 2, 4, 3, True), (1, 1, 1, 1, True), (2, 3, 2, 2, False), (4, 2, 5, 16, True)]
    calls = [Sample((_any(rng, (t, n, i)), *_arrays(rng, n, i, h, b))) for t, n, i, h, b in sizes]
    for t, n, v, h, bias in [(3, 2, 5, 3, True), (4, 3, 6, 16, False)]:
        calls.append(Sample((np.asarray(rng.integers(0, v, (t, n))), *_arrays(rng, n, v, h, bias))))
    calls.append(
        Sample((_any(rng, (2, 2, 3)), *_arrays(rng, 2, 3, 2)), {"gate": "hard_sigmoid"}, against_torch=False)
    )
    calls.append(Sample((_any(rng, (3, 2, 4)), *_arrays(rng, 2, 4, 3)), gaps=True))
    return [*calls, Sample((_any(rng, (12, 9, 8)), *_arrays(rng, 9, 8, 32)))]


def _cell_samples(rng: np.random.Generator) -> list[Sample]:
    sizes = [(2, 4, 3, True), (1, 1, 1, True), (3, 2, 2, False), (0, 2, 3, True), (17, 33, 16, True)]
    calls = [Sample((_any(rng, (n, i)), *_arrays(rng, n, i, h, b))) for n, i, h, b in sizes]
    calls.append(
        Sample((_any(rng, (2, 3)), *_arrays(rng, 2, 3, 2)), {"gate": "hard_sigmoid"}, against_torch=False)
    )
    return [*calls, Sample((_any(rng, (2, 4)), *_arrays(rng, 2, 4, 3)), gaps=True)]


def _torch_lstm(torch: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, bias: Any = None) -> Any:
    if not x.is_floating_point():
        x = torch.nn.functional.one_hot(x, w_ih.shape[1]).to(w_ih.dtype)
    bias = torch.zeros_like(w_hh[:, 0]) if bias is None else bias
    weights = [w_ih, w_hh, bias, torch.zeros_like(bias)]
    y, h, c = torch.lstm(x, (h[None], c[None]), weights, True, 1, 0.0, False, False, False)
    return y, h[0], c[0]


def _torch_cell(torch: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, bias: Any = None) -> Any:
    bias = torch.zeros_like(w_hh[:, 0]) if bias is None else bias
    return torch.lstm_cell(x, (h, c), w_ih, w_hh, bias, torch.zeros_like(bias))


def _with(op: Any, **changes: Any) -> Any:
    """Call ``lstm`` with good arguments (T 2, N 3, I 4, H 5) but for the ``changes``."""
    good = {
        "input": _ones(2, 3, 4),
        "h0": _ones(3, 5),
        "c0": _ones(3, 5),
        "w_ih": _ones(20, 4),
        "w_hh": _ones(20, 5),
    }
    return op(**{**good, **changes})


def _cell_with(op: Any, **changes: Any) -> Any:
    good = {"x": _ones(3, 4), "h": _ones(3, 5), "c": _ones(3, 5), "w_ih": _ones(20, 4), "w_hh": _ones(20, 5)}
    return op(**{**good, **changes})


RECORDS = [
    OpRecord(
        "lstm",
        ops.lstm,
        _scan,
        _lstm_samples,
        FLOATS,
        (
            ErrorCase(lambda op: _with(op, input=_ones(2, 3)), ValueError, "`input` has shape (2, 3)"),
            ErrorCase(lambda op: _with(op, input=_ones(2, 3, 7)), ValueError, "does not fit `w_ih` (20, 4)"),
            ErrorCase(lambda op: _with(op, input=_ones(0, 3, 4)), ValueError, "no steps"),
            ErrorCase(lambda op: _with(op, h0=_ones(3, 6)), ValueError, "`h0` has shape (3, 6)"),
            ErrorCase(lambda op: _with(op, c0=_ones(2, 5)), ValueError, "`c0` (2, 5)"),
            ErrorCase(lambda op: _with(op, w_hh=_ones(20, 4)), ValueError, "`w_hh` has shape (20, 4)"),
            ErrorCase(lambda op: _with(op, bias=_ones(19)), ValueError, "(19,)"),
            ErrorCase(lambda op: _with(op, gate="tanh"), ValueError, "`gate` is 'tanh'"),
            ErrorCase(lambda op: _with(op, input=[1.0]), TypeError, "`input` must be a Tensor"),
            ErrorCase(lambda op: _with(op, input=Tensor(np.full((2, 3), 4))), IndexError, "4"),
        ),
        _torch_lstm,
        scale=16,
    ),
    OpRecord(
        "lstm_cell",
        ops.lstm_cell,
        _step,
        _cell_samples,
        FLOATS,
        (
            ErrorCase(
                lambda op: _cell_with(op, x=_ones(3, 7)), ValueError, "`input` (3, 7) and `weight` (20, 4)"
            ),
            ErrorCase(lambda op: _cell_with(op, h=_ones(3, 6)), ValueError, "(3, 6)"),
            ErrorCase(lambda op: _cell_with(op, gate="tanh"), ValueError, "`gate` is 'tanh'"),
        ),
        _torch_cell,
        scale=16,
    ),
]
