"""One record for every public op: function, NumPy reference, samples, dtypes, errors, PyTorch's name for it.

From the records follow the value tests, the gradient checks of order 1 and 2, the tests of kernel forms and devices,
``tinygen gradcheck`` and the pages about the ops.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tinygen.testing.records import (
    activation,
    arithmetic,
    arrange,
    classification,
    comparison,
    conv,
    einsum,
    elementwise,
    extremes,
    indexing,
    join,
    loss,
    matmul,
    norm,
    pad,
    pool,
    reduce,
    resize,
    rnn,
    shape,
)
from tinygen.testing.records._record import ErrorCase, OpRecord, Sample, results_of

__all__ = ["RECORDS", "ErrorCase", "OpRecord", "Sample", "find", "results_of"]

_FAMILIES = (
    arithmetic, comparison, elementwise, reduce, extremes, shape, join, arrange, indexing, matmul, einsum, pad,
    activation, norm, loss, classification, rnn, conv, pool, resize,
)  # fmt: skip

RECORDS: dict[str, OpRecord] = {record.name: record for family in _FAMILIES for record in family.RECORDS}


def find(names: Iterable[str]) -> list[OpRecord]:
    """Return the records of the ops ``names`` (all, if there are none), by their own or another public name.

    Raises:
        ValueError: for a name that no op has, with those that are close to it.
    """
    names = list(names)
    by_name = {alias: record for record in RECORDS.values() for alias in (record.name, *record.aliases)}
    for name in names:
        if name not in by_name:
            close = difflib.get_close_matches(name, by_name, n=3, cutoff=0.5)
            hint = (
                f"close ones are {', '.join(close)}" if close else f"there are {', '.join(sorted(by_name))}"
            )
            raise ValueError(f"`op` is {name!r}; no op has that name, {hint}")
    return (
        list({by_name[name].name: by_name[name] for name in names}.values())
        if names
        else list(RECORDS.values())
    )
