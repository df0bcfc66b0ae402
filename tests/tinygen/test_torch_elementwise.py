"""Functions of one variable against PyTorch: every dtype, special values, errors, both orders."""


import numpy as np
import pytest

import tinygen as tg
from tinygen.nn import functional as F

pytestmark = pytest.mark.torch
RNG = np.random.default_rng(0)
TYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]
SHAPES = [(), (0,), (1, 5), (3, 4), (2, 0, 3)]
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, np.inf, -np.inf, np.nan, 1e-300, 1e300, -1e300, 800.0])
NAMES = (
    "abs sign floor ceil round exp log log1p expm1 sqrt rsqrt square sin cos tanh sigmoid erf logical_not isnan isinf "
    "isfinite neg"
).split()
POSITIVE = {"log", "sqrt", "rsqrt"}


def call(name):
    return lambda lib, x: getattr(lib, name)(x)


@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients(same, name):
    """Random numbers, both orders; the method too."""
    for shape in SHAPES:
        x = RNG.uniform(0.2, 3, shape) if name in POSITIVE else RNG.uniform(-0.9, 3, shape)
        same(call(name), np.asarray(x), label=f"{name} {shape}")
        same(lambda lib, a: getattr(a, name)(), np.asarray(x, np.float32), order=1, label=f"{name} {shape} float32")
    same(call(name), RNG.uniform(0.2, 3, (4, 6)).T[:, ::2], label=f"{name}, gaps")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", TYPES)
def test_types(same, name, dtype):
    same(call(name), np.array([[0, 1, 2], [3, 1, 0]], dtype), order=0, label=f"{name} {dtype}")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values(same, name, dtype):
    """Values and gradients at zeros, infinities, NaN and where float32 over- or underflows, without a warning."""
    with np.errstate(over="ignore"):
        x = SPECIAL.astype(dtype)
    if name in ("sin", "cos"):  # far out the two libraries' reductions of the angle differ, ours is NumPy's
        x = x[np.abs(np.nan_to_num(x, posinf=0, neginf=0)) < 1e9]
    same(call(name), x, order=1, label=name)


def test_kinks(same):
    zeros = np.array([0.0, -0.0, 1.0, -1.0])
    for name in ("abs", "sign", "square", "floor", "round"):
        same(lambda lib, x, name=name: getattr(lib, name)(x) * x, zeros, label=name)


@pytest.mark.parametrize("beta", [1, 0.5, 3.0, -2.0])
@pytest.mark.parametrize("threshold", [20, 1.0, 0.0, -1.0])
def test_softplus(same, torch, beta, threshold):
    def soft(lib, x):
        return (F if lib is tg else torch.nn.functional).softplus(x, beta, threshold)

    for shape in SHAPES:
        same(soft, np.asarray(RNG.uniform(-3, 3, shape)), label=f"{beta} {threshold} {shape}")
    same(soft, SPECIAL, order=0)
    same(soft, np.arange(3))
    assert tg.softplus is F.softplus
