"""Which algorithm a convolution takes, asked without running one."""

import importlib

from tinygen_ops.registry import mode, numba_problem

Ints = tuple[int, ...]


def way(samples: int, channels: int, out: int, kernel: Ints, stride: Ints, size: Ints) -> str:
    """Say which algorithm a convolution in float32 takes on the CPU, and why.

    Args:
        samples: N.
        channels: C.
        out: O.
        kernel: KH and KW.
        stride: along both axes.
        size: lengths of the result.
    """
    if mode() == "reference" or numba_problem():
        return "plain: columns and a product"
    numba_form = importlib.import_module("tinygen_ops.convolution_numba")
    return str(numba_form.choose(samples, channels, out, kernel, stride, (1, 1), 1, size, mode() == "exact"))
