"""Kernels on plain arrays: each a readable NumPy/CuPy reference, with faster Numba and CUDA forms beside it.

Arrays in, arrays out: nothing here knows of tensors or their graph. Importing this package loads neither
Numba nor CuPy; a kernel's Numba form is imported when it is first used.
"""

from tinygen_ops.arrays import array_module, is_numpy, register_array_type
from tinygen_ops.convolution import conv_forward, conv_input_gradient, conv_weight_gradient
from tinygen_ops.gram import gram
from tinygen_ops.gru import gru_backward, gru_forward
from tinygen_ops.lstm import lstm_backward, lstm_forward, lstm_sample
from tinygen_ops.matmul import matmul
from tinygen_ops.normalization import norm_forward
from tinygen_ops.pooling import (
    adaptive_max_pool_forward,
    avg_pool_backward,
    avg_pool_forward,
    max_pool_backward,
    max_pool_forward,
)
from tinygen_ops.registry import Kernel, available, kernel, machine, mode, numba_problem, use
from tinygen_ops.resize import resample, resize
from tinygen_ops.softmax import cross_entropy_forward, log_softmax, softmax
from tinygen_ops.update import adam, global_norm, rmsprop, sgd

__all__ = [
    "Kernel",
    "adam",
    "adaptive_max_pool_forward",
    "array_module",
    "available",
    "avg_pool_backward",
    "avg_pool_forward",
    "conv_forward",
    "conv_input_gradient",
    "conv_weight_gradient",
    "cross_entropy_forward",
    "global_norm",
    "gram",
    "gru_backward",
    "gru_forward",
    "is_numpy",
    "kernel",
    "log_softmax",
    "lstm_backward",
    "lstm_forward",
    "lstm_sample",
    "machine",
    "matmul",
    "max_pool_backward",
    "max_pool_forward",
    "mode",
    "norm_forward",
    "numba_problem",
    "register_array_type",
    "resample",
    "resize",
    "rmsprop",
    "sgd",
    "softmax",
    "use",
]
