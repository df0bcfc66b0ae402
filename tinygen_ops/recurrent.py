"""What `lstm.py` and `gru.py` share: how the input's share of the pre-activations arrives, the gates' sigmoid.

That share, w_ih x + b, arrives as `table`. For a dense input it is the product of all steps at once, one row per
step and sequence. For one-hot input (characters) that product only picks rows of w_ih^T + b, so `table` is that
small matrix itself and `index` says which row each sequence uses at each step: a gather instead of a product, and
a scatter-add instead of its gradient.
"""

from typing import Any

import numpy as np

from tinygen_ops.arrays import array_module

__all__ = ["add_rows", "check_gradients", "check_table", "fits_numba", "rows_of", "sigmoid", "states_shape"]

Array = Any  # numpy.ndarray or cupy.ndarray


def check_table(table: Array, index: Array | None, n: int, width: int) -> int:
    """Return the number of steps T of `table` (R, width) and `index` (T, n).

    Raises:
        ValueError: the shapes do not fit, or `index` holds no integers.
        IndexError: `index` names a row that `table` does not have (checked for host arrays).
    """
    if table.ndim != 2 or table.shape[1] != width:
        raise ValueError(f"`table` has shape {table.shape}; it must be (R, {width})")
    rows = table.shape[0]
    if index is None:
        if n == 0 or rows % n:
            raise ValueError(f"`table` has {rows} rows; without `index` it must have T * N, N = {n}")
        return rows // n
    if index.ndim != 2 or index.shape[1] != n or index.dtype.kind not in "iu":
        raise ValueError(f"`index` is {index.dtype} of shape {index.shape}; it must be integers of (T, {n})")
    # On the host the rows are checked; on the device that would wait for it, so there they are not.
    if array_module(index) is np and index.size and not 0 <= index.min() <= index.max() < rows:
        raise IndexError(f"`index` runs from {index.min()} to {index.max()}; `table` has rows 0 to {rows - 1}")
    return index.shape[0]


def states_shape(h: Array) -> tuple[int, int, int]:
    """Return (T, N, H) of the hidden states h (T + 1, N, H), or raise a ValueError."""
    if h.ndim != 3 or h.shape[0] < 1:
        raise ValueError(f"`h` has shape {h.shape}; it must be (T + 1, N, H)")
    return h.shape[0] - 1, h.shape[1], h.shape[2]


def check_gradients(
    wanted: dict[str, tuple[Array | None, tuple[int, ...]]], h: Array, index: Array | None, rows: int
) -> None:
    """Check what a backward pass got: `wanted` maps a name to the array, or None, and the shape it must have.

    Raises:
        ValueError: a shape differs, or `rows` is not T N where there is no `index`.
    """
    for name, (array, shape) in wanted.items():
        if array is not None and array.shape != shape:
            raise ValueError(f"`{name}` has shape {array.shape}; with h of {h.shape} it must be {shape}")
    if index is None and rows != (h.shape[0] - 1) * h.shape[1]:
        raise ValueError(f"`rows` is {rows}; without `index` it must be T * N = {(h.shape[0] - 1) * h.shape[1]}")


def rows_of(table: Array, index: Array | None, t: int, n: int) -> Array:
    """Return the rows of `table` that the n sequences use at step t: (N, width)."""
    return table[t * n : (t + 1) * n] if index is None else table[index[t]]


def add_rows(values: Array, index: Array | None, rows: int) -> Array:
    """Return the gradient of `table` (rows, width) from that of the rows in use, values (T N, width)."""
    if index is None:
        return values
    xp = array_module(values, index)
    total = xp.zeros((rows, values.shape[1]), values.dtype)
    xp.add.at(total, index.reshape(-1), values)
    return total


def fits_numba(*arrays: Array) -> bool | str:
    """The Numba forms take float32, and H (last axis of the last array) a multiple of 16, of every vector width."""
    if not all(type(array) is np.ndarray and array.dtype == np.float32 and array.size for array in arrays):
        return "not all arrays are float32 with elements"
    return True if arrays[-1].shape[-1] % 16 == 0 else "H is not a multiple of 16"


def sigmoid(xp: Any, z: Array) -> Array:
    """Return 1 / (1 + exp(-z)), written so that nothing in it can overflow."""
    return 0.5 * (1 + xp.tanh(0.5 * z))
