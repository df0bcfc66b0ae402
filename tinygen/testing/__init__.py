"""Tools for those who write ops: gradient checks, comparison with tolerances by dtype, the records of tinygen's ops."""

from tinygen.testing.gradcheck import TOLERANCES, GradcheckError, assert_close, gradcheck, gradgradcheck
from tinygen.testing.records import RECORDS, ErrorCase, OpRecord, Sample

__all__ = [
    "RECORDS",
    "TOLERANCES",
    "ErrorCase",
    "GradcheckError",
    "OpRecord",
    "Sample",
    "assert_close",
    "gradcheck",
    "gradgradcheck",
]
