"""The gradients of one op against finite differences, at all samples of its record."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygen.testing.gradcheck import gradient_error, second_gradient_error
from tinygen.testing.records import OpRecord, Sample

__all__ = ["RTOL", "check_op", "samples_to_check"]

RTOL = 1e-6  # what gradcheck allows
_SMALL = 200  # elements: a larger sample is checked at order 1 only


def samples_to_check(record: OpRecord, order: int, dtype: type = np.float64) -> Iterator[tuple[Sample, str]]:
    """Yield the samples at which gradients of ``order`` are checked, each with a name for messages.

    Args:
        record: an op's.
        order: 1 or 2.
        dtype: what the samples will be used in.
    """
    for number, sample in enumerate(record.calls()):
        wanted = sample.gradients and any(x.requires_grad for x in sample.tensors(dtype))
        if wanted and (order == 1 or sum(a.size for a in sample.arrays) <= _SMALL):
            shapes = [a.shape for a in sample.arrays]
            yield sample, f"{record.name}, sample {number} {shapes} {sample.settings}"


def check_op(record: OpRecord, order: int, device: str = "cpu") -> float:
    """Check the gradients of one op.

    Args:
        record: the op's.
        order: 1 or 2.
        device: where it runs.

    Returns:
        The largest error, scaled so that :data:`RTOL` is the limit.

    Raises:
        GradcheckError: if a gradient is wrong.
        ValueError: if the op has no gradient of that order.
    """
    if not 1 <= order <= record.order:
        raise ValueError(f"`order` is {order}; {record.name} has gradients up to order {record.order}")
    worst = 0.0
    for sample, name in samples_to_check(record, order):
        call, tensors = record.on_tensors(sample), sample.tensors(np.float64, device)
        if order == 1:
            full = sum(t._data.size for t in tensors) <= 24
            worst = max(worst, gradient_error(call, tensors, rtol=RTOL, full=full, name=name))
        else:
            worst = max(worst, second_gradient_error(call, tensors, rtol=RTOL, directions=1, name=name))
    return worst
