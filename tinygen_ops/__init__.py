"""Kernels on plain arrays: each a readable NumPy/CuPy reference, with faster Numba and CUDA forms beside it.

Arrays in, arrays out: nothing here knows of tensors or their graph. Importing this package loads neither
Numba nor CuPy; a kernel's Numba form is imported when it is first used.
"""

from tinygen_ops.arrays import array_module, is_numpy, register_array_type
from tinygen_ops.lstm import lstm_backward, lstm_forward, lstm_sample
from tinygen_ops.matmul import matmul
from tinygen_ops.registry import Kernel, available, kernel, machine, mode, numba_problem, use
from tinygen_ops.softmax import cross_entropy_forward, log_softmax, softmax
from tinygen_ops.update import adam, global_norm, rmsprop, sgd

__all__ = [
    "Kernel",
    "adam",
    "array_module",
    "available",
    "cross_entropy_forward",
    "global_norm",
    "is_numpy",
    "kernel",
    "log_softmax",
    "lstm_backward",
    "lstm_forward",
    "lstm_sample",
    "machine",
    "matmul",
    "mode",
    "numba_problem",
    "register_array_type",
    "rmsprop",
    "sgd",
    "softmax",
    "use",
]
