import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tinygen_ops import numba_problem


@pytest.fixture(scope="module")
def kernels():
    if numba_problem():
        pytest.skip(numba_problem())
    spec = importlib.util.spec_from_file_location("vector_kernels", Path(__file__).with_name("vector_kernels.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def address(array):
    return array.ctypes.data


EXACT = {"exp": np.exp, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "tanh": np.tanh, "sqrt": np.sqrt}


@pytest.mark.parametrize(
    ("name", "low", "high", "relative"),
    [("exp", -87, 88, 1.3e-7), ("sigmoid", -87, 88, 2.4e-7), ("tanh", -30, 30, 3.2e-7), ("sqrt", 0, 1e30, 6e-8)],
)
def test_functions_are_as_precise_as_they_say(kernels, rng, name, low, high, relative):
    spread = [rng.uniform(low, high, 2**18), rng.uniform(max(low, -1), 1, 2**17)]
    tiny = 10.0 ** rng.uniform(-30, 0, 2**17)
    x = np.concatenate((*spread, tiny, tiny if low == 0 else -tiny)).astype(np.float32)
    out = np.empty_like(x)
    kernels.FUNCTIONS[name](address(x), address(out), x.size)
    exact = EXACT[name](x.astype(np.float64))
    np.testing.assert_allclose(out, exact, rtol=relative, atol=0)


def test_functions_at_the_ends(kernels):
    x = np.full(kernels.W * 2, np.nan, np.float32)
    x[:8] = [0, -0.0, np.inf, -np.inf, 3e38, -3e38, 1e-40, np.nan][: min(8, x.size)]
    ends = {
        "exp": [1, 1, 2.2e38, 0, 2.2e38, 0, 1, np.nan],
        "sigmoid": [0.5, 0.5, 1, 0, 1, 0, 0.5, np.nan],
        "tanh": [0, 0, 1, -1, 1, -1, 0, np.nan],
    }
    for name, expected in ends.items():
        out = np.empty_like(x)
        kernels.FUNCTIONS[name](address(x), address(out), x.size)
        np.testing.assert_allclose(out[:8], expected, rtol=3e-2 if name == "exp" else 1e-6, atol=1e-37, err_msg=name)
        assert abs(out[0:8][~np.isnan(out[:8])]).max() <= (3e38 if name == "exp" else 1), name


def test_arithmetic(kernels, rng):
    width = kernels.W
    a, b, c = (rng.standard_normal(width).astype(np.float32) for _ in range(3))
    out = np.empty(9 * width, np.float32)
    kernels.arithmetic(address(a), address(b), address(c), address(out))
    one = np.full(width, a[1])
    wanted = [a + b, a - b, a * b, a / b, a * b + c, np.maximum(a, b), np.minimum(a, b), np.where(a < b, c, a), one]
    np.testing.assert_allclose(out, np.concatenate(wanted), rtol=1e-6, atol=1e-6)
    total, largest = kernels.sums(address(a))
    assert total == pytest.approx(a.sum(), abs=1e-5)
    assert largest == a.max()


def test_transpose(kernels, rng):
    width = kernels.W
    x, out = rng.standard_normal((width, width + 3)).astype(np.float32), np.zeros((width, width + 5), np.float32)
    kernels.transpose(address(x[:, 2:]), width + 3, address(out[:, 1:]), width + 5)
    wanted = np.zeros_like(out)
    wanted[:, 1:-4] = x[:, 2:-1].T
    np.testing.assert_array_equal(out, wanted)


def test_take_gives_each_number_once(kernels):
    np.testing.assert_array_equal(kernels.share(2, 200_000), 1)


@pytest.mark.parametrize("add", [0, 1])
@pytest.mark.parametrize("depth", [0, 1, 7, 32])
@pytest.mark.parametrize(("vectors", "rows"), [(1, 1), (2, 3), (2, 4)])
def test_runs_of_tiles_are_sums_of_partial_sums(kernels, rng, vectors, rows, depth, add):
    parts, count, wide = 3, 2, vectors * kernels.W
    a = rng.integers(-9, 9, (count * rows, parts * depth + 5)).astype(np.float32)
    b = rng.integers(-9, 9, (parts * depth, wide)).astype(np.float32)
    out = np.full((count * rows + 1, wide + 1), 7, np.float32)
    sizes = parts, depth, add, count
    run = kernels.table({rows}, "run")[vectors, rows]
    kernels.call(run, (address(a), a.shape[1], address(b), address(out), wide + 1, *sizes))
    wanted = np.full_like(out, 7)
    wanted[:-1, :-1] = a[:, : parts * depth] @ b + 7 * add
    np.testing.assert_array_equal(out, wanted)


def test_partial_sums_are_added_in_order(kernels):
    a = np.array([[2**24, 1, 1, 1]], np.float32)  # 2^24 + 1 is 2^24, 2^24 + (1 + 1) is not
    b, out = np.ones((4, kernels.W), np.float32), np.zeros((1, kernels.W), np.float32)
    for parts, total in ((1, 2**24), (2, 2**24 + 2)):
        about = address(a), 4, address(b), address(out), kernels.W, parts, 4 // parts, 0, 1
        kernels.call(kernels.table({1}, "run")[1, 1], about)
        assert (out == total).all()


@pytest.mark.parametrize("rows", [1, 3, 8, 13, 33])
@pytest.mark.parametrize("columns", [1, 16, 33, 64])
@pytest.mark.parametrize("add", [False, True])
def test_product_writes_its_panels_and_nothing_else(kernels, rng, rows, columns, add):
    panel, depth, guard = 2 * kernels.W, 19, 64
    padded = -(-columns // panel) * panel

    def guarded(size, fill):
        whole = np.full(size + 2 * guard, 77, np.float32)
        whole[guard:-guard] = fill
        return whole, whole[guard:-guard]

    a = rng.standard_normal((depth, rows)).astype(np.float32).T
    b = rng.standard_normal((columns, depth)).astype(np.float32).T
    panels_all, panels = guarded(padded * depth, np.nan)
    out_all, out = guarded(rows * padded, 2 if add else np.nan)
    left, right = (address(a), 1, rows, rows, depth), (address(b), 1, depth, columns, padded)
    kernels.multiply(*left, *right, address(panels), address(out), add)
    got = out.reshape(rows, padded)
    np.testing.assert_allclose(got[:, :columns], a @ b + (2 if add else 0), atol=1e-5)
    np.testing.assert_array_equal(got[:, columns:], 2 if add else 0)
    for whole in (panels_all, out_all):
        assert (whole[:guard] == 77).all()
        assert (whole[-guard:] == 77).all()
