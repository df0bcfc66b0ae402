import os
import subprocess
import sys

import numpy as np
import pytest

import tinygen_ops
from tinygen_ops import registry


def numba_double(x):
    return 2 * x + 0.5  # not the reference's value, so that a test sees which one ran


def cuda_double(x):
    return "cuda"


class Device:
    """Looks like an array, and is not NumPy's."""

    shape = (3,)


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setattr(registry, "_kernels", {})
    monkeypatch.setattr(registry, "_mode", "auto")
    monkeypatch.setattr(registry, "_problem", "")
    monkeypatch.setitem(sys.modules, "kernel_forms", sys.modules[__name__])

    def build(**options):
        return registry.Kernel("double", lambda x, **_: 2 * x, **options)

    return build


def run(code, **env):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env={**os.environ, **env}, capture_output=True, text=True
    )


def test_modes_choose_between_reference_and_numba(make):
    kernel, x = make(numba="kernel_forms:numba_double"), np.ones(2)
    assert kernel(x)[0] == 2.5
    for mode, value in (("reference", 2), ("numba", 2.5), ("exact", 2.5), ("auto", 2.5)):
        with registry.use(mode):
            assert kernel(x)[0] == value
            assert registry.mode() == mode
    assert registry.mode() == "auto"


def test_what_numba_does_not_support_runs_on_the_reference(make):
    kernel = make(numba="kernel_forms:numba_double", supports=lambda x: x.size < 3 or "too large")
    assert kernel(np.ones(2))[0] == 2.5
    assert kernel(np.ones(3))[0] == 2


def test_device_arrays_take_the_cuda_form_else_the_reference(make):
    kernel = make(numba="kernel_forms:numba_double", cuda="kernel_forms:cuda_double")
    assert kernel(Device()) == "cuda"
    assert kernel([[Device()]]) == "cuda"
    assert kernel(np.ones(2))[0] == 2.5
    kernel._paths["cuda"] = None
    kernel.reference = lambda x: "reference"
    assert kernel(Device()) == "reference"


def test_unusable_numba_falls_back_or_is_reported_where_it_was_asked_for(make, monkeypatch):
    kernel = make(numba="kernel_forms:numba_double")
    monkeypatch.setattr(registry, "_problem", "no such luck")
    assert kernel(np.ones(2))[0] == 2
    (record,) = registry.available()
    assert record == ("double", ("reference", "numba"), "reference", "no such luck")
    assert registry.machine() is None
    with pytest.raises(RuntimeError, match="no such luck"), registry.use("numba"):
        pass
    monkeypatch.setattr(registry, "_mode", "numba")
    with pytest.raises(RuntimeError, match="no such luck"):
        kernel(np.ones(2))


def test_errors_name_what_is_valid(make):
    kernel = make()
    with pytest.raises(ValueError, match="auto, reference, numba, exact"), registry.use("fast"):
        pass
    with pytest.raises(ValueError, match="double"):
        make()
    with pytest.raises(ValueError, match="double has reference"):
        kernel.load("cuda")
    assert kernel.load("reference") is kernel.reference


def test_available_lists_the_packages_kernels():
    names = {record.name for record in registry.available()}
    assert {"lstm_forward", "lstm_backward", "lstm_sample", "rmsprop", "matmul", "softmax"} <= names
    with registry.use("reference"):
        assert all(record.runs == "reference" for record in registry.available())
    assert "docstring" not in tinygen_ops.softmax.__doc__
    assert "Softmax over the last axis" in tinygen_ops.softmax.__doc__


def test_importing_loads_neither_numba_nor_cupy():
    code = "import tinygen_ops, sys; print([m for m in ('numba', 'cupy', 'llvmlite') if m in sys.modules])"
    assert run(code).stdout.strip() == "[]"


def test_the_environment_sets_the_mode():
    code = "import tinygen_ops; print(tinygen_ops.mode())"
    assert run(code, TINYGEN_KERNELS="reference").stdout.strip() == "reference"
    assert run(code, TINYGEN_KERNELS="").stdout.strip() == "auto"
    wrong = run(code, TINYGEN_KERNELS="quick")
    assert "`TINYGEN_KERNELS` is 'quick'; valid are auto, reference, numba, exact" in wrong.stderr


SMALL_RUN = """
import sys, numpy as np, tinygen_ops as ops
x = np.ones((2, 16), np.float32)
w = np.ones((64, 16), np.float32)
h, c, gates = ops.lstm_forward(np.ones((4, 64), np.float32), None, x, x, w)
ops.lstm_backward(w, None, 4, gates, c, h, None, x)
print(ops.softmax(x)[0, 0], ops.mode(), "numba" in sys.modules, ops.available()[0].why)
"""


def test_everything_runs_without_numba():
    out = run(SMALL_RUN, NUMBA_DISABLE_JIT="1", TINYGEN_KERNELS="auto")
    assert out.stdout.split()[:3] == ["0.0625", "auto", "False"], out.stderr
    assert "NUMBA_DISABLE_JIT" in out.stdout
    out = run("import sys; sys.modules['numba'] = None" + SMALL_RUN, TINYGEN_KERNELS="auto")
    assert out.stdout.startswith("0.0625"), out.stderr
    assert "cannot be imported" in out.stdout
    out = run(SMALL_RUN, NUMBA_DISABLE_JIT="1", TINYGEN_KERNELS="numba")
    assert "NUMBA_DISABLE_JIT is set; use mode 'auto'" in out.stderr
    out = run(SMALL_RUN, TINYGEN_KERNELS="reference")
    assert out.stdout.split()[:3] == ["0.0625", "reference", "False"], out.stderr
