"""The record of padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygen.ops import pad as ops
from tinygen.testing.records._record import KEEP, Array, ErrorCase, OpRecord, Sample
from tinygen.testing.records.shape import anything, ones

_CASES: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((), (), {}),
    ((3,), (1, 2), {"value": 1.0}),
    ((2, 3), (1, 0), {}),
    ((2, 3), (1, 0, 0, 2), {"value": -2.5}),
    ((1, 5), (-1, -2), {}),
    ((2, 3, 4), (-1, 2, 1, -2), {"value": 1.0}),
    ((2, 3), (-3, 0), {}),
    ((0, 2), (1, 1, 1, 0), {"value": 1.0}),
    ((2, 3), (), {}),
    ((2, 5), (4, 3), {"mode": "reflect"}),
    ((1, 4), (-2, 3), {"mode": "reflect"}),
    ((2, 3, 4), (1, 2, 2, 0), {"mode": "reflect"}),
    ((2, 1, 3, 4), (1, 2, 2, 1), {"mode": "reflect"}),
    ((1, 2, 2, 2, 2), (1, 1, 1, 0, 0, 1), {"mode": "reflect"}),
    ((2, 3), (4, 1), {"mode": "replicate"}),
    ((2, 1, 3, 4), (1, -2, 0, 2), {"mode": "replicate"}),
    ((0, 2, 3), (1, 1), {"mode": "replicate"}),
    ((2, 3), (3, 2), {"mode": "circular"}),
    ((1, 5), (-2, 2), {"mode": "circular"}),
    ((2, 3, 4), (4, 1, 0, 3), {"mode": "circular"}),
    ((1, 3), (-3, 0), {"mode": "circular"}),
    ((3, 17, 37), (5, 6), {"mode": "reflect"}),
)


def _samples(rng: np.random.Generator) -> list[Sample]:
    made = [Sample((anything(rng, shape), widths), settings) for shape, widths, settings in _CASES]
    made += [Sample((anything(rng, (2, 3, 4)), (1, 1)), {"mode": mode}, gaps=True) for mode in ops.MODES]
    return [*made, Sample((anything(rng, (4, 3)).T, (1, 2)), {"mode": "circular"})]


def _pad(x: Array, pad: tuple[int, ...], mode: str = "constant", value: float | None = None) -> Array:
    """Each number of the result is looked up by itself, axis by axis."""
    for k, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        axis = x.ndim - 1 - k
        if mode == "circular":
            x = np.take(x, range(max(-before, 0), x.shape[axis] - max(-after, 0)), axis)
            before, after = max(before, 0), max(after, 0)
        n = x.shape[axis]
        places = np.arange(-before, n + after)
        if mode == "constant":
            inside = (places >= 0) & (places < n)
            if n:
                x = np.take(x, np.clip(places, 0, n - 1), axis)
            else:
                x = np.zeros((*x.shape[:axis], len(places), *x.shape[axis + 1 :]), x.dtype)
            fill = np.asarray(0 if value is None else value).astype(x.dtype)
            x = np.where(inside.reshape(-1, *(1,) * k), x, fill)
        elif mode == "reflect":
            x = np.take(x, n - 1 - np.abs(n - 1 - np.abs(places)), axis)
        elif mode == "replicate":
            x = np.take(x, np.clip(places, 0, n - 1), axis)
        else:
            x = np.take(x, places % n if n else places, axis)
    return x


RECORDS = [
    OpRecord(
        "pad",
        ops.pad,
        _pad,
        _samples,
        {t: r for t, r in KEEP.items() if t.kind != "u"},  # -2.5 is no unsigned integer
        (
            ErrorCase(lambda op: op(ones(3), (1,)), ValueError, "`pad` is (1,); two numbers"),
            ErrorCase(lambda op: op(ones(3), (1, 1, 1, 1)), ValueError, "two numbers for each of at most 1 axes"),
            ErrorCase(lambda op: op(ones(3), 1), TypeError, "`pad` is 1"),
            ErrorCase(lambda op: op(ones(3), (0.5, 1)), TypeError, "`pad` is (0.5, 1)"),
            ErrorCase(lambda op: op(ones(3), (-2, -2)), ValueError, "it cuts more than there is"),
            ErrorCase(lambda op: op(ones(3), (1, 1), "wrap"), ValueError, "`mode` is 'wrap'; valid are 'constant'"),
            ErrorCase(lambda op: op(ones(3), (1, 1), value="a"), TypeError, "`value` is 'a'"),
            ErrorCase(lambda op: op(ones(3).int(), (1, 1), value=2.0**40), ValueError, "does not fit int32"),
            ErrorCase(lambda op: op(ones(3).to(np.float16), (1, 1), value=1e9), ValueError, "does not fit float16"),
            ErrorCase(lambda op: op(ones(1, 3), (1, 1), "reflect", 1), ValueError, "only mode 'constant' takes one"),
            ErrorCase(lambda op: op(ones(3), (1, 1), "reflect"), ValueError, "for 1 axes; mode 'reflect' pads"),
            ErrorCase(lambda op: op(ones(1, 3), (), "reflect"), ValueError, "for 2 axes; mode 'reflect' pads"),
            ErrorCase(lambda op: op(ones(1, 3), (3, 0), "reflect"), ValueError, "mode 'reflect' takes up to 2 there"),
            ErrorCase(lambda op: op(ones(1, 3), (0, 4), "circular"), ValueError, "'circular' takes up to 3 there"),
            ErrorCase(lambda op: op(ones(1, 3), (-1, 3), "circular"), ValueError, "'circular' takes up to 2 there"),
            ErrorCase(lambda op: op(ones(1, 3), (-3, 0), "replicate"), ValueError, "leaving lengths [1, 0]"),
            ErrorCase(lambda op: op(ones(1, 0), (1, 1), "replicate"), ValueError, "needs elements to copy"),
            ErrorCase(lambda op: op([1.0], (1, 1)), TypeError, "must be a Tensor"),
        ),
        "nn.functional.pad",
        scale=2,
    ),
]
